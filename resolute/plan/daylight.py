"""Where clocks change, and what Temporal makes of it.

Temporal looks for the next time field by field in local time. Three things of that differ from croniter (measured with
Server 1.32, and to be read in its calendar code):

- A local time that is skipped when clocks go forward: croniter moves it to the end of the gap, Temporal drops it. Both
  agree where every hour is named.
- A local time that comes twice when clocks go back comes twice in both, but east of Greenwich Temporal finds one of the
  two only. It also takes a named time in the hour before and repeats it an hour later; that run can be kept from
  happening, because it falls into the repeated hour, where nothing else is named.
- West of Greenwich, where midnight is skipped, Temporal takes that day for the weekday before it.

Changes by other than a whole hour (Lord Howe Island, Troll, Chatham) confuse it for an hour before and after.
Clock changes are looked at for 2026 to 2053: 28 years hold every combination of date and weekday.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

from resolute.plan.calendars import HOURS, MINUTES, WEEKDAYS, Calendar, Pattern, Range, ranges

_NOTHING: Final = timedelta()
_HOUR: Final = timedelta(hours=1)
_MINUTE: Final = timedelta(minutes=1)
_STRIDE: Final = timedelta(days=5)  # shorter than any daylight saving time


@dataclass(frozen=True)
class ClockChange:
    """Clocks go from one offset to another, at an instant of UTC (without zone, as all local times here)."""

    at: datetime
    before: timedelta
    after: timedelta

    @property
    def start(self) -> datetime:
        """The first local time that is skipped or comes twice."""
        return self.at + min(self.before, self.after)

    @property
    def end(self) -> datetime:
        """The first local time after those."""
        return self.at + max(self.before, self.after)

    @property
    def skips(self) -> bool:
        """Whether local times are skipped; else they come twice."""
        return self.after > self.before

    @property
    def is_plain(self) -> bool:
        """Whether it is exactly one hour of the clock."""
        return self.end - self.start == _HOUR and self.start.minute == 0


@dataclass(frozen=True)
class Discord:
    """A local time at which Temporal would not do what croniter says: why, and between which times that is so."""

    at: datetime
    why: str
    start: datetime
    end: datetime


@cache
def clock_changes(zone: ZoneInfo) -> tuple[ClockChange, ...]:
    """Every change of a zone's offset from 2026 to 2053."""

    def offset(at: datetime) -> timedelta:
        return at.replace(tzinfo=UTC).astimezone(zone).utcoffset() or _NOTHING

    found: list[ClockChange] = []
    low, end = datetime(2026, 1, 1), datetime(2054, 1, 1)
    while low < end:
        high = low + _STRIDE
        if offset(low) != offset(high):
            early, late = low, high
            while late - early > _MINUTE:
                middle = (early + (late - early) / 2).replace(second=0, microsecond=0)
                early, late = (middle, late) if offset(middle) == offset(low) else (early, middle)
            found.append(ClockChange(late, offset(low), offset(high)))
        low = high
    return tuple(found)


def discord(pattern: Pattern, change: ClockChange) -> Discord | None:
    """The first local time near a change at which Temporal and croniter would part."""
    start, end = change.start, change.end
    if not change.is_plain:
        start, end = start.replace(minute=0) - _HOUR, (end + 59 * _MINUTE).replace(minute=0)
        why = "is beside an unusual change of the clocks"
    elif change.skips:
        if change.before < _NOTHING and start.hour == 0 and _depends_on_weekday(pattern, start):
            return Discord(start, "does not exist, so that Temporal mistakes the weekday", start, end)
        if pattern.hours == HOURS:
            return None
        why = "does not exist"
    elif change.before > _NOTHING:
        why = "comes twice"
    else:
        return None
    at = pattern.first_within(start, end)
    return Discord(at, why, start, end) if at else None


def _depends_on_weekday(pattern: Pattern, at: datetime) -> bool:
    """Whether it would make a difference to take that day for the weekday before it."""
    day_before = (at.isoweekday() - 1) % 7
    return any((at in days) != days.matches(at, day_before) for days in pattern.days)


def hours_to_skip(pattern: Pattern, changes: Iterable[ClockChange]) -> tuple[Calendar, ...]:
    """The repeated hours in which Temporal would repeat what is named in the hour before.

    One calendar holds all years in which such an hour falls on the same date.
    """
    years: dict[tuple[int, int, int], set[int]] = {}
    for change in changes:
        if change.skips or change.before <= _NOTHING:
            continue
        if pattern.first_within(change.start - _HOUR, change.start):
            years.setdefault((change.start.month, change.start.day, change.start.hour), set()).add(change.start.year)
    return tuple(
        Calendar(
            second=ranges(MINUTES),
            minute=ranges(MINUTES),
            hour=(Range(hour, hour),),
            day_of_month=(Range(day, day),),
            month=(Range(month, month),),
            day_of_week=ranges(WEEKDAYS),
            year=ranges(found),
        )
        for (month, day, hour), found in sorted(years.items())
    )


def same_in_utc(pattern: Pattern, changes: Iterable[ClockChange]) -> Pattern | None:
    """The pattern in UTC, where it names every hour and the same minutes at each of the zone's offsets."""
    if not pattern.every_hour:
        return None
    offsets = {offset for change in changes for offset in (change.before, change.after)}
    shifted = {frozenset((minute - offset // _MINUTE) % 60 for minute in pattern.minutes) for offset in offsets}
    return pattern.at_minutes(shifted.pop()) if len(shifted) == 1 else None
