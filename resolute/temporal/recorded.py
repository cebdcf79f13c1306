"""What Temporal recorded of a run, read back on the run's own plan.

The interpreter runs once more over the recorded answers, so that a run can be shown with its conditions and skipped
steps when no worker is there. Activity ids are step ids, which is what maps the history onto the plan.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.api.failure.v1 import Failure as FailureMessage
from temporalio.api.history.v1 import HistoryEvent
from temporalio.converter import DataConverter
from temporalio.exceptions import ApplicationError, FailureError
from temporalio.exceptions import TimeoutError as TemporalTimeoutError

from resolute.plan.errors import FlowError, NodeFailedError
from resolute.plan.plan import Plan
from resolute.plan.values import Json
from resolute.running.interpreter import Interpreter
from resolute.running.recall import Memory, memory_in_result, newest
from resolute.running.report import Failure, RunReport
from resolute.running.result import result_of
from resolute.running.runtime import CallRequest
from resolute.temporal.failures import node_failure
from resolute.temporal.handed import READS_FAILURES, of_failure
from resolute.temporal.start import RECORD_PLAN, Start, open_record, read_plan, read_start


@dataclass
class _Answer:
    """What is recorded of one activity."""

    began_at: datetime
    ended_at: datetime | None = None
    output: Json = None
    failure: FailureError | None = None


@dataclass
class Recorded:
    """What is recorded of one run."""

    start: Start
    completed: Memory | None
    failed: Memory | None
    began_at: datetime
    answers: dict[str, _Answer] = field(default_factory=dict[str, _Answer])
    plan: Plan | None = None
    result: Json = None
    failure: BaseException | None = None


class _StillGoing(BaseException):
    """The history ends here. Not an error: nothing may catch it on its way out of the interpreter."""


class _RecordedRuntime:
    def __init__(self, recorded: Recorded) -> None:
        self._recorded = recorded
        self._now = recorded.began_at

    def now(self) -> datetime:
        return self._now

    async def call(self, request: CallRequest) -> Json:
        answer = self._recorded.answers.get(request.step)
        if answer is None or answer.ended_at is None:
            raise _StillGoing
        self._now = max(self._now, answer.ended_at)
        if answer.failure is not None:
            raise node_failure(request, answer.failure)
        return answer.output


async def replayed(recorded: Recorded) -> RunReport | None:
    """The run as far as it is recorded; None where it has not recorded its plan yet."""
    plan = recorded.start.plan or recorded.plan
    if plan is None:
        return None
    memory = newest(recorded.completed, recorded.failed if plan.interpreter >= READS_FAILURES else None)
    runtime = _RecordedRuntime(recorded)
    interpreter = Interpreter(plan, runtime, input_data=recorded.start.input, memory=memory)
    with suppress(_StillGoing, FlowError):
        await interpreter.run()
    report = interpreter.state.report()
    steps = tuple(
        step.model_copy(update={"started_at": recorded.answers[step.id].began_at})
        if step.id in recorded.answers and step.kind == "call"
        else step
        for step in report.steps
    )
    return report.model_copy(update={"steps": steps, "result": result_of(recorded.result)})


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
                recorded.answers[step] = _Answer(began_at=_time(event))
            case EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
                completed = event.activity_task_completed_event_attributes
                await self._close(recorded, completed.scheduled_event_id, event, result=completed.result.payloads)
            case EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED:
                failed = event.activity_task_failed_event_attributes
                await self._close(recorded, failed.scheduled_event_id, event, failure=failed.failure)
            case EventType.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT:
                late = event.activity_task_timed_out_event_attributes
                await self._close(recorded, late.scheduled_event_id, event, failure=late.failure)
            case EventType.EVENT_TYPE_MARKER_RECORDED:
                await self._marker(event, recorded)
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED:
                results = await self._values(event.workflow_execution_completed_event_attributes.result.payloads)
                recorded.result = results[0] if results else None
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED:
                recorded.failure = await self._failure(event.workflow_execution_failed_event_attributes.failure)
            case _:
                pass

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
        values = await self._values(result)
        answer.output = values[0] if values else None
        if failure is not None:
            answer.failure = await self._failure(failure)

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
        answer = _Answer(began_at=_time(event), ended_at=_time(event), output=value)
        if marker.HasField("failure"):
            answer.failure = await self._failure(marker.failure)
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


def _readable(read: Callable[[], Memory | None]) -> Memory | None:
    with suppress(ValueError):  # the run itself was null there, and said so
        return read()
    return None


def _time(event: HistoryEvent) -> datetime:
    return event.event_time.ToDatetime(tzinfo=UTC)
