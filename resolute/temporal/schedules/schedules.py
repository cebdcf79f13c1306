"""Updates Temporal's Schedules to the flows of a worker, without affecting anybody else's.

Every worker deploys when it starts, so deploying must be safe to repeat, from several processes at once, by a worker
that restarts with old code, and from a laptop that reaches production's Temporal by mistake:

- A worker creates and updates the schedules of its own flows. It removes only what the same *named* set of workers has
  deployed before; a worker without such a name removes nothing, and lists schedules without a flow as orphans.
- A deployment is identified by its release, a time that comes from the build and not from the process: an old worker
  that restarts late still has its old release, and leaves alone what a newer one of its set deployed.
- A missing schedule is restored, unless a newer release of the same named set removed it (`schedule_record`).
- Each schedule carries a mark (`schedule_spec`) with who deployed it, the release and a fingerprint. Nothing is
  written if the fingerprint is the same.

`preview_schedules` and `deploy_schedules` decide in the same way, with `schedule_change`. What an operator did stays:
pause and note of a schedule survive every deployment, until the flow itself changes its `paused`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Final

from temporalio.client import (
    Client,
    ScheduleAlreadyRunningError,
    ScheduleDescription,
    ScheduleState,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.service import RPCError, RPCStatusCode

from resolute.temporal.schedules.change import Found, Release, ScheduleChange, decide
from resolute.temporal.schedules.record import Record, read_record, write_record
from resolute.temporal.schedules.spec import (
    PREFIX,
    ScheduledFlow,
    key_of,
    mark_of,
    schedule_id,
    task_queue_of,
    temporal_schedule,
)
from resolute.temporal.values.converting import encrypting_id

_AT_ONCE: Final = 8


async def deploy_schedules(
    client: Client, flows: Sequence[ScheduledFlow], release: Release, *, only_missing: bool = False
) -> list[ScheduleChange]:
    """Create and update the schedules of the flows, and remove those that the same named set no longer has.

    Args:
        client: connected to the namespace of the schedules.
        flows: every scheduled flow of this set of workers, each name once.
        release: who deploys them. A named set's schedules are those of its newest release.
        only_missing: restore what is missing, and change nothing else.

    Returns:
        One change for each flow, and one for each schedule that was removed.

    Raises:
        ValueError: two flows have the same name, or the release has no time zone.
        temporalio.service.RPCError: Temporal refused, or is unreachable. Deploy again: nothing is done twice.
    """
    names = _names(flows, release)
    record = await read_record(client, release.worker_set) if release.worker_set else None
    deploy = _Deploy(client, release, record)
    if only_missing:
        return [await deploy.put_back(flow) for flow in flows]
    gone = _gone(record, names, release)
    # First the flows of both releases: an interrupted deployment must not forget what to remove.
    await deploy.remember(names, gone=set())
    changes = [await deploy.put(flow) for flow in flows]
    changes += [change for name in sorted(gone) if (change := await deploy.remove(name))]
    await deploy.remember(names, gone=gone)
    return changes


async def preview_schedules(client: Client, flows: Sequence[ScheduledFlow], release: Release) -> list[ScheduleChange]:
    """What `deploy_schedules` would do now, without doing it.

    Raises:
        ValueError, temporalio.service.RPCError: like `deploy_schedules`.
    """
    names = _names(flows, release)
    record = await read_record(client, release.worker_set) if release.worker_set else None
    changes = [decide(flow, await _find(client, flow.name), release, record) for flow in flows]
    for name in sorted(_gone(record, names, release)):
        found = await _find(client, name)
        if found and _may_remove(found, release):
            changes.append(ScheduleChange(name, "removed", by=found.mark.by if found.mark else None))
    return changes


async def find_orphans(client: Client, names: Iterable[str], release: Release) -> list[ScheduleChange]:
    """The schedules of the release's task queue that belong to no flow of these names, nor to another named set.

    Temporal's list of schedules lags a moment behind: what was deployed just now may be missing.

    Raises:
        temporalio.service.RPCError: Temporal refused, or is unreachable.
    """
    known, at_once = set(names), asyncio.Semaphore(_AT_ONCE)

    async def look(flow: str) -> ScheduleChange | None:
        async with at_once:
            found = await _find(client, flow)
        if found is None or found.mark is None or not _is_orphan(found, release):
            return None
        by = found.mark.by
        reason = f"{found.mark.trigger.text}; {by or f'release of {found.mark.released:%Y-%m-%d %H:%M:%S %Z}'}"
        return ScheduleChange(flow, "orphaned", reason, by=by)

    flows = [flow async for flow in _deployed(client) if flow not in known]
    found = await asyncio.gather(*(look(flow) for flow in sorted(flows)))
    return [orphan for orphan in found if orphan]


async def remove_orphans(client: Client, names: Iterable[str], release: Release) -> list[ScheduleChange]:
    """Remove schedules that `find_orphans` found, except those that somebody else has taken over since.

    Raises:
        temporalio.service.RPCError: Temporal refused, or is unreachable.
    """
    deploy = _Deploy(client, release, None)
    return [change for name in names if (change := await deploy.remove(name, orphan=True))]


async def _deployed(client: Client) -> AsyncIterator[str]:
    async for entry in await client.list_schedules():
        if entry.id.startswith(PREFIX):
            yield entry.id.removeprefix(PREFIX)


class _Deploy:
    """One deployment: what it found in the record, and what it writes."""

    def __init__(self, client: Client, release: Release, record: Record | None) -> None:
        self._client = client
        self._release = release
        self._record = record

    async def put(self, flow: ScheduledFlow) -> ScheduleChange:
        """Create or update the flow's schedule."""
        try:
            return await self._update(flow)
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise
        change = decide(flow, None, self._release, self._record)
        if change.action == "created" and not await self._create(flow):
            return await self._update(flow)  # another worker of the set was faster
        return change

    async def put_back(self, flow: ScheduledFlow) -> ScheduleChange:
        """Create the flow's schedule if there is none."""
        if await _find(self._client, flow.name):
            return ScheduleChange(flow.name, "unchanged")
        change = decide(flow, None, self._release, self._record)
        if change.action == "created" and not await self._create(flow):
            return ScheduleChange(flow.name, "unchanged")
        return change

    async def remove(self, name: str, *, orphan: bool = False) -> ScheduleChange | None:
        """Remove a schedule that this set no longer has, unless somebody else or a newer release has it now."""
        found = await _find(self._client, name)
        if found is None or not (_is_orphan if orphan else _may_remove)(found, self._release):
            return None
        try:
            await self._client.get_schedule_handle(schedule_id(name)).delete()
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise
            return None
        return ScheduleChange(name, "removed", by=found.mark.by if found.mark else None)

    async def remember(self, names: set[str], *, gone: set[str]) -> None:
        """Update the record of a named set."""
        if not self._release.worker_set:
            return
        mine, before = self._release, self._record
        fresh = Record(released=mine.released, flows=tuple(sorted(names)), by=mine.by)
        if before and mine.take_over:
            before = before.model_copy(update={"released": min(before.released, mine.released)})
        record = before.after(names, gone=gone, released=mine.released, by=mine.by) if before else fresh
        if self._record is None or record != self._record.model_copy(update={"by": record.by}):
            await write_record(self._client, mine.worker_set, mine.task_queue, record)
        self._record = record

    async def _create(self, flow: ScheduledFlow) -> bool:
        """Whether it was created; False if one already exists."""
        state = ScheduleState(paused=flow.schedule.paused)
        mark, task_queue = self._release.mark(flow), self._release.task_queue
        schedule = temporal_schedule(flow, task_queue=task_queue, mark=mark, state=state)
        try:
            await self._client.create_schedule(schedule_id(flow.name), schedule)
        except ScheduleAlreadyRunningError:
            return False
        return True

    async def _update(self, flow: ScheduledFlow) -> ScheduleChange:
        change = ScheduleChange(flow.name, "unchanged")

        async def decided(current: ScheduleUpdateInput) -> ScheduleUpdate | None:
            nonlocal change
            found = await _found(current.description)
            change = decide(flow, found, self._release, self._record)
            if change.action != "updated":
                return None
            state = current.description.schedule.state
            if found.mark is None or found.mark.trigger.paused != flow.schedule.paused:
                state.paused = flow.schedule.paused
            mark, task_queue = self._release.mark(flow), self._release.task_queue
            return ScheduleUpdate(temporal_schedule(flow, task_queue=task_queue, mark=mark, state=state))

        await self._client.get_schedule_handle(schedule_id(flow.name)).update(decided)
        return change


