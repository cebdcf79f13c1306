"""What people do with deployed schedules: list them, start a run now, pause, resume, delete."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.schedule.v1 import SchedulePatch, TriggerImmediatelyRequest
from temporalio.api.workflowservice.v1 import PatchScheduleRequest
from temporalio.client import (
    Client,
    ScheduleActionExecutionStartWorkflow,
    ScheduleActionResult,
    ScheduleDescription,
    ScheduleHandle,
    ScheduleOverlapPolicy,
)
from temporalio.service import RPCError, RPCStatusCode

from resolute.plan.errors import ResoluteError, UnknownFlowError
from resolute.plan.triggers import Schedule
from resolute.temporal.schedules.spec import PREFIX, Deployer, mark_of, schedule_id, task_queue_of

_WAITS_FOR_ITS_TURN: Final = {
    ScheduleOverlapPolicy.SKIP,
    ScheduleOverlapPolicy.BUFFER_ONE,
    ScheduleOverlapPolicy.BUFFER_ALL,
}
_PATIENCE: Final = timedelta(seconds=10)
_GLANCE: Final = 0.05


class FlowBusyError(ResoluteError):
    """A run of the flow is in progress, and its schedule does not allow another one."""

    def __init__(self, flow: str, running: tuple[str, ...]) -> None:
        self.flow = flow
        self.running = running
        super().__init__(
            f"flow {flow!r} is running ({', '.join(running) or 'just started'}), and its schedule lets "
            "runs wait for each other: wait until it has ended, or cancel it"
        )


class NotTriggeredError(ResoluteError):
    """A schedule was asked for a run, but none started."""


@dataclass(frozen=True)
class ScheduledRun:
    """A run that a schedule started: Temporal's workflow id and run id, and when it was due."""

    workflow_id: str
    run_id: str
    due: datetime


@dataclass(frozen=True, kw_only=True)
class DeployedSchedule:
    """A schedule as Temporal has it. `trigger` is its text in the flow; None if Resolute did not create it.

    `next_times` are Temporal's own, including jitter, in the schedule's time zone; they are empty if it has none left.
    `skipped` counts starts left out because of a running run, `missed` those that were too late to catch up.
    `changed_at` is when it was created, paused, resumed or given other times.
    """

    flow: str
    trigger: Schedule | None
    worker_set: str
    released: datetime | None
    by: Deployer | None
    task_queue: str | None
    next_times: tuple[datetime, ...]
    paused: bool
    note: str
    running: tuple[str, ...]
    last_run: ScheduledRun | None
    started: int
    skipped: int
    missed: int
    changed_at: datetime | None = None


async def list_schedules(client: Client) -> list[DeployedSchedule]:
    """Every deployed schedule of the namespace, by name of flow.

    Temporal's list of schedules lags a moment behind; schedules that it still lists but are gone are left out.
    """
    found: list[DeployedSchedule] = []
    async for entry in await client.list_schedules():
        if entry.id.startswith(PREFIX):
            try:
                found.append(await describe_schedule(client, entry.id.removeprefix(PREFIX)))
            except UnknownFlowError:
                continue
    return sorted(found, key=lambda schedule: schedule.flow)


async def describe_schedule(client: Client, flow: str) -> DeployedSchedule:
    """A flow's schedule as Temporal has it.

    Raises:
        UnknownFlowError: the flow has no schedule in this namespace.
    """
    async with _schedule(client, flow) as handle:
        description = await handle.describe()
    mark = await mark_of(description)
    info, state = description.info, description.schedule.state
    return DeployedSchedule(
        flow=flow,
        trigger=mark.trigger if mark else None,
        worker_set=mark.owner(task_queue_of(description)) if mark else "",
        released=mark.released if mark else None,
        by=mark.by if mark else None,
        task_queue=task_queue_of(description),
        next_times=tuple(mark.trigger.localised(at) if mark else at for at in info.next_action_times),
        paused=state.paused,
        note=state.note or "",
        running=_running(description),
        last_run=_run(info.recent_actions[-1]) if info.recent_actions else None,
        started=info.num_actions,
        skipped=info.num_actions_skipped_overlap,
        missed=info.num_actions_missed_catchup_window,
        changed_at=max(filter(None, (info.created_at, info.last_updated_at)), default=None),
    )


async def has_schedule(client: Client, flow: str) -> bool:
    """Whether a flow is deployed with a schedule in this namespace."""
    try:
        async with _schedule(client, flow) as handle:
            await handle.describe()
    except UnknownFlowError:
        return False
    return True


