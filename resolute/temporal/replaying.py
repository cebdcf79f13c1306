"""A recorded run, replayed with its own plan.

The interpreter runs again with the recorded answers, so that a run can be shown with its conditions and skipped steps
even without a worker.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime
from typing import Final

from temporalio.exceptions import is_cancelled_exception

from resolute.plan.errors import FlowError
from resolute.plan.values import Json
from resolute.running.interpreter import Interpreter
from resolute.running.messages import MessageRefusedError
from resolute.running.outcomes import outcomes_from
from resolute.running.recall import newest
from resolute.running.report import RunReport, StepReport
from resolute.running.result import result_of
from resolute.running.runtime import CallRequest
from resolute.temporal.failures import node_failure
from resolute.temporal.handed import READS_FAILURES
from resolute.temporal.messages import message_of
from resolute.temporal.recorded import Answer, Recorded
from resolute.temporal.shelter import SHELTERS

_TURNS: Final = 20
"""Turns of the event loop without activity of the interpreter, after which every branch is waiting."""


class _RecordedRuntime:
    """Answers as it was answered. What came from outside (messages, a cancel) comes again behind what was before it."""

    def __init__(self, recorded: Recorded) -> None:
        self._recorded = recorded
        self._now = recorded.began_at
        self._signs = 0
        self._is_cancelled = False
        self._came = asyncio.Event()
        self._coming: list[tuple[int, datetime, Json | None]] = [*recorded.said]
        if recorded.cancelled_by is not None:
            self._coming.append((recorded.cancelled_by, recorded.began_at, None))
        self._coming.sort(key=lambda each: each[0])

    def now(self) -> datetime:
        self._signs += 1
        return self._now

    def is_full(self, ended: int) -> bool:
        return False  # the history that is read back has ended where it ended

    async def sleep(self, step: str, until: datetime | None) -> None:
        self._signs += 1
        fired = self._recorded.fired.get(step)
        if until is None or not fired:
            await self._never()
        else:
            event, at = fired.pop(0)
            await self._until(event)
            self._now = max(self._now, at)

    async def call(self, request: CallRequest) -> Json:
        self._signs += 1
        answer = self._recorded.answers.get(request.step)
        if answer is not None:
            answer.arguments = request.arguments
        given_up = self._was_at_work(answer)
        if answer is None or answer.ended_at is None:
            if given_up and self._recorded.has_ended:
                await self._until(None)
                raise asyncio.CancelledError
            await self._never()
            raise asyncio.CancelledError
        await self._until(answer.ended_by)
        self._now = max(self._now, answer.ended_at)
        if answer.failure is not None:
            if given_up and is_cancelled_exception(answer.failure):
                raise asyncio.CancelledError
            raise node_failure(request, answer.failure)
        return answer.output

    def cancel(self, part: str = "") -> None:
        self._is_cancelled = self._is_cancelled or not part

    async def settled(self, run: asyncio.Task[Json]) -> None:
        """Waits until nothing moves any more."""
        signs, turns = -1, 0
        while turns < _TURNS and not run.done():
            turns = turns + 1 if signs == self._signs else 0
            signs = self._signs
            await asyncio.sleep(0)

    def bring(self, interpreter: Interpreter) -> bool:
        """Brings what came next from outside; False where nothing did."""
        if not self._coming:
            return False
        _, at, said = self._coming.pop(0)
        if said is None:
            interpreter.cancel()
        else:
            self._now = max(self._now, at)
            with suppress(MessageRefusedError):  # so it was when it came
                interpreter.take(message_of(said))
        came, self._came = self._came, asyncio.Event()
        came.set()
        return True

    async def _until(self, event: int | None) -> None:
        """Waits until all has come that came before an event."""
        while self._coming and (event is None or self._coming[0][0] < event):
            await self._came.wait()
        self._signs += 1

    async def _never(self) -> None:
        await asyncio.get_running_loop().create_future()

    def _was_at_work(self, answer: Answer | None) -> bool:
        """Whether the call was running when the run was cancelled."""
        cancelled_by = self._recorded.cancelled_by
        if cancelled_by is None or self._is_cancelled:
            return False
        return answer is None or answer.ended_at is None or answer.ended_by > cancelled_by


async def replayed(recorded: Recorded) -> RunReport | None:
    """The run as far as it is recorded; None if it has not recorded its plan yet."""
    plan = recorded.start.plan or recorded.plan
    if plan is None:
        return None
    memory = newest(recorded.completed, recorded.failed if plan.interpreter >= READS_FAILURES else None)
    if plan.interpreter < SHELTERS:
        recorded.cancelled_by = None  # what it did when it was cancelled is no part of its plan
    runtime = _RecordedRuntime(recorded)
    taken = recorded.start.earlier.outcomes
    interpreter = Interpreter(
        plan,
        runtime,
        input_data=recorded.start.input,
        memory=memory,
        scheduled_for=recorded.scheduled_for or recorded.began_at,
        outcomes=None if taken is None else outcomes_from(taken),
        observed=True,
    )
    run = asyncio.ensure_future(interpreter.run())
    await runtime.settled(run)
    while not run.done() and runtime.bring(interpreter):
        await runtime.settled(run)
    report = interpreter.state.report()  # before it is let go of, which looks like a cancel
    run.cancel()
    with suppress(FlowError, asyncio.CancelledError):
        await run
    steps = tuple(_with_answer(step, recorded.answers.get(step.id)) for step in report.steps)
    return report.model_copy(update={"steps": steps, "result": result_of(recorded.result)})


def _with_answer(step: StepReport, answer: Answer | None) -> StepReport:
    """A step with its own activity's times: the replay's clock is at the latest of all parallel ones."""
    if answer is None or step.kind != "call":
        return step
    ended = {"ended_at": answer.ended_at} if answer.ended_at and step.ended_at else {}
    update = {"started_at": answer.began_at, "arguments": answer.arguments, "attempts": answer.attempts, **ended}
    return step.model_copy(update=update)
