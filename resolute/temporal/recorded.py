"""What Temporal recorded of a run, read back on the run's own plan.

The interpreter runs once more over the recorded answers, so that a run can be shown with its conditions and skipped
steps when no worker is there. Activity ids are step ids, which is what maps the history onto the plan.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, cast

from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.api.failure.v1 import CanceledFailureInfo
from temporalio.api.failure.v1 import Failure as FailureMessage
from temporalio.api.history.v1 import HistoryEvent
from temporalio.converter import DataConverter
from temporalio.exceptions import ApplicationError, FailureError, is_cancelled_exception
from temporalio.exceptions import TimeoutError as TemporalTimeoutError

from resolute.plan.errors import FlowError, NodeFailedError
from resolute.plan.plan import Plan, When, walk
from resolute.plan.values import Json
from resolute.running.compared import compared
from resolute.running.evaluate import Scope
from resolute.running.interpreter import Interpreter
from resolute.running.recall import Memory, memory_in_result, newest
from resolute.running.report import Failure, RunReport, StepReport
from resolute.running.result import result_of
from resolute.running.runtime import CallRequest
from resolute.temporal.attempts import Attempts, attempts_in
from resolute.temporal.failures import node_failure
from resolute.temporal.handed import READS_FAILURES, of_failure
from resolute.temporal.shelter import SHELTERS
from resolute.temporal.start import RECORD_PLAN, Start, open_record, read_plan, read_start

_TURNS: Final = 20
"""Turns of the event loop without a sign of the interpreter, after which every branch waits."""

_CANCELLED: Final = FailureMessage(message="cancelled", canceled_failure_info=CanceledFailureInfo())
_ENDS: Final = (
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT,
)


@dataclass
class _Answer:
    """What is recorded of one activity. `ended_by` is the number of the event that says so."""

    began_at: datetime
    ended_at: datetime | None = None
    output: Json = None
    failure: FailureError | None = None
    ended_by: int = 0
    arguments: Json = None
    attempts: Attempts = ()
    queue: str | None = None


@dataclass
class Recorded:
    """What is recorded of one run. `cancelled_by` is the number of the event by which it was asked to end."""

    start: Start
    completed: Memory | None
    failed: Memory | None
    began_at: datetime
    answers: dict[str, _Answer] = field(default_factory=dict[str, _Answer])
    plan: Plan | None = None
    result: Json = None
    failure: BaseException | None = None
    cancelled_by: int | None = None
    has_ended: bool = False


class _StillGoing(BaseException):
    """The history ends here. Not an error: nothing may catch it on its way out of the interpreter."""


class _RecordedRuntime:
    def __init__(self, recorded: Recorded) -> None:
        self._recorded = recorded
        self._now = recorded.began_at
        self._signs = 0
        self._at_cancel: asyncio.Event | None = None
        self._is_cancelled = False
        self.cancel_run: Callable[[], None] = _nothing

    def now(self) -> datetime:
        self._signs += 1
        return self._now

    async def call(self, request: CallRequest) -> Json:
        self._signs += 1
        answer = self._recorded.answers.get(request.step)
        if answer is not None:
            answer.arguments = request.arguments
        given_up = self._was_at_work(answer)
        if given_up:
            await self._cancelled()
        if answer is None or answer.ended_at is None:
            if given_up and self._recorded.has_ended:
                raise asyncio.CancelledError
            raise _StillGoing
        self._now = max(self._now, answer.ended_at)
        if answer.failure is not None:
            if given_up and is_cancelled_exception(answer.failure):
                raise asyncio.CancelledError
            raise node_failure(request, answer.failure)
        return answer.output

    def cancel(self) -> None:
        self._is_cancelled = True

    def _was_at_work(self, answer: _Answer | None) -> bool:
        """Whether the call was at work when the run was cancelled."""
        cancelled_by = self._recorded.cancelled_by
        if cancelled_by is None or self._is_cancelled:
            return False
        return answer is None or answer.ended_at is None or answer.ended_by > cancelled_by

    async def _cancelled(self) -> None:
        """Waits until all that was recorded before the cancel has been told, then has the run cancelled, once."""
        if self._at_cancel is None:
            self._at_cancel = asyncio.Event()
            signs, turns = -1, 0
            while turns < _TURNS:
                turns = turns + 1 if signs == self._signs else 0
                signs = self._signs
                await asyncio.sleep(0)
            self.cancel_run()
            self._at_cancel.set()
        await self._at_cancel.wait()


async def replayed(recorded: Recorded) -> RunReport | None:
    """The run as far as it is recorded; None where it has not recorded its plan yet."""
    plan = recorded.start.plan or recorded.plan
    if plan is None:
        return None
    memory = newest(recorded.completed, recorded.failed if plan.interpreter >= READS_FAILURES else None)
    runtime = _RecordedRuntime(recorded)
    interpreter = Interpreter(plan, runtime, input_data=recorded.start.input, memory=memory)
    runtime.cancel_run = interpreter.cancel
    if plan.interpreter < SHELTERS:
        recorded.cancelled_by = None  # what it did when it was cancelled is no part of its plan
    with suppress(_StillGoing, FlowError):
        await interpreter.run()
    report, scope = interpreter.state.report(), interpreter.state.scope()
    conditions = {step.id: step.condition for step in walk((*plan.steps, *plan.on_failure)) if isinstance(step, When)}
    steps = tuple(
        _with_condition(step, conditions[step.id], scope)
        if step.id in conditions
        else _with_answer(step, recorded.answers.get(step.id))
        for step in report.steps
    )
    return report.model_copy(update={"steps": steps, "result": result_of(recorded.result)})


def _with_condition(step: StepReport, condition: Json, scope: Scope) -> StepReport:
    return step.model_copy(update={"compared": compared(condition, scope)}) if step.taken else step


def _with_answer(step: StepReport, answer: _Answer | None) -> StepReport:
    """A step with the times of its own activity: the replay's clock stands at the latest of those beside it."""
    if answer is None or step.kind != "call":
        return step
    ended = {"ended_at": answer.ended_at} if answer.ended_at and step.ended_at else {}
    update = {"started_at": answer.began_at, "arguments": answer.arguments, "attempts": answer.attempts, **ended}
    return step.model_copy(update=update)


