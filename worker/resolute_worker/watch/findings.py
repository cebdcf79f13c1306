"""What is wrong: with a schedule and its runs, as far as Temporal knows, or with a bound that has been reached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

from resolute.plan.triggers import Schedule
from resolute.running.report import RunStatus
from resolute.temporal.schedules.control import DeployedSchedule

Kind: TypeAlias = Literal["paused", "deleted", "missed", "stuck", "stopped", "failing", "used_up", "full"]
"""What is wrong.

- `paused`, `deleted`: the schedule starts nothing any more.
- `missed`: a run was due, and none has started.
- `stuck`: a run is still going although the next one has been due.
- `stopped`: no worker takes the run up.
- `failing`: the latest runs have all failed.
- `used_up`: a budget had nothing left to grant.
- `full`: a buffer has refused something: the events of a run, the starts that wait for a key, a worker's webhooks.
"""

FAILURES: Final = 3
"""Runs in a row that have failed, from which on a flow counts as failing."""

_RECENT: Final = 2


@dataclass(frozen=True)
class Finding:
    """Something that is wrong, in a sentence. `about` is the name of a flow, or what a bound is known by."""

    about: str
    kind: Kind
    said: str
    flow: str = ""

    @property
    def key(self) -> str:
        """What the finding is known by for as long as it lasts."""
        return f"{self.about}/{self.kind}"


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A schedule, and what Temporal says of its runs: which have no worker, and how the latest have ended."""

    schedule: DeployedSchedule
    untaken: Sequence[str] = ()
    ended: Sequence[RunStatus] = ()


def _of(flow: str, kind: Kind, said: str) -> Finding:
    return Finding(flow, kind, said, flow)


def findings_of(seen: Seen, now: datetime, margin: timedelta) -> list[Finding]:
    """What is wrong with a schedule at a time; `margin` is how late a run may be."""
    schedule, flow = seen.schedule, seen.schedule.flow
    found: list[Finding] = []
    if schedule.paused:
        note = f": {schedule.note}" if schedule.note else ""
        found.append(_of(flow, "paused", f"the schedule of {flow} is paused{note}"))
    if seen.untaken:
        queue = f"task queue {schedule.task_queue}" if schedule.task_queue else "its task queue"
        found.append(_of(flow, "stopped", f"no worker takes up run {seen.untaken[0]}: nobody polls {queue}"))
    if not schedule.paused and (missed := _missed(schedule, now - margin)):
        found.append(missed)
    if len(seen.ended) >= FAILURES and all(status in ("failed", "timed_out") for status in seen.ended[:FAILURES]):
        found.append(_of(flow, "failing", f"the last {FAILURES} runs of {flow} have failed"))
    return found


def _missed(schedule: DeployedSchedule, until: datetime) -> Finding | None:
    due = latest_due(schedule.trigger, until) if schedule.trigger is not None else None
    if due is None or schedule.changed_at is None or due <= schedule.changed_at:
        return None
    if schedule.last_run is not None and schedule.last_run.due >= due:
        return None
    flow = schedule.flow
    if schedule.running:
        going = f"run {schedule.running[0]} of {flow} is still going"
        return _of(flow, "stuck", f"{going}, so the one that was due at {due:%H:%M:%S} did not start")
    return _of(flow, "missed", f"no run of {flow} has started, which was due at {due:%Y-%m-%d %H:%M:%S %Z}")


def latest_due(trigger: Schedule, until: datetime) -> datetime | None:
    """The last time up to another at which a run was due, with its longest delay."""
    jitter = timedelta(seconds=trigger.jitter_seconds)
    first = trigger.next_times(until, _RECENT)
    if len(first) < _RECENT:
        return None
    apart = first[1] - first[0]
    # A cron text may have its times years apart: the time before is looked for ever farther back.
    for back in (apart, 7 * apart, 60 * apart):
        times = [due for due in trigger.next_times(until - jitter - back, 200) if due + jitter <= until]
        if times:
            return times[-1]
    return None