async def trigger_schedule(client: Client, flow: str, *, patience: timedelta = _PATIENCE) -> ScheduledRun:
    """Start a run now through the flow's schedule, so that it knows the previous run. Works while it is paused.

    The request contains its own time, to the microsecond, by which the run is found again: it is not confused with
    another run that the schedule starts at the same moment. Temporal puts that time, to the second, into the workflow
    id; a second that is taken is not used again.

    Raises:
        UnknownFlowError: the flow has no schedule in this namespace.
        FlowBusyError: a run is in progress, and the schedule's overlap policy would skip this one or make it wait.
        NotTriggeredError: no run started within `patience`.
    """
    async with _schedule(client, flow) as handle:
        before = await handle.describe()
        if before.schedule.policy.overlap in _WAITS_FOR_ITS_TURN and (running := _running(before)):
            raise FlowBusyError(flow, running)
        due = _free_time(flow, before)
        await _patch(client, handle, due)
        deadline = asyncio.get_running_loop().time() + patience.total_seconds()
        while True:
            now = await handle.describe()
            ours = next((action for action in now.info.recent_actions if action.scheduled_at == due), None)
            if ours:
                return _run(ours)
            if now.info.num_actions_skipped_overlap > before.info.num_actions_skipped_overlap:
                raise FlowBusyError(flow, _running(now))
            if asyncio.get_running_loop().time() > deadline:
                break
            await asyncio.sleep(_GLANCE)  # Temporal sends no notifications about schedules
    if running := _running(now):
        raise FlowBusyError(flow, running)
    raise NotTriggeredError(
        f"the schedule of flow {flow!r} started no run within {patience.total_seconds():g} seconds: "
        "check whether it has started since before you trigger it again"
    )


async def pause_schedule(client: Client, flow: str, note: str) -> None:
    """Pause a flow's schedule until it is resumed. The note says who did it, and why.

    Raises:
        UnknownFlowError: the flow has no schedule in this namespace.
    """
    async with _schedule(client, flow) as handle:
        await handle.pause(note=note)


async def unpause_schedule(client: Client, flow: str, note: str) -> None:
    """Resume a paused schedule; runs that were due meanwhile are not started.

    Raises:
        UnknownFlowError: the flow has no schedule in this namespace.
    """
    async with _schedule(client, flow) as handle:
        await handle.unpause(note=note)


async def delete_schedule(client: Client, flow: str) -> None:
    """Delete a flow's schedule, and with it what `previous(...)` knows. The flow's next deployment creates it again.

    Raises:
        UnknownFlowError: the flow has no schedule in this namespace.
    """
    async with _schedule(client, flow) as handle:
        await handle.delete()


@asynccontextmanager
async def _schedule(client: Client, flow: str) -> AsyncGenerator[ScheduleHandle]:
    try:
        yield client.get_schedule_handle(schedule_id(flow))
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:
            raise
        raise UnknownFlowError(
            f"flow {flow!r} has no schedule in namespace {client.namespace!r}: "
            "start its worker, which deploys it, or look for the name in the list of schedules"
        ) from None


async def _patch(client: Client, handle: ScheduleHandle, due: datetime) -> None:
    """Like `ScheduleHandle.trigger`, which cannot set the time."""
    scheduled = Timestamp()
    scheduled.FromDatetime(due)
    await client.workflow_service.patch_schedule(
        PatchScheduleRequest(
            namespace=client.namespace,
            schedule_id=handle.id,
            patch=SchedulePatch(trigger_immediately=TriggerImmediatelyRequest(scheduled_time=scheduled)),
            identity=client.identity,
            request_id=str(uuid.uuid4()),
        ),
        retry=True,
    )


def _free_time(flow: str, description: ScheduleDescription) -> datetime:
    """Now, or the next second that no known run of the schedule has in its id."""
    taken = {*_running(description), *(_run(action).workflow_id for action in description.info.recent_actions)}
    at = datetime.now(UTC)
    while f"{flow}-{at:%Y-%m-%dT%H:%M:%SZ}" in taken:
        at += timedelta(seconds=1)
    return at


def _running(description: ScheduleDescription) -> tuple[str, ...]:
    actions = description.info.running_actions
    return tuple(action.workflow_id for action in actions if isinstance(action, ScheduleActionExecutionStartWorkflow))


def _run(result: ScheduleActionResult) -> ScheduledRun:
    action = result.action
    if not isinstance(action, ScheduleActionExecutionStartWorkflow):
        raise NotTriggeredError(f"the schedule did something else than start a workflow: {action!r}")
    return ScheduledRun(action.workflow_id, action.first_execution_run_id, result.scheduled_at)
