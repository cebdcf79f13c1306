"""Makes Temporal's Schedules equal to the flows of a set of workers.

Every worker of a set deploys when it starts, so deploying has to be safe to repeat, from several processes at once, and
by a worker that comes back with old code. Three things make it so:

- A deploy is named by its release, a time that comes from the build and not from the process: an old worker that
  restarts late still has its old release, and leaves alone what a newer one deployed.
- A record of each set, kept in Temporal as a paused schedule without times, holds the newest release and the flows
  that it deployed. It says what to remove, and keeps an old worker from bringing back what a newer release took away.
- Each schedule carries a mark (see `schedule_spec`) with its set, release and fingerprint. Nothing is written where
  the fingerprint is the same, and a set never removes what another set has taken over.

What an operator did stays: pause and note of a schedule survive every deploy, until the flow itself says something new
about `paused`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from pydantic import BaseModel
from temporalio.client import (
    Client,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleSpec,
    ScheduleState,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.client import Schedule as TemporalSchedule
from temporalio.service import RPCError, RPCStatusCode

from resolute.temporal.schedule_spec import (
    Mark,
    ScheduledFlow,
    fingerprint,
    mark_of,
    memo_of,
    schedule_id,
    temporal_schedule,
)

RECORD_PREFIX: Final = "resolute-set:"
_RECORD: Final = "resolute.set"
_NOTE: Final = (
    "What this set of workers has deployed. Resolute keeps its books here: leave it paused, do not delete it."
)


@dataclass(frozen=True)
class ScheduleChange:
    """What a deploy did about one flow's schedule. `kept` left it to a newer release, for the `reason` given."""

    flow: str
    action: Literal["created", "updated", "unchanged", "removed", "kept"]
    reason: str = ""


class _Record(BaseModel, frozen=True):
    """What a set of workers has deployed last."""

    released: datetime
    flows: tuple[str, ...]


async def deploy_schedules(
    client: Client, flows: Sequence[ScheduledFlow], *, task_queue: str, worker_set: str, released: datetime
) -> list[ScheduleChange]:
    """Create, update and remove schedules until they are those of the flows.

    Args:
        client: connected to the namespace of the schedules.
        flows: every scheduled flow of this set of workers, each name once.
        task_queue: where their runs are put.
        worker_set: the name under which this set of workers deploys. What another set deployed is not removed.
        released: when this release was made (with zone). A set's schedules are those of its newest release.

    Returns:
        One change for each flow, and one for each schedule that was removed.

    Raises:
        ValueError: two flows of one name, or a release without time zone.
        temporalio.service.RPCError: Temporal refused, or is out of reach. Deploy again: what is done is not done twice.
    """
    names = tuple(sorted(flow.name for flow in flows))
    if len(set(names)) < len(names):
        raise ValueError(f"two flows of one name in {', '.join(names)}: a flow has one schedule")
    if released.tzinfo is None:
        raise ValueError(f"release {released} has no time zone, so it cannot be told which of two is newer")
    record = await _read_record(client, worker_set)
    if record and record.released > released:
        reason = f"worker set {worker_set!r} has deployed the newer release of {record.released:%Y-%m-%d %H:%M:%S %Z}"
        return [ScheduleChange(flow.name, "kept", reason) for flow in flows]
    gone = tuple(name for name in record.flows if name not in names) if record else ()
    # First the flows of both releases: a deploy that breaks off must not forget what there is to remove.
    await _write_record(client, worker_set, task_queue, record, _Record(released=released, flows=(*names, *gone)))
    deploy = _Deploy(client, task_queue, worker_set, released)
    changes = [await deploy.put(flow) for flow in flows]
    changes += [ScheduleChange(name, "removed") for name in gone if await deploy.remove(name)]
    if gone:
        await _write_record(client, worker_set, task_queue, record, _Record(released=released, flows=names))
    return changes


@dataclass(frozen=True)
class _Deploy:
    client: Client
    task_queue: str
    worker_set: str
    released: datetime

    async def put(self, flow: ScheduledFlow) -> ScheduleChange:
        """Create the flow's schedule, or bring it up to date."""
        try:
            return await self._update(flow)
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise
        try:
            await self.client.create_schedule(
                schedule_id(flow.name),
                temporal_schedule(
                    flow,
                    task_queue=self.task_queue,
                    mark=self._mark(flow),
                    state=ScheduleState(paused=flow.schedule.paused),
                ),
            )
        except ScheduleAlreadyRunningError:
            return await self._update(flow)  # another worker of the set was faster
        return ScheduleChange(flow.name, "created")

    async def remove(self, name: str) -> bool:
        """Remove a schedule that this set no longer has; not where another set, or a newer release, has it now."""
        handle = self.client.get_schedule_handle(schedule_id(name))
        try:
            mark = await mark_of(await handle.describe())
            if mark is None or mark.worker_set != self.worker_set or mark.released > self.released:
                return False
            await handle.delete()
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise
            return False
        return True

    async def _update(self, flow: ScheduledFlow) -> ScheduleChange:
        wanted = self._mark(flow)
        change = ScheduleChange(flow.name, "updated")

        async def decide(current: ScheduleUpdateInput) -> ScheduleUpdate | None:
            nonlocal change
            mark = await mark_of(current.description)
            if mark and mark.released > self.released:
                reason = f"worker set {mark.worker_set!r} has deployed a newer release of it"
                change = ScheduleChange(flow.name, "kept", reason)
                return None
            if mark and (mark.worker_set, mark.fingerprint) == (wanted.worker_set, wanted.fingerprint):
                change = ScheduleChange(flow.name, "unchanged")
                return None
            change = ScheduleChange(flow.name, "updated")
            state = current.description.schedule.state
            if mark is None or mark.trigger.paused != flow.schedule.paused:
                state.paused = flow.schedule.paused
            return ScheduleUpdate(temporal_schedule(flow, task_queue=self.task_queue, mark=wanted, state=state))

        await self.client.get_schedule_handle(schedule_id(flow.name)).update(decide)
        return change

    def _mark(self, flow: ScheduledFlow) -> Mark:
        return Mark(
            worker_set=self.worker_set,
            released=self.released,
            fingerprint=fingerprint(flow, self.task_queue),
            trigger=flow.schedule,
        )


async def _read_record(client: Client, worker_set: str) -> _Record | None:
    try:
        description = await client.get_schedule_handle(RECORD_PREFIX + worker_set).describe()
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:
            raise
        return None
    payload = memo_of(description).get(_RECORD)
    if payload is None:
        return None
    (value,) = await description.data_converter.decode([payload])
    return _Record.model_validate(value)


async def _write_record(
    client: Client, worker_set: str, task_queue: str, before: _Record | None, record: _Record
) -> None:
    if record == before:
        return
    name = RECORD_PREFIX + worker_set
    schedule = TemporalSchedule(
        action=ScheduleActionStartWorkflow(
            name, id=name, task_queue=task_queue, memo={_RECORD: record.model_dump(mode="json")}
        ),
        spec=ScheduleSpec(),
        state=ScheduleState(paused=True, note=_NOTE),
    )
    try:
        await client.create_schedule(name, schedule)
    except ScheduleAlreadyRunningError:
        await client.get_schedule_handle(name).update(lambda _: ScheduleUpdate(schedule))
