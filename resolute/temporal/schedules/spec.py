"""A flow's schedule in Temporal's terms, and the mark that identifies a deployed one.

Temporal returns calendars, never the cron text, and a schedule's own memo cannot be changed once it exists. So what is
read back later is in the memo of the action: every update replaces it, and each run shows which deployment started it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from pydantic import BaseModel, ValidationError
from temporalio.api.common.v1 import Payload
from temporalio.client import Schedule as TemporalSchedule
from temporalio.client import (
    ScheduleActionStartWorkflow,
    ScheduleCalendarSpec,
    ScheduleDescription,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleState,
)

from resolute.plan.calendars import Calendar, Range
from resolute.plan.cron import translate
from resolute.plan.triggers import Overlap, Schedule
from resolute.plan.values import Json, digest, jsonable
from resolute.temporal.values.ciphers import key_id_of
from resolute.temporal.values.packing import packed

FORMAT: Final = 2
"""Increased when the same flow must be deployed differently."""

PREFIX: Final = "resolute:"
MARK: Final = "resolute.schedule"

_OVERLAPS: Final[dict[Overlap, ScheduleOverlapPolicy]] = {
    "skip": ScheduleOverlapPolicy.SKIP,
    "buffer_one": ScheduleOverlapPolicy.BUFFER_ONE,
    "buffer_all": ScheduleOverlapPolicy.BUFFER_ALL,
    "cancel_other": ScheduleOverlapPolicy.CANCEL_OTHER,
    "terminate_other": ScheduleOverlapPolicy.TERMINATE_OTHER,
    "allow_all": ScheduleOverlapPolicy.ALLOW_ALL,
}


@dataclass(frozen=True, kw_only=True)
class ScheduledFlow:
    """What is deployed: a flow by name, its schedule, and the only argument of its runs."""

    name: str
    schedule: Schedule
    start_argument: Json


class Deployer(BaseModel, frozen=True):
    """Who deployed something: from which folder of which host, and when."""

    host: str
    place: str
    at: datetime

    def __str__(self) -> str:
        return f"deployed from {self.place} on {self.host} at {self.at:%Y-%m-%d %H:%M:%S %Z}"


class Mark(BaseModel, frozen=True):
    """Who deployed a schedule, and what.

    Clock changes are listed from `year` on. `worker_set` is empty if the workers' set has no name. What older versions
    deployed has no `by` and no `argument` (the digest of the runs' argument), and their `worker_set` is the task queue
    if the set had no name.
    """

    worker_set: str
    released: datetime
    fingerprint: str
    trigger: Schedule
    argument: str = ""
    year: int = 2026
    by: Deployer | None = None

    def owner(self, task_queue: str | None) -> str:
        """The name of the set that deployed it; empty if it has none or is unknown."""
        return "" if self.by is None and self.worker_set == task_queue else self.worker_set


def schedule_id(flow: str) -> str:
    """The id of a flow's schedule in Temporal."""
    return PREFIX + flow


def fingerprint(flow: ScheduledFlow, task_queue: str, year: int) -> str:
    """The same for deployments that make no difference to Temporal."""
    trigger = flow.schedule
    times = translate(trigger.cron, trigger.timezone, year) if trigger.cron is not None else None
    return digest([FORMAT, task_queue, trigger.model_dump(mode="json"), jsonable(times), flow.start_argument])


def temporal_schedule(flow: ScheduledFlow, *, task_queue: str, mark: Mark, state: ScheduleState) -> TemporalSchedule:
    """What Temporal gets.

    Temporal appends the time of each start to the workflow id, which is the flow's name.
    """
    trigger = flow.schedule
    return TemporalSchedule(
        action=ScheduleActionStartWorkflow(
            flow.name,
            packed(flow.start_argument),
            id=flow.name,
            task_queue=task_queue,
            memo={MARK: mark.model_dump(mode="json")},
        ),
        spec=_spec(trigger, mark.year),
        policy=SchedulePolicy(
            overlap=_OVERLAPS[trigger.overlap], catchup_window=timedelta(seconds=trigger.catchup_seconds)
        ),
        state=state,
    )


async def mark_of(description: ScheduleDescription) -> Mark | None:
    """The mark of a deployed schedule; None if Resolute did not create it, or if it cannot be read.

    A schedule from elsewhere must not keep a worker from starting.
    """
    payload = memo_of(description).get(MARK)
    if payload is None:
        return None
    (value,) = await description.data_converter.decode([payload])
    try:
        return Mark.model_validate(value)
    except ValidationError:
        return None


def task_queue_of(description: ScheduleDescription) -> str | None:
    """The task queue of a described schedule's runs."""
    action = description.schedule.action
    return action.task_queue if isinstance(action, ScheduleActionStartWorkflow) else None


def key_of(description: ScheduleDescription) -> str:
    """The id of the key that a schedule is encrypted with; empty if it is not encrypted."""
    payload = memo_of(description).get(MARK)
    return "" if payload is None else key_id_of(payload)


def memo_of(description: ScheduleDescription) -> dict[str, Payload]:
    """The memo of a described schedule's runs, still encoded."""
    action = description.schedule.action
    if not isinstance(action, ScheduleActionStartWorkflow):
        return {}
    return {key: value for key, value in (action.memo or {}).items() if isinstance(value, Payload)}


def _spec(trigger: Schedule, year: int) -> ScheduleSpec:
    jitter = timedelta(seconds=trigger.jitter_seconds) or None
    if trigger.cron is None:
        every, offset = timedelta(seconds=trigger.every_seconds or 0), timedelta(seconds=trigger.offset_seconds)
        return ScheduleSpec(intervals=[ScheduleIntervalSpec(every=every, offset=offset)], jitter=jitter)
    times = translate(trigger.cron, trigger.timezone, year)
    return ScheduleSpec(
        calendars=[_calendar(calendar, trigger.text) for calendar in times.calendars],
        intervals=[_instant(at) for at in times.instants],
        time_zone_name=times.timezone,
        jitter=jitter,
    )


def _instant(at: datetime) -> ScheduleIntervalSpec:
    """Every so many seconds since 1970 that the first time is this one; the second is after 2080."""
    return ScheduleIntervalSpec(every=at - datetime.fromtimestamp(0, UTC))


def _calendar(calendar: Calendar, comment: str) -> ScheduleCalendarSpec:
    return ScheduleCalendarSpec(
        second=_ranges(calendar.second),
        minute=_ranges(calendar.minute),
        hour=_ranges(calendar.hour),
        day_of_month=_ranges(calendar.day_of_month),
        month=_ranges(calendar.month),
        year=_ranges(calendar.year),
        day_of_week=_ranges(calendar.day_of_week),
        comment=comment[:200],  # the most that Temporal takes
    )


def _ranges(ranges: Sequence[Range]) -> list[ScheduleRange]:
    return [ScheduleRange(one.start, one.end, one.step) for one in ranges]
