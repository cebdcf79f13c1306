"""Where clocks change, and what is done about it: around a change of the clocks nothing is left to Temporal.

Temporal looks for the next time field by field in local time, which goes wrong where local times are skipped or come
twice (to be read in `calendar.go` of its server, and measured with Server 1.32):

- A local time that is skipped when clocks go forward is dropped. Changes by other than a whole hour confuse it for an
  hour before and after.
- East of Greenwich, of a local time that comes twice only the second is found, and what is named in the hour before is
  repeated an hour later.
- West of Greenwich, where midnight is skipped, that day is taken for the weekday before it.

So the hours around such a change are cut out of the calendars, for that date alone, and the instants that are wanted
there are named one by one, in UTC. Everything else stays in local time, and follows the server's time zone data.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

from resolute.plan.calendars import WEEKDAYS, Calendar, Days, Pattern, ranges

_NOTHING: Final = timedelta()
_HOUR: Final = timedelta(hours=1)
_MINUTE: Final = timedelta(minutes=1)
_STRIDE: Final = timedelta(days=5)  # shorter than any daylight saving time
_TEMPORALS_YEARS: Final = frozenset(range(2000, 2101))


@dataclass(frozen=True)
class ClockChange:
    """Clocks go from one offset to another, at an instant of UTC (without zone, as all local times here)."""

    at: datetime
    before: timedelta
    after: timedelta

    @property
    def skips(self) -> bool:
        """Whether local times are skipped; else they come twice."""
        return self.after > self.before

    @property
    def window(self) -> tuple[datetime, datetime]:
        """The local times, from and to before, at which Temporal may be wrong; whole hours."""
        start, end = self.at + min(self.before, self.after), self.at + max(self.before, self.after)
        if end - start != _HOUR or start.minute:
            return start.replace(minute=0) - _HOUR, (end + 59 * _MINUTE).replace(minute=0) + _HOUR
        return (start - _HOUR if not self.skips and self.before > _NOTHING else start), end

    def confuses(self, day: date) -> bool:
        """Whether Temporal takes a day for the weekday before it."""
        start, end = self.at + self.before, self.at + self.after
        return self.before < _NOTHING and start <= datetime(day.year, day.month, day.day) < end

    def affects(self, pattern: Pattern) -> bool:
        """Whether Temporal may miss or double a time of the pattern."""
        return pattern.first_within(*self.window) is not None or any(
            _taken_for_another(days, day, self) for days in pattern.days for day in self.hours
        )

    @property
    def hours(self) -> dict[date, frozenset[int]]:
        """The hours of the window, by date."""
        found: dict[date, frozenset[int]] = {}
        at, end = self.window
        while at < end:
            found[at.date()] = found.get(at.date(), frozenset()) | {at.hour}
            at += _HOUR
        return found


@cache
def clock_changes(zone: ZoneInfo, first: int, last: int) -> tuple[ClockChange, ...]:
    """Every change of a zone's offset from the first year to the last."""

    def offset(at: datetime) -> timedelta:
        return at.replace(tzinfo=UTC).astimezone(zone).utcoffset() or _NOTHING

    found: list[ClockChange] = []
    low, end = datetime(first, 1, 1), datetime(last + 1, 1, 1)
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


def around(pattern: Pattern, changes: Sequence[ClockChange]) -> tuple[Calendar, ...]:
    """The pattern's calendars without the hours around these changes."""
    hours: dict[date, frozenset[int]] = {}
    for change in changes:
        for day, cut in change.hours.items():
            hours[day] = hours.get(day, frozenset()) | cut
    kept: list[Days] = []
    whole: set[date] = set()
    for days in pattern.days:
        cut = {day for day in hours if day in days or any(_taken_for_another(days, day, change) for change in changes)}
        kept += _without(days, cut)
        whole |= {day for day in cut if day in days}
    left: dict[tuple[int, int, frozenset[int]], set[int]] = {}
    for day in sorted(whole):
        if rest := pattern.hours - hours[day]:
            left.setdefault((day.month, day.day, rest), set()).add(day.year)
    return (
        *replace(pattern, days=tuple(kept)).calendars(),
        *(
            Calendar(
                minute=ranges(pattern.minutes),
                hour=ranges(rest),
                day_of_month=ranges({day}),
                month=ranges({month}),
                day_of_week=ranges(WEEKDAYS),
                year=ranges(years),
            )
            for (month, day, rest), years in left.items()
        ),
    )


def _without(days: Days, cut: Iterable[date]) -> list[Days]:
    """The same days without some dates: the years without such a date, then their months without, then the rest."""
    dates = sorted(cut)
    if not dates:
        return [days]
    years, months = {each.year for each in dates}, {each.month for each in dates}
    found = [
        replace(days, years=(days.years or _TEMPORALS_YEARS) - years),
        replace(days, years=frozenset(years), months=days.months - months),
    ]
    for month in sorted(months & days.months):
        same: dict[frozenset[int], set[int]] = {}
        for year in years:
            gone = frozenset(each.day for each in dates if (each.year, each.month) == (year, month))
            same.setdefault(days.days - gone, set()).add(year)
        found += [
            replace(days, years=frozenset(group), months=frozenset({month}), days=left) for left, group in same.items()
        ]
    if days.years:
        found = [replace(each, years=each.years & days.years) for each in found]
    return [each for each in found if each.years and each.months and each.days]


def _taken_for_another(days: Days, day: date, change: ClockChange) -> bool:
    """Whether it would make a difference to take a day for the weekday before it, as Temporal does."""
    weekday = day.isoweekday() % 7
    return change.confuses(day) and days.matches(day, weekday) != days.matches(day, (weekday - 1) % 7)


def same_in_utc(pattern: Pattern, changes: Iterable[ClockChange]) -> Pattern | None:
    """The pattern in UTC, where it names every hour and the same minutes at each of the zone's offsets."""
    if not pattern.every_hour:
        return None
    offsets = {offset for change in changes for offset in (change.before, change.after)}
    shifted = {frozenset((minute - offset // _MINUTE) % 60 for minute in pattern.minutes) for offset in offsets}
    return pattern.at_minutes(shifted.pop()) if len(shifted) == 1 else None
