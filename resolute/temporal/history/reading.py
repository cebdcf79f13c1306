"""Reads the history of a run: each event says something about it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

from temporalio.api.common.v1 import Header, Memo, Payload
from temporalio.api.enums.v1 import WorkflowTaskFailedCause
from temporalio.api.failure.v1 import CanceledFailureInfo
from temporalio.api.failure.v1 import Failure as FailureMessage
from temporalio.api.history.v1 import HistoryEvent
from temporalio.converter import DataConverter, decode_typed_search_attributes
from temporalio.exceptions import (
    ApplicationError,
    FailureError,
    TerminatedError,
    TimeoutType,
    WorkflowAlreadyStartedError,
)
from temporalio.exceptions import TimeoutError as TemporalTimeoutError

from resolute.plan.values import Json
from resolute.running.made import STOPPED
from resolute.running.origin import Origin
from resolute.running.recall import Memory, memory_in_failure, memory_in_result
from resolute.temporal.history.event_kinds import EventKind
from resolute.temporal.history.recorded import Answer, Recorded
from resolute.temporal.wire.attempts import attempts_in
from resolute.temporal.wire.ids import is_whole, step_of
from resolute.temporal.wire.messages import ASK, TELL
from resolute.temporal.wire.start import (
    PERSON,
    RECORD_PLAN,
    SCHEDULED_FOR,
    STARTED_BY_STEP,
    Start,
    open_record,
    read_plan,
    read_start,
)
from resolute.temporal.wire.together import TOGETHER, Round, Said, round_in
from resolute.temporal.wire.tracing import parent_in
from resolute.temporal.workflows.handed import of_failure
from resolute.temporal.workflows.hearing import REFUSED

_CANCELLED: Final = FailureMessage(message="cancelled", canceled_failure_info=CanceledFailureInfo())
_HANDED_BACK: Final = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE
_ENDS: Final = (
    EventKind.WORKFLOW_EXECUTION_COMPLETED,
    EventKind.WORKFLOW_EXECUTION_FAILED,
    EventKind.WORKFLOW_EXECUTION_CANCELED,
    EventKind.WORKFLOW_EXECUTION_TERMINATED,
    EventKind.WORKFLOW_EXECUTION_TIMED_OUT,
)


_CHILD_ENDS: Final = (
    EventKind.CHILD_WORKFLOW_EXECUTION_COMPLETED,
    EventKind.CHILD_WORKFLOW_EXECUTION_FAILED,
    EventKind.CHILD_WORKFLOW_EXECUTION_CANCELED,
    EventKind.CHILD_WORKFLOW_EXECUTION_TERMINATED,
    EventKind.CHILD_WORKFLOW_EXECUTION_TIMED_OUT,
    EventKind.START_CHILD_WORKFLOW_EXECUTION_FAILED,
)


async def read_history(parts: Sequence[Sequence[HistoryEvent]], converter: DataConverter) -> Recorded:
    """What the events of a run say: of its one history, or of each that it was continued in, oldest first."""
    reader = Reader(converter)
    recorded = await reader.begin(parts[0][0])
    for events in parts:
        await reader.read(events, recorded)
    return recorded


async def start_of(first: HistoryEvent, converter: DataConverter) -> Start:
    """What a run was started with, by the first event of its history.

    Raises:
        UnsupportedPlanError: this release cannot read the plan in it.
    """
    payloads = first.workflow_execution_started_event_attributes.input.payloads
    arguments = await converter.decode(list(payloads)) if payloads else []
    return read_start(cast("Json", arguments[0]) if arguments else None)


class Reader:
    """Reads the histories of one run, oldest first, as far as there are any: what follows later is read later."""

    def __init__(self, converter: DataConverter) -> None:
        self._converter = converter
        self._scheduled: dict[int, str] = {}
        self._timers: dict[str, str] = {}
        self._tasks: dict[int, datetime] = {}
        self._before = 0
        self._latest = 0
        self._known = 0
        self._continued_by = 0

    async def begin(self, first: HistoryEvent, start: Start | None = None) -> Recorded:
        """What a run began with; `start` is what it was started with, where that was read already."""
        started = first.workflow_execution_started_event_attributes
        start = start or await start_of(first, self._converter)
        last = await self._values(started.last_completion_result.payloads)
        failure = await self._failure(started.continued_failure) if started.HasField("continued_failure") else None
        recorded = Recorded(
            start=start,
            completed=_readable(lambda: memory_in_result(last[0] if last else None)),
            failed=_readable(lambda: of_failure(failure)),
            began_at=_time(first),
            scheduled_for=decode_typed_search_attributes(started.search_attributes).get(SCHEDULED_FOR),
            origin=Origin(started.first_execution_run_id, await self._person(started.memo)),
            trace_id=_trace_id(started.header),
        )
        handed = recorded.start.earlier.memory
        if handed is not None:
            recorded.completed, recorded.failed = None, _readable(lambda: memory_in_failure([handed]))
        return recorded

    async def read(self, events: Sequence[HistoryEvent], recorded: Recorded) -> None:
        """Adds what the next events say; the first one of a history says that the one before it has ended."""
        for event in events:
            if event.event_id == 1:
                self._turn_over(event, recorded)
            else:
                await self._event(event, recorded)
            self._latest = event.event_id
        if self._continued_by and len(recorded.tasks) > self._known:
            recorded.continued.append((self._continued_by, recorded.tasks[self._known][1]))
            self._continued_by = 0

    def _turn_over(self, first: HistoryEvent, recorded: Recorded) -> None:
        self._before += self._latest
        self._continued_by = self._number(first) if self._before else 0
        self._known = len(recorded.tasks)
        self._scheduled.clear()
        self._timers.clear()

    def _number(self, event: HistoryEvent) -> int:
        """The number of an event among all events of the run."""
        return self._before + event.event_id

    async def _event(self, event: HistoryEvent, recorded: Recorded) -> None:
        match event.event_type:
            case EventKind.ACTIVITY_TASK_SCHEDULED:
                step = await self._step_of(event)
                self._scheduled[event.event_id] = step
                scheduled = event.activity_task_scheduled_event_attributes
                recorded.add(step, Answer(began_at=_time(event), queue=scheduled.task_queue.name))
                recorded.trace_id = recorded.trace_id or _trace_id(scheduled.header)
            case EventKind.ACTIVITY_TASK_STARTED:
                begun = event.activity_task_started_event_attributes
                if begun.HasField(
                    "last_failure"
                ):  # of the attempt before the last one, whose failure is in the event that ended it
                    answer = recorded.answers[self._scheduled[begun.scheduled_event_id]]
                    answer.attempts = attempts_in(await self._failure(begun.last_failure))
            case EventKind.ACTIVITY_TASK_COMPLETED:
                completed = event.activity_task_completed_event_attributes
                await self._close(recorded, completed.scheduled_event_id, event, result=completed.result.payloads)
            case EventKind.ACTIVITY_TASK_FAILED:
                failed = event.activity_task_failed_event_attributes
                await self._close(recorded, failed.scheduled_event_id, event, failure=failed.failure)
            case EventKind.ACTIVITY_TASK_TIMED_OUT:
                late = event.activity_task_timed_out_event_attributes
                await self._close(recorded, late.scheduled_event_id, event, failure=late.failure)
            case EventKind.ACTIVITY_TASK_CANCELED:
                ended = event.activity_task_canceled_event_attributes
                await self._close(recorded, ended.scheduled_event_id, event, failure=_CANCELLED)
            case EventKind.START_CHILD_WORKFLOW_EXECUTION_INITIATED:
                await self._child(event, recorded)
            case _ if event.event_type in _CHILD_ENDS:
                await self._child_ended(event, recorded)
            case EventKind.WORKFLOW_TASK_STARTED:
                self._tasks[event.event_id] = _time(event)
            case EventKind.WORKFLOW_TASK_COMPLETED:
                began = event.workflow_task_completed_event_attributes.started_event_id
                recorded.tasks.append((self._before + began, self._tasks[began]))
                recorded.handed_back = None
            case EventKind.WORKFLOW_TASK_FAILED:
                untaken = event.workflow_task_failed_event_attributes
                if untaken.cause == _HANDED_BACK:
                    recorded.handed_back = await self._failure(untaken.failure)
            case EventKind.TIMER_STARTED:
                timer = event.timer_started_event_attributes.timer_id
                self._timers[timer] = await self._summary(event)
            case EventKind.TIMER_FIRED:
                step = self._timers.get(event.timer_fired_event_attributes.timer_id, "")
                recorded.fired.setdefault(step, []).append((self._number(event), _time(event)))
            case EventKind.WORKFLOW_EXECUTION_SIGNALED:
                signal = event.workflow_execution_signaled_event_attributes
                await self._said(event, _time(event), recorded, signal.signal_name, signal.input.payloads)
            case EventKind.WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
                asked = event.workflow_execution_update_accepted_event_attributes.accepted_request.input
                # It is recorded when the task has ended in which the run took it.
                at = recorded.tasks[-1][1] if recorded.tasks else _time(event)
                await self._said(event, at, recorded, asked.name, asked.args.payloads)
            case EventKind.WORKFLOW_EXECUTION_CANCEL_REQUESTED:
                recorded.cancelled_by = recorded.cancelled_by or self._number(event)
            case _ if event.event_type in _ENDS:
                recorded.has_ended = True
                await self._end(event, recorded)
            case EventKind.MARKER_RECORDED:
                await self._marker(event, recorded)
            case _:
                pass

    async def _step_of(self, event: HistoryEvent) -> str:
        """The step of an activity, whose summary names it where its id is too long for Temporal."""
        known = event.activity_task_scheduled_event_attributes.activity_id
        if is_whole(known):
            return known
        summary = await self._summary(event)
        return step_of(known, summary) if summary else known

    async def _summary(self, event: HistoryEvent) -> str:
        """The summary of what an event has begun; nothing where it has none, as in workflows of others."""
        if not event.user_metadata.HasField("summary"):
            return ""
        return str((await self._values([event.user_metadata.summary]))[0])

    async def _child(self, event: HistoryEvent, recorded: Recorded) -> None:
        begun = event.start_child_workflow_execution_initiated_event_attributes
        recorded.trace_id = recorded.trace_id or _trace_id(begun.header)
        if STARTED_BY_STEP in begun.memo.fields:
            step = str((await self._values([begun.memo.fields[STARTED_BY_STEP]]))[0])
            self._scheduled[event.event_id] = step
            recorded.add(step, Answer(began_at=_time(event), run=begun.workflow_id))

    async def _child_ended(self, event: HistoryEvent, recorded: Recorded) -> None:
        """A run that a step had started has ended, or could not be started."""
        ended: Any = getattr(event, str(event.WhichOneof("attributes")))
        if ended.initiated_event_id not in self._scheduled:
            return
        match event.event_type:
            case EventKind.CHILD_WORKFLOW_EXECUTION_COMPLETED:
                await self._close(recorded, ended.initiated_event_id, event, result=ended.result.payloads)
            case EventKind.CHILD_WORKFLOW_EXECUTION_FAILED:
                await self._close(recorded, ended.initiated_event_id, event, failure=ended.failure)
            case EventKind.CHILD_WORKFLOW_EXECUTION_CANCELED:
                await self._close(recorded, ended.initiated_event_id, event, failure=_CANCELLED)
            case _:
                await self._close(recorded, ended.initiated_event_id, event)
                answer = recorded.answers[self._scheduled[ended.initiated_event_id]]
                answer.failure = _other_end(event)

    async def _said(
        self, event: HistoryEvent, at: datetime, recorded: Recorded, name: str, payloads: Sequence[Payload]
    ) -> None:
        values = await self._values(payloads) if name in (ASK, TELL) else []
        if values:
            recorded.said.append((self._number(event), at, values[0]))

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
        answer.ended_by = self._number(event)
        values = await self._values(result)
        answer.output = values[0] if values else None
        if failure is not None:
            answer.failure = await self._failure(failure)
            answer.attempts = attempts_in(answer.failure) or answer.attempts

    async def _marker(self, event: HistoryEvent, recorded: Recorded) -> None:
        marker = event.marker_recorded_event_attributes
        if marker.marker_name == "core_patch":
            mark = str(json.loads(marker.details["patch-data"].payloads[0].data)["id"])
            if mark.startswith(f"{REFUSED}:"):
                recorded.refused.append(mark.removeprefix(f"{REFUSED}:"))
        if marker.marker_name != "core_local_activity":
            return
        data = cast("Mapping[str, Any]", json.loads(marker.details["data"].payloads[0].data))
        step = str(data["activity_id"])
        values = await self._values(marker.details["result"].payloads if "result" in marker.details else ())
        value = values[0] if values else None
        if step == RECORD_PLAN:
            # A worker that does not have the flow has recorded a failure, and no plan.
            if not marker.HasField("failure"):
                record = open_record(value)
                recorded.plan = read_plan(record.plan)
                recorded.start = replace(recorded.start, input=record.input_of(recorded.start.input))
            return
        answer = Answer(
            began_at=_moment(data.get("original_schedule_time"), event),
            ended_at=_moment(data.get("complete_time"), event),
            output=value,
            ended_by=self._number(event),
            is_local=True,
        )
        if data.get("activity_type") == TOGETHER and not marker.HasField("failure"):
            self._together(round_in(value), answer, recorded)
            return
        if marker.HasField("failure"):
            answer.failure = await self._failure(marker.failure)
            answer.attempts = attempts_in(answer.failure)
        recorded.add(step, answer)

    def _together(self, made: Round, answer: Answer, recorded: Recorded) -> None:
        """What is recorded of calls that were made by one activity."""
        for number, (step, said) in enumerate(made.said.items()):
            before = recorded.answers.get(step)
            one = self._one_of(answer, said, before)
            if not made.in_turn:
                recorded.answers[step] = one
                continue
            if one.ended_at is not None:  # each ended at its own time, the last one with the activity
                one.ended_at -= timedelta(seconds=made.took - made.ended[step])
            if number:
                recorded.ahead.append((one.ended_by, step))
            recorded.go_on(step, one)

    def _one_of(self, together: Answer, said: Said, before: Answer | None) -> Answer:
        """What is recorded of one of several calls that were made together."""
        answer = replace(
            together,
            began_at=before.began_at if before else together.began_at,
            output=said.output,
            attempts=said.attempts or (before.attempts if before and before.ended_at is None else ()),
        )
        if said.word == "stopped":
            answer.output = {STOPPED: said.facts}
        if said.word == "again":
            answer.ended_at = None
        if said.word in ("failed", "given up"):
            answer.failure = said.failure(self._converter.payload_converter)
        return answer

    async def _person(self, memo: Memo) -> str:
        found = await self._values([memo.fields[PERSON]]) if PERSON in memo.fields else []
        return str(found[0]) if found else ""

    async def _values(self, payloads: Sequence[Payload]) -> list[Json]:
        return cast("list[Json]", await self._converter.decode(list(payloads))) if payloads else []

    async def _failure(self, failure: FailureMessage) -> FailureError:
        error = await self._converter.decode_failure(failure)
        return error if isinstance(error, FailureError) else ApplicationError(str(error), type=type(error).__name__)


def _readable(read: Callable[[], Memory | None]) -> Memory | None:
    with suppress(ValueError):  # the run itself was null there, and recorded that
        return read()
    return None


def _other_end(event: HistoryEvent) -> FailureError:
    match event.event_type:
        case EventKind.CHILD_WORKFLOW_EXECUTION_TERMINATED:
            return TerminatedError("terminated")
        case EventKind.CHILD_WORKFLOW_EXECUTION_TIMED_OUT:
            return TemporalTimeoutError("timed out", type=TimeoutType.START_TO_CLOSE, last_heartbeat_details=())
        case _:
            refused = event.start_child_workflow_execution_failed_event_attributes
            return WorkflowAlreadyStartedError(refused.workflow_id, refused.workflow_type.name)


def _trace_id(header: Header) -> str:
    """The trace that a run is started in, or starts calls in; empty where there is none, or none that is recorded."""
    parent = parent_in(header.fields)
    return parent.trace_id if parent is not None and parent.is_sampled else ""


def _moment(said: Mapping[str, int] | None, event: HistoryEvent) -> datetime:
    """A time as the SDK writes it into the marker of a local activity; that of the marker where it says none."""
    if not said:
        return _time(event)
    return datetime.fromtimestamp(said["seconds"], UTC) + timedelta(microseconds=said["nanos"] // 1000)


def _time(event: HistoryEvent) -> datetime:
    """When it happened, rounded as the SDK rounds the clock of a run."""
    return datetime.fromtimestamp(event.event_time.ToNanoseconds() / 1e9, UTC)