def _names(flows: Sequence[ScheduledFlow], release: Release) -> set[str]:
    names = sorted(flow.name for flow in flows)
    if len(set(names)) < len(names):
        raise ValueError(f"two flows of one name in {', '.join(names)}: a flow has one schedule")
    if release.released.tzinfo is None:
        raise ValueError(f"release {release.released} has no time zone, so releases cannot be compared")
    return set(names)


def _gone(record: Record | None, names: set[str], release: Release) -> set[str]:
    """What a named set has deployed and no longer has; nothing if there is a newer release."""
    if record is None or (record.released > release.released and not release.take_over):
        return set()
    return set(record.flows) - names


def _may_remove(found: Found, release: Release) -> bool:
    if found.mark is None or not release.worker_set or found.owner != release.worker_set:
        return False
    return release.take_over or found.mark.released <= release.released


def _is_orphan(found: Found, release: Release) -> bool:
    """Whether a schedule without a known flow is on the release's task queue and not of another named set."""
    ours = found.owner in ("", release.worker_set)
    return found.mark is not None and found.task_queue == release.task_queue and ours


async def _find(client: Client, flow: str) -> Found | None:
    try:
        return await _found(await client.get_schedule_handle(schedule_id(flow)).describe())
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:
            raise
        return None


async def _found(description: ScheduleDescription) -> Found:
    return Found(
        await mark_of(description),
        task_queue_of(description),
        key=key_of(description),
        wanted_key=encrypting_id(description.data_converter),
    )