async def read_history(events: Sequence[HistoryEvent], converter: DataConverter) -> Recorded:
    """What the events of a run say."""
    reader = _Reader(converter)
    return await reader.read(events)


class _Reader:
    def __init__(self, converter: DataConverter) -> None:
        self._converter = converter
        self._scheduled: dict[int, str] = {}

    async def read(self, events: Sequence[HistoryEvent]) -> Recorded:
        started = events[0].workflow_execution_started_event_attributes
        arguments = await self._values(started.input.payloads)
        last = await self._values(started.last_completion_result.payloads)
        failure = await self._failure(started.continued_failure) if started.HasField("continued_failure") else None
        recorded = Recorded(
            start=read_start(arguments[0] if arguments else None),
            completed=_readable(lambda: memory_in_result(last[0] if last else None)),
            failed=_readable(lambda: of_failure(failure)),
            began_at=_time(events[0]),
        )
        for event in events[1:]:
            await self._event(event, recorded)
        return recorded

    async def _event(self, event: HistoryEvent, recorded: Recorded) -> None:
        match event.event_type:
            case EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
                step = event.activity_task_scheduled_event_attributes.activity_id
                self._scheduled[event.event_id] = step
                queue = event.activity_task_scheduled_event_attributes.task_queue.name
                recorded.answers[step] = _Answer(began_at=_time(event), queue=queue)
            case EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED:
                begun = event.activity_task_started_event_attributes
                if begun.HasField("last_failure"):  # of the attempt before the last one, which is told by how it ended
                    answer = recorded.answers[self._scheduled[begun.scheduled_event_id]]
                    answer.attempts = attempts_in(await self._failure(begun.last_failure))
            case EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
                completed = event.activity_task_completed_event_attributes
                await self._close(recorded, completed.scheduled_event_id, event, result=completed.result.payloads)
            case EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED:
                failed = event.activity_task_failed_event_attributes
                await self._close(recorded, failed.scheduled_event_id, event, failure=failed.failure)
            case EventType.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT:
                late = event.activity_task_timed_out_event_attributes
                await self._close(recorded, late.scheduled_event_id, event, failure=late.failure)
            case EventType.EVENT_TYPE_ACTIVITY_TASK_CANCELED:
                ended = event.activity_task_canceled_event_attributes
                await self._close(recorded, ended.scheduled_event_id, event, failure=_CANCELLED)
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED:
                recorded.cancelled_by = recorded.cancelled_by or event.event_id
            case _ if event.event_type in _ENDS:
                recorded.has_ended = True
                await self._end(event, recorded)
            case EventType.EVENT_TYPE_MARKER_RECORDED:
                await self._marker(event, recorded)
            case _:
                pass

    async def _end(self, event: HistoryEvent, recorded: Recorded) -> None:
        if event.HasField("workflow_execution_completed_event_attributes"):
            results = await self._values(event.workflow_execution_completed_event_attributes.result.payloads)
            recorded.result = results[0] if results else None
        elif event.HasField("workflow_execution_failed_event_attributes"):
            recorded.failure = await self._failure(event.workflow_execution_failed_event_attributes.failure)

    async def _close(
        self,
        recorded: Recorded,
        scheduled: int,
        event: HistoryEvent,
        *,
        result: Sequence[Payload] = (),
        failure: FailureMessage | None = None,
    ) -> None:
        answer = recorded.answers[self._scheduled[scheduled]]
        answer.ended_at = _time(event)
        answer.ended_by = event.event_id
        values = await self._values(result)
        answer.output = values[0] if values else None
        if failure is not None:
            answer.failure = await self._failure(failure)
            answer.attempts = attempts_in(answer.failure) or answer.attempts

    async def _marker(self, event: HistoryEvent, recorded: Recorded) -> None:
        marker = event.marker_recorded_event_attributes
        if marker.marker_name != "core_local_activity":
            return
        data = cast("Mapping[str, Any]", json.loads(marker.details["data"].payloads[0].data))
        step = str(data["activity_id"])
        values = await self._values(marker.details["result"].payloads if "result" in marker.details else ())
        value = values[0] if values else None
        if step == RECORD_PLAN:
            # A worker that does not have the flow has recorded a failure, and no plan.
            recorded.plan = None if marker.HasField("failure") else read_plan(open_record(value)[0])
            return
        answer = _Answer(began_at=_time(event), ended_at=_time(event), output=value, ended_by=event.event_id)
        if marker.HasField("failure"):
            answer.failure = await self._failure(marker.failure)
            answer.attempts = attempts_in(answer.failure)
        recorded.answers[step] = answer

    async def _values(self, payloads: Sequence[Payload]) -> list[Json]:
        return cast("list[Json]", await self._converter.decode(list(payloads))) if payloads else []

    async def _failure(self, failure: FailureMessage) -> FailureError:
        error = await self._converter.decode_failure(failure)
        return error if isinstance(error, FailureError) else ApplicationError(str(error), type=type(error).__name__)


def last_failure(step: str, node: str, error: BaseException) -> Failure:
    """Why the last attempt of a step that is still tried failed."""
    cause = error
    if isinstance(error, TemporalTimeoutError):
        return Failure(step=step, node=node, error_type="TimeoutError", message=error.message)
    if isinstance(cause, ApplicationError):
        return Failure(step=step, node=node, error_type=cause.type or "ApplicationError", message=cause.message)
    return Failure(step=step, node=node, error_type=type(cause).__name__, message=str(cause))


def run_failure_of(error: BaseException | None) -> Failure | None:
    """Why a run failed, where no step says it."""
    if not isinstance(error, ApplicationError):
        return None
    if error.type == NodeFailedError.__name__ and error.details and isinstance(error.details[0], Mapping):
        return Failure.model_validate(error.details[0])
    return Failure(step="", node="", error_type=error.type or "ApplicationError", message=error.message)


def _nothing() -> None:
    pass


def _readable(read: Callable[[], Memory | None]) -> Memory | None:
    with suppress(ValueError):  # the run itself was null there, and said so
        return read()
    return None


def _time(event: HistoryEvent) -> datetime:
    return event.event_time.ToDatetime(tzinfo=UTC)
