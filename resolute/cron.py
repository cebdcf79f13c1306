"""Cron text means what croniter says it means, and Temporal is told the same times.

Temporal's server reads cron text too, but differently, and silently so: it wants both day of month and day of week to
match where cron wants either, takes `#` for a comment, a sixth field for the year, and refuses ranges that wrap. So the
text never reaches it. croniter reads the text here, and the times are handed over as calendars: for each field the
numbers that match, all fields together (Temporal's StructuredCalendarSpec). `translate` does that, or refuses with a
`CronError` what cannot be handed over exactly.

The dialect
    Five fields: minute (0-59), hour (0-23), day of month (1-31), month (1-12 or jan-dec), day of week (0-7 or sun-sat,
    0 and 7 are both Sunday). A field is `*`, a number, a range `8-18`, a step `*/15` or `8-18/2`, or a list of these.
    Ranges may wrap: `22-2` in the hours is 22, 23, 0, 1 and 2, and `fri-mon` is a long weekend. `?` stands for `*` in
    the two day fields.
    Day of month and day of week: where both are given, a day counts when either matches: `0 9 13 * 5` is 9 o'clock on
    each 13th and on each Friday.
    `5#2` in the day of week is the second Friday of the month, `l5` the last one; `l` in the day of month is the
    month's last day.
    `@hourly @daily @midnight @weekly @monthly @yearly @annually` are names for the obvious five fields.

Refused
    Six and seven fields: some programs read seconds first, others last, others a year; for seconds there is
    `every(...)`. `W` (nearest weekday) and `R` (random), `H` (hashed), `@reboot`; `#` or `l5` together with a day of
    month, where croniter itself finds no good meaning. A day that never comes, such as 31 February.

Daylight saving time
    A local time that is skipped when clocks go forward is moved by croniter to the end of the gap and dropped by
    Temporal. A local time that comes twice when clocks go back comes twice for croniter; Temporal gets that right west
    of Greenwich only. So a cron text that names such a time, on a day on which it happens, is refused with the date
    on which it would go wrong; all other times are the same, and where Temporal would add a run in the hour before a
    repeated one, the calendars' `skip` keeps it from doing so. Texts that name every hour of every day do not depend
    on the time zone at all (`*/5 * * * *`) and are handed over in UTC. Clock changes are looked at for 2026 to 2053:
    28 years hold every combination of date and weekday.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from functools import cache
from itertools import pairwise
from typing import Final, TypeAlias, cast
from zoneinfo import ZoneInfo, available_timezones

from resolute.errors import ResoluteError

HOUR: Final = timedelta(hours=1)
MINUTE: Final = timedelta(minutes=1)

_FIELDS: Final = ("minute", "hour", "day of month", "month", "day of week")
_RANDOM: Final = re.compile(r"r(\(\d+-\d+\))?(/\d+)?", re.ASCII)
_EVERY_MINUTE: Final = frozenset(range(60))
_EVERY_HOUR: Final = frozenset(range(24))
_EVERY_DAY: Final = frozenset(range(1, 32))
_EVERY_MONTH: Final = frozenset(range(1, 13))
_EVERY_WEEKDAY: Final = frozenset(range(7))
_LEAP_YEARS: Final = frozenset(range(2000, 2100, 4))
_COMMON_YEARS: Final = frozenset(range(2000, 2101)) - _LEAP_YEARS


class CronError(ResoluteError, ValueError):
    """A cron text that cannot be used: `reason` says why, `hint` what to write instead."""

    def __init__(self, reason: str, hint: str) -> None:
        self.reason = reason
        self.hint = hint
        super().__init__(f"{reason} ({hint})")


@dataclass(frozen=True)
class Range:
    """The numbers from `start` to `end`, both included, every `step`th."""

    start: int
    end: int
    step: int = 1


@dataclass(frozen=True, kw_only=True)
class Calendar:
    """The seconds at which every field matches. An empty `year` is every year, day of week 0 is Sunday."""

    second: tuple[Range, ...] = (Range(0, 0),)
    minute: tuple[Range, ...]
    hour: tuple[Range, ...]
    day_of_month: tuple[Range, ...]
    month: tuple[Range, ...]
    day_of_week: tuple[Range, ...]
    year: tuple[Range, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CronTimes:
    """What Temporal is told: the times that any of `calendars` has in `timezone`, without those of `skip`."""

    calendars: tuple[Calendar, ...]
    skip: tuple[Calendar, ...]
    timezone: str


@dataclass(frozen=True, kw_only=True)
class _Days:
    """A set of days; the whole month, week and all years unless said otherwise."""

    days: frozenset[int] = _EVERY_DAY
    months: frozenset[int] = _EVERY_MONTH
    weekdays: frozenset[int] = _EVERY_WEEKDAY
    years: frozenset[int] = frozenset()

    def __contains__(self, day: date) -> bool:
        return (
            day.month in self.months
            and day.day in self.days
            and day.isoweekday() % 7 in self.weekdays
            and (not self.years or day.year in self.years)
        )

    def come(self) -> bool:
        longest = max(30 if month in {4, 6, 9, 11} else 29 if month == 2 else 31 for month in self.months)
        return min(self.days) <= longest


@dataclass(frozen=True)
class _Pattern:
    """A cron text, read: these minutes of these hours of any of these days."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: tuple[_Days, ...]

    def on(self, day: date) -> bool:
        return any(day in days for days in self.days)

    def on_other_weekday(self, day: date) -> bool:
        """Whether it would make a difference to take the day for the weekday before it."""
        before = (day.isoweekday() - 1) % 7
        return any(
            (day in days) != (before in days.weekdays and day in replace(days, weekdays=_EVERY_WEEKDAY))
            for days in self.days
        )

    def first_within(self, start: datetime, end: datetime) -> datetime | None:
        """The first local time from `start` to before `end` that is named."""
        at = start
        while at < end:
            if at.minute in self.minutes and at.hour in self.hours and self.on(at.date()):
                return at
            at += MINUTE
        return None

    def whole_days(self) -> bool:
        return self.hours == _EVERY_HOUR and self.days == (_Days(),)


