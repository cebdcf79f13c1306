"""What a named set of workers has deployed: a record in Temporal, kept as a paused schedule without times.

It says what a set may remove, and keeps an older worker of the set from restoring what a newer release removed. A set
without a name keeps no record, because it never removes anything.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from pydantic import BaseModel
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleSpec,
    ScheduleState,
    ScheduleUpdate,
)
from temporalio.service import RPCError, RPCStatusCode

from resolute.temporal.schedules.spec import Deployer, memo_of

RECORD_PREFIX: Final = "resolute-set:"
_RECORD: Final = "resolute.set"
_MOST_REMOVED: Final = 1000
_NOTE: Final = (
    "What this set of workers has deployed. Resolute keeps its books here: leave it paused, do not delete it."
)


class Record(BaseModel, frozen=True):
    """The newest release of a set, the flows that have had a schedule since, and those that it removed."""

    released: datetime
    flows: tuple[str, ...]
    removed: tuple[str, ...] = ()
    by: Deployer | None = None

    def after(self, flows: set[str], *, gone: set[str], released: datetime, by: Deployer | None) -> Record:
        """The record once a release has deployed these flows and removed those that are gone.

        An older release adds what was missing; the newest release, and what it removed, stay unchanged.
        """
        if released < self.released:
            return self.model_copy(update={"flows": tuple(sorted({*self.flows, *flows}))})
        removed = [name for name in dict.fromkeys((*self.removed, *sorted(gone))) if name not in flows]
        kept = tuple(sorted({*flows, *self.flows} - gone))
        return Record(released=released, flows=kept, removed=tuple(removed[-_MOST_REMOVED:]), by=by)


async def read_record(client: Client, worker_set: str) -> Record | None:
    """The record of a named set; None if it has deployed nothing yet."""
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
    return Record.model_validate(value)


async def write_record(client: Client, worker_set: str, task_queue: str, record: Record) -> None:
    """Replace the record of a named set."""
    name = RECORD_PREFIX + worker_set
    schedule = Schedule(
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
