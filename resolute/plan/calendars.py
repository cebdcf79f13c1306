"""Times as sets: which minutes of which hours of which days. What cron text is read into, and what Temporal is told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Final

MINUTES: Final = frozenset(range(60))
HOURS: Final = frozenset(range(24))
DAYS: Final = frozenset(range(1, 32))
MONTHS: Final = frozenset(range(1, 13))
WEEKDAYS: Final = frozenset(range(7))


@dataclass(frozen=True)
class Range:
    """The numbers from `start` to `end`, both included, every `step`th."""

    start: int
    end: int
    step: int = 1


@dataclass(frozen=True, kw_only=True)
class Calendar:
    """The seconds at which every field matches. An empty `year` is every year, day of week 0 is Sunday.

    Source: Temporal's StructuredCalendarSpec, field by field.
    """

    second: tuple[Range, ...] = (Range(0, 0),)
    minute: tuple[Range, ...]
    hour: tuple[Range, ...]
    day_of_month: tuple[Range, ...]
    month: tuple[Range, ...]
    day_of_week: tuple[Range, ...]
    year: tuple[Range, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Days:
    """A set of days: those that match in every respect. The whole month, week, and all years unless said otherwise."""

    days: frozenset[int] = DAYS
    months: frozenset[int] = MONTHS
    weekdays: frozenset[int] = WEEKDAYS
    years: frozenset[int] = frozenset()

    def __contains__(self, day: date) -> bool:
        return self.matches(day, day.isoweekday() % 7)

    def matches(self, day: date, weekday: int) -> bool:
        """Whether the day would be in the set if that were its weekday."""
        return (
            day.month in self.months
            and day.day in self.days
            and weekday in self.weekdays
            and (not self.years or day.year in self.years)
        )

    def come(self) -> bool:
        """Whether there is such a day at all: 31 February never comes."""
        longest = max(30 if month in {4, 6, 9, 11} else 29 if month == 2 else 31 for month in self.months)
        return min(self.days) <= longest


@dataclass(frozen=True)
class Pattern:
    """These minutes of these hours of any of these days, in local time."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: tuple[Days, ...]

    @property
    def every_hour(self) -> bool:
        """Whether no hour of any day is left out."""
        return self.hours == HOURS and self.days == (Days(),)

    def first_within(self, start: datetime, end: datetime) -> datetime | None:
        """The first local time from `start` to before `end` that matches."""
        at = start
        while at < end:
            if at.minute in self.minutes and at.hour in self.hours and any(at in days for days in self.days):
                return at
            at += timedelta(minutes=1)
        return None

    def calendars(self) -> tuple[Calendar, ...]:
        """The same times for Temporal, one calendar for each set of days."""
        return tuple(
            Calendar(
                minute=ranges(self.minutes),
                hour=ranges(self.hours),
                day_of_month=ranges(days.days),
                month=ranges(days.months),
                day_of_week=ranges(days.weekdays),
                year=ranges(days.years),
            )
            for days in self.days
        )

    def at_minutes(self, minutes: frozenset[int]) -> Pattern:
        """The same hours and days with other minutes."""
        return replace(self, minutes=minutes)


def ranges(numbers: Iterable[int]) -> tuple[Range, ...]:
    """Numbers as few ranges: one with a step where that fits, else one for each run of neighbours.

    >>> ranges({0, 15, 30, 45})
    (Range(start=0, end=45, step=15),)
    """
    ordered = sorted(numbers)
    steps = {after - before for before, after in pairwise(ordered)}
    if len(ordered) > 2 and len(steps) == 1:
        return (Range(ordered[0], ordered[-1], steps.pop()),)
    runs: list[Range] = []
    for number in ordered:
        if runs and runs[-1].end == number - 1:
            runs[-1] = Range(runs[-1].start, number)
        else:
            runs.append(Range(number, number))
    return tuple(runs)