@dataclass(frozen=True)
class _ClockChange:
    """Clocks go from one offset to another, at an instant of UTC (held without zone, as are local times here)."""

    at: datetime
    before: timedelta
    after: timedelta

    @property
    def start(self) -> datetime:
        """The first local time that is skipped or comes twice."""
        return self.at + min(self.before, self.after)

    @property
    def end(self) -> datetime:
        return self.at + max(self.before, self.after)

    @property
    def is_gap(self) -> bool:
        return self.after > self.before

    @property
    def is_plain(self) -> bool:
        """Whether exactly one hour of the clock is skipped or repeated."""
        return self.end - self.start == HOUR and self.start.minute == 0


def translate(cron: str, timezone: str = "UTC") -> CronTimes:
    """The times of a cron text as calendars that Temporal reads as the same times.

    >>> translate("0 9 * * mon-fri", "Europe/Paris").calendars[0].day_of_week
    (Range(start=1, end=5, step=1),)

    Raises:
        CronError: the text or the time zone cannot be read, or Temporal cannot be told the same times exactly.
    """
    zone = _zone(timezone)
    pattern = _read(cron)
    changes = _clock_changes(zone)
    if changes and pattern.whole_days() and (minutes := _same_in_utc(pattern.minutes, changes)):
        return CronTimes(calendars=_calendars(replace(pattern, minutes=minutes)), skip=(), timezone="UTC")
    skip = _skip(_hours_to_skip(cron, timezone, pattern, changes))
    return CronTimes(calendars=_calendars(pattern), skip=skip, timezone=timezone)


def next_times(cron: str, timezone: str, after: datetime, count: int) -> list[datetime]:
    """The next `count` times of a cron text after a time (with zone), in the cron text's time zone.

    >>> next_times("0 9 * * *", "Europe/Paris", datetime(2026, 11, 20, 12, tzinfo=UTC), 1)[0].isoformat()
    '2026-11-21T09:00:00+01:00'

    Raises:
        CronError: as for `translate`.
    """
    from croniter import croniter  # a tenth of a second: only who has a cron text pays for it

    translate(cron, timezone)
    turns = croniter(cron, after.astimezone(ZoneInfo(timezone)), ret_type=datetime)
    return [cast("datetime", turns.get_next()) for _ in range(count)]


def _zone(timezone: str) -> ZoneInfo:
    try:
        return ZoneInfo(timezone)
    except (LookupError, ValueError, OSError):
        near = get_close_matches(timezone, available_timezones(), n=1)
        hint = f"did you mean {near[0]!r}?" if near else 'use an IANA name such as "Europe/Paris"'
        raise CronError(f"unknown time zone {timezone!r}", hint) from None


