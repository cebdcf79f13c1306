"""What a deployment does about one schedule, and why: decided in one place, from the current and the wanted state."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, TypeAlias

from resolute.plan.triggers import Schedule
from resolute.plan.values import digest
from resolute.temporal.schedules.record import Record
from resolute.temporal.schedules.spec import Deployer, Mark, ScheduledFlow, fingerprint

Action: TypeAlias = Literal["created", "updated", "unchanged", "removed", "kept", "orphaned"]

_TIMES = ("cron", "every_seconds", "offset_seconds", "timezone", "jitter_seconds")


@dataclass(frozen=True)
class ScheduleChange:
    """What a deployment did, or would do, about one flow's schedule.

    `kept` leaves it unchanged although the flow differs, and `orphaned` is a schedule of the same task queue whose flow
    is not among those deployed; `reason` says why. `differs` names what an update changes, and `by` who deployed the
    current one.
    """

    flow: str
    action: Action
    reason: str = ""
    differs: tuple[str, ...] = ()
    by: Deployer | None = None


@dataclass(frozen=True, kw_only=True)
class Release:
    """Who deploys, and what: the set of workers, by name or empty, and when its flows were released."""

    task_queue: str
    worker_set: str
    released: datetime
    by: Deployer | None
    year: int = field(default_factory=lambda: datetime.now(UTC).year)
    """The year from which clock changes are listed one by one."""
    take_over: bool = False
    """Whether a person forces it, whatever a newer release or another set has deployed."""

    def mark(self, flow: ScheduledFlow) -> Mark:
        """What the flow's schedule contains once this release has deployed it."""
        return Mark(
            worker_set=self.worker_set,
            released=self.released,
            fingerprint=fingerprint(flow, self.task_queue, self.year),
            trigger=flow.schedule,
            argument=digest(flow.start_argument),
            year=self.year,
            by=self.by,
        )


@dataclass(frozen=True)
class Found:
    """An existing schedule: its mark, if Resolute created it, and the task queue of its runs.

    `key` is the id of the key that it is encrypted with, and `wanted_key` of the one that encrypts now; empty for none.
    """

    mark: Mark | None
    task_queue: str | None
    key: str = ""
    wanted_key: str = ""

    @property
    def owner(self) -> str:
        """The named set that deployed it; empty if there is none."""
        return self.mark.owner(self.task_queue) if self.mark else ""


def decide(flow: ScheduledFlow, found: Found | None, release: Release, record: Record | None) -> ScheduleChange:
    """What a release does about the schedule of one of its flows."""
    older = record is not None and record.released > release.released and not release.take_over
    if found is None:
        if record is not None and older and flow.name in record.removed:
            return ScheduleChange(flow.name, "kept", _taken_away(release, record), by=record.by)
        return ScheduleChange(flow.name, "created")
    if found.mark is None:
        return ScheduleChange(flow.name, "updated", differs=("it has no mark of Resolute that can be read",))
    by, wanted = found.mark.by, release.mark(flow)
    ours = found.owner == release.worker_set and (bool(found.owner) or found.task_queue == release.task_queue)
    if ours and found.mark.fingerprint == wanted.fingerprint and found.key == found.wanted_key:
        return ScheduleChange(flow.name, "unchanged", by=by)
    if not release.take_over and (reason := _not_ours_to_change(found, found.mark, release, older=older)):
        return ScheduleChange(flow.name, "kept", reason, by=by)
    return ScheduleChange(flow.name, "updated", differs=_differences(found, found.mark, release, wanted), by=by)


def _not_ours_to_change(found: Found, mark: Mark, release: Release, *, older: bool) -> str:
    """Why a schedule that differs is left to its deployer; empty if this release may change it."""
    if found.owner:
        if not release.worker_set:
            return f"it belongs to worker set {found.owner!r}, and this worker has no RESOLUTE_WORKER_SET"
        if mark.released > release.released or (older and found.owner == release.worker_set):
            return f"worker set {found.owner!r} has deployed a newer release of it"
    elif not release.worker_set and mark.released > release.released and _same_place(mark.by, release.by):
        # Workers without a name that run the same folder count as releases of one program.
        return "a newer release of the same folder has deployed it"
    return ""


def _same_place(one: Deployer | None, other: Deployer | None) -> bool:
    return (one.place if one else "") == (other.place if other else "")


def _taken_away(release: Release, record: Record) -> str:
    return (
        f"worker set {release.worker_set!r} removed it in the newer release of {record.released:%Y-%m-%d %H:%M:%S %Z}"
    )


def _differences(found: Found, mark: Mark, release: Release, wanted: Mark) -> tuple[str, ...]:
    """What an update changes, in words."""
    before, after = mark.trigger, wanted.trigger
    said: list[str] = []
    if _times(before) != _times(after):
        said.append(f"times: {before.text} -> {after.text}")
    if before.overlap != after.overlap:
        said.append(f"overlap: {before.overlap} -> {after.overlap}")
    if before.catchup_seconds != after.catchup_seconds:
        said.append(f"catchup: {before.catchup_seconds:g} s -> {after.catchup_seconds:g} s")
    if before.paused != after.paused:
        said.append("paused" if after.paused else "no longer paused")
    if found.task_queue != release.task_queue:
        said.append(f"task queue: {found.task_queue} -> {release.task_queue}")
    if found.owner != release.worker_set:
        said.append(f"worker set: {found.owner or 'none'} -> {release.worker_set or 'none'}")
    if found.key != found.wanted_key:
        said.append(f"encryption: key {found.key or 'none'} -> {found.wanted_key or 'none'}")
    if mark.argument != wanted.argument:
        said.append(f"plan: {mark.argument or 'unknown'} -> {wanted.argument}")
    return tuple(said) or ("how it is written in Temporal",)


def _times(trigger: Schedule) -> tuple[object, ...]:
    return tuple(getattr(trigger, name) for name in _TIMES)
