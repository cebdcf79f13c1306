"""Makes the record of a run out of its histories: the interpreter runs over them, and what it is answered is noted."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast

from pydantic import JsonValue
from temporalio.client import Client

from resolute.plan.errors import ConfigurationError, NodeFailedError
from resolute.plan.values import Json
from resolute.running.interpreter import Interpreter
from resolute.running.made import CallStoppedError
from resolute.running.messages import Message
from resolute.running.record import MOST_TOLD, Answer, OtherRun, RunRecord, Said
from resolute.running.report import RunStatus
from resolute.running.runtime import Answered, CallRequest, ChildFailedError, ChildRequest, Paused
from resolute.running.shared.asking import Asking
from resolute.running.window import Window
from resolute.temporal.history.reading import read_history
from resolute.temporal.history.recorded import Recorded
from resolute.temporal.history.replaying import RecordedRuntime, memory_handed, replay, with_answers
from resolute.temporal.history.runs import describe_run
from resolute.temporal.wire.failures import run_failure_of
from resolute.temporal.wire.finding import RunKey
from resolute.temporal.wire.parts import histories
from resolute.temporal.workflows.shared import answer_in, question

_ALL_PARTS: Final = 10_000


class NotExportedError(ConfigurationError):
    """A run has no record that could be written."""


async def export_run(client: Client, key: RunKey) -> RunRecord:
    """A run as data, whether it still goes on or has ended.

    Raises:
        NotExportedError: it ended before it had a plan.
        UnknownRunError: Temporal knows no such run.
        temporalio.service.RPCError: Temporal refused, or did not answer.
    """
    summary = (await describe_run(client, key.workflow_id, key.run_id)).summary
    parts = await histories(client, summary.workflow_id, summary.run_id, most=_ALL_PARTS)
    recorded = await read_history(parts, client.data_converter)
    return await record_of(recorded, RunKey(summary.workflow_id, summary.run_id), summary.status)


async def record_of(recorded: Recorded, key: RunKey, status: RunStatus) -> RunRecord:
    """What is recorded of a run, as data.

    Raises:
        NotExportedError: it has no plan.
    """
    plan = recorded.start.plan or recorded.plan
    if plan is None:
        raise NotExportedError(
            f"run {key.workflow_id} has no plan yet, or ended before it had one: there is nothing to export"
        )
    listening: list[_Listening] = []

    def listen(recorded: Recorded) -> _Listening:
        listening.append(_Listening(recorded))
        return listening[-1]

    earlier = recorded.start.earlier
    report, _ = await replay(recorded, plan, Window(only=earlier.only), answering=listen, most=MOST_TOLD)
    (runtime,) = listening
    report = with_answers(report, recorded)
    failure = report.failure or run_failure_of(recorded.failure)
    memory = memory_handed(recorded, plan)
    return RunRecord(
        run=key.workflow_id,
        run_id=key.run_id,
        person=recorded.origin.person,
        began_at=runtime.began_at,
        scheduled_for=recorded.scheduled_for or recorded.began_at,
        cancelled_at=runtime.cancelled_at,
        plan=plan,
        input=cast("JsonValue", recorded.start.input),
        memory=None if memory is None else cast("dict[str, JsonValue]", memory.as_detail()),
        outcomes=cast("dict[str, JsonValue] | None", earlier.outcomes),
        only=earlier.only,
        answers={step: tuple(each.answer() for each in noted) for step, noted in runtime.noted.items()},
        said=tuple(runtime.said),
        report=report.model_copy(update={"status": status, "failure": failure}),
    )


@dataclass
class _Noted:
    """What one asking of a step has come to so far."""

    ended_at: datetime | None = None
    output: Json = None
    error: NodeFailedError | ChildFailedError | None = None

    def answer(self) -> Answer:
        """As the record holds it."""
        output, error = cast("JsonValue", self.output), self.error
        if isinstance(error, NodeFailedError):
            return Answer(ended_at=self.ended_at, failure=dict(error.facts()))
        if error is not None:
            other = OtherRun(
                failure=error.failure,
                trace=error.trace,
                failed_as_well=error.failed_as_well,
                given_up=error.given_up,
            )
            return Answer(ended_at=self.ended_at, other=other)
        return Answer(ended_at=self.ended_at, output=output)


class _Listening(RecordedRuntime):
    """Notes what it answers, and what the run is told."""

    def __init__(self, recorded: Recorded) -> None:
        super().__init__(recorded)
        self.began_at = self._now
        self.cancelled_at: datetime | None = None
        self.noted: dict[str, list[_Noted]] = {}
        self.said: list[Said] = []
        self._open: dict[str, datetime] = {}

    @contextmanager
    def _noting(self, step: str) -> Generator[_Noted]:
        noted = _Noted()
        self.noted.setdefault(step, []).append(noted)
        try:
            yield noted
        except (NodeFailedError, ChildFailedError) as error:
            noted.ended_at, noted.error = self._moment(), error
            raise
        except CallStoppedError:
            self.noted[step].remove(noted)  # it is made again when nothing stops it any more
            raise
        noted.ended_at = self._moment()

    def _moment(self) -> datetime:
        """Now, and not before a cancel that the run knows of: a local activity ends by the clock of its worker.

        Where another call was begun in the same trip, this one ended before the cancel.
        """
        if self.is_ahead:
            return self._now
        return max(self._now, self.cancelled_at or self._now)

    async def call(
        self, request: CallRequest, behind: Sequence[CallRequest] = (), paused: Paused | None = None
    ) -> Json:
        """See `Runtime.call`."""
        with self._noting(request.step) as noted:
            noted.output = await super().call(request)
        return noted.output

    async def share(self, asking: Asking) -> Json:
        """See `Runtime.share`."""
        with self._noting(asking.step) as noted:
            noted.output = answer_in(await super().call(question(asking)))
        return noted.output

    async def child(self, request: ChildRequest) -> Json:
        """See `Runtime.child`."""
        with self._noting(request.step) as noted:
            noted.output = await super().child(request)
        return noted.output

    async def call_together(
        self, requests: Sequence[CallRequest], *, at_once: int, stops: bool, paused: Paused | None = None
    ) -> list[Answered]:
        """See `Runtime.call_together`."""
        answers = await super().call_together(requests, at_once=at_once, stops=stops, paused=paused)
        for request, answer in zip(requests, answers, strict=True):
            if answer.stopped is not None or answer.put_off:
                continue
            ended_at = None if answer.given_up else self._moment()
            noted = _Noted(ended_at=ended_at, output=answer.output, error=answer.failure)
            self.noted.setdefault(request.step, []).append(noted)
        return answers

    def bring(self, interpreter: Interpreter) -> bool:
        """See `RecordedRuntime.bring`; what listens by now was opened before what comes now."""
        for to in interpreter.open_at(""):
            self._open.setdefault(to, self._now)
        return super().bring(interpreter)

    def took(self, message: Message) -> None:
        """See `RecordedRuntime.took`."""
        after = (self._now - self._open.get(message.to, self._now)).total_seconds()
        self.said.append(
            Said(
                at=self._now,
                after=after,
                to=message.to,
                word=message.word,
                data=cast("JsonValue", message.data),
                by=message.by,
            )
        )

    def _tell(self, interpreter: Interpreter, at: datetime, said: Json | None) -> None:
        if said is None:
            self.cancelled_at = max(self._now, at)
        super()._tell(interpreter, at, said)