def _read(cron: str) -> _Pattern:
    from croniter import CroniterError, croniter  # see next_times

    _refuse_early(cron)
    try:
        expanded, nth = croniter.expand(cron)
    except CroniterError:
        raise CronError(f"cron {cron!r}: {_unreadable(cron)}", "five fields: minute hour day month weekday") from None
    minutes, hours, days, months, weekdays = (cast("list[int | str]", field) for field in expanded)
    alternatives = _alternatives(cron, days, weekdays, cast("dict[int, set[int | str]]", nth))
    chosen = _EVERY_MONTH if "*" in months else _numbers(months)
    possible = tuple(each for part in alternatives for each in _in_months(part, chosen) if each.come())
    if not possible:
        raise CronError(f"cron {cron!r}: that day never comes", "no month chosen has that many days")
    return _Pattern(
        _EVERY_MINUTE if "*" in minutes else _numbers(minutes),
        _EVERY_HOUR if "*" in hours else _numbers(hours),
        possible,
    )


def _refuse_early(cron: str) -> None:
    """What croniter takes, and nobody should."""
    fields = cron.lower().split()
    if len(fields) in {6, 7}:
        raise CronError(
            f"cron {cron!r} has {len(fields)} fields",
            "programs disagree on what the sixth is; use five fields, or every(timedelta(seconds=...)) for seconds",
        )
    if len(fields) == len(_FIELDS):
        if "w" in re.sub("wed", "", fields[2]):
            raise CronError(f"cron {cron!r}: 'W' in the day of month", "Temporal has no nearest weekday; name weekdays")
        for name, field in zip(_FIELDS, fields, strict=True):
            if _RANDOM.fullmatch(field):
                raise CronError(f"cron {cron!r}: a random {name}", "give a number, and jitter=... to spread starts")


def _unreadable(cron: str) -> str:
    """Which field it is that cannot be read."""
    from croniter import croniter  # see next_times

    fields = cron.split()
    if len(fields) != len(_FIELDS):
        return "is not one of croniter's names" if cron.startswith("@") else f"{len(fields)} fields"
    for place, name in enumerate(_FIELDS):
        alone = ["*"] * len(_FIELDS)
        alone[place] = fields[place]
        if not croniter.is_valid(" ".join(alone)):
            return f"the {name} cannot be {fields[place]!r}"
    return "croniter cannot read it"


_Part: TypeAlias = Callable[[int], _Days]
"""A set of days, given the number of days of the month."""


def _alternatives(
    cron: str, days: list[int | str], weekdays: list[int | str], nth: dict[int, set[int | str]]
) -> list[_Part]:
    """The sets of days of which any will do. Where both day fields are given, each is one of its own."""
    if nth:
        if "*" not in days:
            raise CronError(f"cron {cron!r}: a day of month with '#' or 'l' in the day of week", "give one of the two")
        return [
            _nth_weekday(weekday, turn) for weekday, turns in sorted(nth.items()) for turn in sorted(turns, key=str)
        ]
    parts: list[_Part] = []
    if "*" not in days:
        numbers = _numbers(days)
        parts.append(lambda length: _Days(days=numbers | {length} if "l" in days else numbers))
    if "*" not in weekdays:
        chosen = _numbers(weekdays)
        parts.append(lambda length: _Days(weekdays=chosen))
    return parts or [lambda length: _Days()]


def _nth_weekday(weekday: int, turn: int | str) -> _Part:
    def part(length: int) -> _Days:
        first = length - 6 if isinstance(turn, str) else 7 * turn - 6
        return _Days(days=frozenset(range(first, first + 7)) & _EVERY_DAY, weekdays=frozenset({weekday}))

    return part


def _in_months(part: _Part, months: frozenset[int]) -> Iterator[_Days]:
    """The days of a part in the chosen months: at once, or by length of month where that makes a difference."""
    if part(30) == part(31):
        yield replace(part(31), months=months)
        return
    for length, of_length, years in (
        (31, {1, 3, 5, 7, 8, 10, 12}, frozenset[int]()),
        (30, {4, 6, 9, 11}, frozenset[int]()),
        (29, {2}, _LEAP_YEARS),
        (28, {2}, _COMMON_YEARS),
    ):
        if chosen := months & of_length:
            yield replace(part(length), months=chosen, years=years)


def _numbers(values: Iterable[int | str]) -> frozenset[int]:
    return frozenset(value for value in values if isinstance(value, int))


