"""A recorded history, cut off where a worker could have died, as the server gives it to the next worker."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any, Final, TypeAlias

from temporalio.api.enums.v1 import EventType, TimeoutType
from temporalio.api.history.v1 import (
    HistoryEvent,
    WorkflowTaskScheduledEventAttributes,
    WorkflowTaskStartedEventAttributes,
    WorkflowTaskTimedOutEventAttributes,
)
from temporalio.client import WorkflowHistory
from temporalio.worker import UnsandboxedWorkflowRunner, WorkflowRunner
from temporalio.worker._workflow_instance import WorkflowInstance, WorkflowInstanceDetails

Named: TypeAlias = tuple[str, str]
"""A command, or the event that it became: what it is, and the id by which it is known."""

LOCAL: Final[Named] = ("local activity", "")

SCHEDULED: Final = EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED
STARTED: Final = EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED
COMPLETED: Final = EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
TIMED_OUT: Final = EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT


def boundaries(history: WorkflowHistory) -> Iterator[tuple[WorkflowHistory, list[Named]]]:
    """The history up to where each task had begun whose answer commanded something, with what it commanded.

    A task that brought an update is left out: what was asked is recorded with the answer alone.
    """
    for place, event in enumerate(history.events[:-1]):
        if event.event_type != STARTED or history.events[place + 1].event_type != COMPLETED:
            continue
        rest = history.events[place + 2 :]
        followed = [named for each in rest if _answers(each) == event.event_id + 1 for named in _as(each)]
        if followed and not _has_update(rest):
            yield WorkflowHistory(history.workflow_id, history.events[: place + 1]), followed


def crashes(history: WorkflowHistory) -> Iterator[WorkflowHistory]:
    """The history up to each event behind which a worker could have died, and the task that the next worker gets."""
    for place in range(2, len(history.events)):
        before, after = list(history.events[:place]), history.events[place]
        if _answers(after) or (after.event_type == COMPLETED and before[-1].event_type != STARTED):
            continue  # what a task has brought is recorded with its answer, or not at all
        yield WorkflowHistory(history.workflow_id, [*before, *_next_task(before)])


def _next_task(events: Sequence[HistoryEvent]) -> list[HistoryEvent]:
    """What makes the next worker go on: the task that is open times out where one had begun, and another one begins."""
    last = events[-1]
    task = next((e for e in reversed(events) if e.event_type in (SCHEDULED, STARTED, COMPLETED, TIMED_OUT)), last)
    more: list[HistoryEvent] = []

    def add(kind: EventType.ValueType, **attributes: Any) -> int:
        more.append(HistoryEvent(event_id=last.event_id + len(more) + 1, event_type=kind, **attributes))
        more[-1].event_time.CopyFrom(last.event_time)
        return more[-1].event_id

    scheduled = task.event_id
    if task.event_type == STARTED:
        timed_out = WorkflowTaskTimedOutEventAttributes(
            scheduled_event_id=task.workflow_task_started_event_attributes.scheduled_event_id,
            started_event_id=task.event_id,
            timeout_type=TimeoutType.TIMEOUT_TYPE_START_TO_CLOSE,
        )
        add(TIMED_OUT, workflow_task_timed_out_event_attributes=timed_out)
    if task.event_type != SCHEDULED:
        scheduled = add(SCHEDULED, workflow_task_scheduled_event_attributes=WorkflowTaskScheduledEventAttributes())
    started = WorkflowTaskStartedEventAttributes(scheduled_event_id=scheduled)
    add(STARTED, workflow_task_started_event_attributes=started)
    return more


def _has_update(events: Sequence[HistoryEvent]) -> bool:
    """Whether an update was taken before the next task."""
    this = takewhile(lambda event: event.event_type != SCHEDULED, events)
    return any(event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED for event in this)


def _attributes(event: HistoryEvent) -> Any:
    return getattr(event, event.WhichOneof("attributes") or "")


def _answers(event: HistoryEvent) -> int:
    """The event of the answered task that this one was an answer to; 0 where it was none."""
    return getattr(_attributes(event), "workflow_task_completed_event_id", 0)


def _as(event: HistoryEvent) -> list[Named]:
    """The command that became an event."""
    kind, about = event.WhichOneof("attributes") or "", _attributes(event)
    match kind.removesuffix("_event_attributes"):
        case "activity_task_scheduled":
            return [("activity", about.activity_id)]
        case "marker_recorded" if about.marker_name == "core_local_activity":
            return [LOCAL]
        case "timer_started":
            return [("timer", about.timer_id)]
        case "start_child_workflow_execution_initiated":
            return [("child", about.workflow_id)]
        case "workflow_execution_completed" | "workflow_execution_failed" | "workflow_execution_canceled" as end:
            return [("end", end)]
        case "workflow_execution_continued_as_new" as end:
            return [("end", end)]
        case _:
            return []


_ENDS: Final = {
    "complete_workflow_execution": "workflow_execution_completed",
    "fail_workflow_execution": "workflow_execution_failed",
    "cancel_workflow_execution": "workflow_execution_canceled",
    "continue_as_new_workflow_execution": "workflow_execution_continued_as_new",
}


def commanded(command: Any) -> list[Named]:
    """A command of the SDK, named as the event that it becomes."""
    kind = command.WhichOneof("variant")
    about = getattr(command, kind)
    match kind:
        case "schedule_activity":
            return [("activity", about.activity_id)]
        case "schedule_local_activity":
            return [LOCAL]
        case "start_timer":
            return [("timer", str(about.seq))]
        case "start_child_workflow_execution":
            return [("child", about.workflow_id)]
        case _ if kind in _ENDS:
            return [("end", _ENDS[kind])]
        case _:
            return []


def _recorded(commands: Sequence[Any]) -> list[Named]:
    """The commands of a task, as they are recorded: a timer that it has started and stopped is not."""
    stopped = [("timer", str(each.cancel_timer.seq)) for each in commands if each.HasField("cancel_timer")]
    return [named for each in commands for named in commanded(each) if named not in stopped]


def as_far_as(followed: list[Named], given: list[Named]) -> list[Named]:
    """What followed, as far as it can be given before a local activity has been run."""
    return followed[: len(given)] if LOCAL in given else followed


@dataclass
class Watched(WorkflowRunner):
    """Runs workflows as the product's worker does, and keeps what each of them commanded, activation by activation."""

    inner: UnsandboxedWorkflowRunner = field(default_factory=UnsandboxedWorkflowRunner)
    commands: list[list[list[Named]]] = field(default_factory=list[list[list[Named]]])

    def prepare_workflow(self, defn: Any) -> None:
        """As the runner inside."""
        self.inner.prepare_workflow(defn)

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """An instance that is watched."""
        self.commands.append([])
        return _WatchedInstance(self.inner.create_instance(det), self.commands[-1])

    def set_worker_level_failure_exception_types(self, types: Sequence[type[BaseException]]) -> None:
        """As the runner inside."""
        self.inner.set_worker_level_failure_exception_types(types)


class _WatchedInstance(WorkflowInstance):
    def __init__(self, inner: WorkflowInstance, commands: list[list[Named]]) -> None:
        self._inner = inner
        self._commands = commands

    def activate(self, act: Any) -> Any:
        completion = self._inner.activate(act)
        if not any(job.HasField("remove_from_cache") for job in act.jobs):
            self._commands.append(_recorded(completion.successful.commands))
        return completion

    def get_serialization_context(self, command_info: Any) -> Any:
        return self._inner.get_serialization_context(command_info)

    def get_external_store_context(self, command_info: Any) -> Any:
        return self._inner.get_external_store_context(command_info)

    def get_info(self) -> Any:
        return self._inner.get_info()

    def get_thread_id(self) -> int | None:
        return self._inner.get_thread_id()