@cache
def _clock_changes(zone: ZoneInfo) -> tuple[_ClockChange, ...]:
    """Every change of the zone's offset from 2026 to 2053."""

    def offset(at: datetime) -> timedelta:
        return at.replace(tzinfo=UTC).astimezone(zone).utcoffset() or timedelta()

    found: list[_ClockChange] = []
    low, end = datetime(2026, 1, 1), datetime(2054, 1, 1)  # UTC without saying so, see _ClockChange
    while low < end:
        high = low + timedelta(days=5)
        if offset(low) != offset(high):
            early, late = low, high
            while late - early > MINUTE:
                middle = early + (late - early) // 2
                middle = middle.replace(second=0, microsecond=0)
                early, late = (middle, late) if offset(middle) == offset(low) else (early, middle)
            found.append(_ClockChange(late, offset(low), offset(high)))
        low = high
    return tuple(found)


def _same_in_utc(minutes: frozenset[int], changes: tuple[_ClockChange, ...]) -> frozenset[int]:
    """The minutes of every hour in UTC that are these minutes at each of the zone's offsets; none if they differ."""
    offsets = {offset for change in changes for offset in (change.before, change.after)}
    shifted = {frozenset((minute - offset // MINUTE) % 60 for minute in minutes) for offset in offsets}
    return shifted.pop() if len(shifted) == 1 else frozenset()


def _hours_to_skip(
    cron: str, timezone: str, pattern: _Pattern, changes: tuple[_ClockChange, ...]
) -> Iterator[_ClockChange]:
    """Refuse what goes wrong at a change of the clocks; give the changes whose repeated hour Temporal must skip.

    Looking for the next time, Temporal sees that an hour has gone twice by and tries the hour before it again, an hour
    later. East of Greenwich it takes that for a new time, in the first of the two repeated hours.
    """
    for change in changes:
        if wrong := _goes_wrong(pattern, change):
            at, why = wrong
            raise CronError(
                f"cron {cron!r}: {at:%H:%M} on {at:%Y-%m-%d} {why} in {timezone}",
                f"keep clear of {change.start:%H:%M} to {change.end:%H:%M} there, or use UTC or every(...)",
            )
        if (
            not change.is_gap
            and change.before > timedelta()
            and pattern.first_within(change.start - HOUR, change.start)
        ):
            yield change


def _goes_wrong(pattern: _Pattern, change: _ClockChange) -> tuple[datetime, str] | None:
    """The first local time near the change at which Temporal and croniter part, and why."""
    start, end = change.start, change.end
    if not change.is_plain:
        start, end = start.replace(minute=0) - HOUR, end.replace(minute=0) + HOUR
        why = "is beside an unusual change of the clocks"
    elif change.is_gap:
        if change.before < timedelta() and start.hour == 0 and pattern.on_other_weekday(start.date()):
            return start, "does not exist, so that Temporal mistakes the weekday"
        if pattern.hours == _EVERY_HOUR:
            return None
        why = "does not exist"
    elif change.before > timedelta():
        why = "comes twice"
    else:
        return None
    at = pattern.first_within(start, end)
    return (at, why) if at else None


def _calendars(pattern: _Pattern) -> tuple[Calendar, ...]:
    return tuple(
        Calendar(
            minute=_ranges(pattern.minutes),
            hour=_ranges(pattern.hours),
            day_of_month=_ranges(days.days),
            month=_ranges(days.months),
            day_of_week=_ranges(days.weekdays),
            year=_ranges(days.years),
        )
        for days in pattern.days
    )


def _skip(changes: Iterable[_ClockChange]) -> tuple[Calendar, ...]:
    """The repeated hours, one calendar for all years in which they fall on the same day of the year."""
    years: dict[tuple[int, int, int], set[int]] = {}
    for change in changes:
        years.setdefault((change.start.month, change.start.day, change.start.hour), set()).add(change.start.year)
    return tuple(
        Calendar(
            second=_ranges(_EVERY_MINUTE),
            minute=_ranges(_EVERY_MINUTE),
            hour=(Range(hour, hour),),
            day_of_month=(Range(day, day),),
            month=(Range(month, month),),
            day_of_week=_ranges(_EVERY_WEEKDAY),
            year=_ranges(found),
        )
        for (month, day, hour), found in sorted(years.items())
    )


def _ranges(numbers: Iterable[int]) -> tuple[Range, ...]:
    """Numbers as few ranges: one with a step where that fits, else one for each run of neighbours."""
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
