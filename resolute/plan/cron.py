"""Cron text means what croniter says it means, and Temporal is told the same times.

Temporal's server reads cron text too, but differently, and silently so: it wants both day of month and day of week to
match where cron wants either, takes `#` for a comment and a sixth field for the year, and refuses ranges that wrap. So
the text never reaches it. croniter reads the text here, and the times are handed over as calendars: for each field the
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
    `every(...)`. `W` (nearest weekday), `R` (random), `H` (hashed) and `@reboot`; `#` or `l5` together with a day of
    month, where croniter itself finds no good meaning. A day that never comes, such as 31 February.

Daylight saving time
    A time that is skipped when clocks go forward is moved to the end of the gap, once; where the text names every hour
    (`*`) it is left out. When clocks go back, a text whose minutes or hours are `*`, or begin with it, follows the
    hours that pass: it comes in both copies of the hour (`0 */2 * * *`, `*/10 1 * * *`). A text of fixed times comes
    once, the first time (`30 1 * * *`). All but the last are croniter's rules; the last is that of the cron daemons of
    Linux, because a nightly job that runs twice is worse than one that does not.

    Temporal is told the instants around the changes of the next years one by one (`resolute.plan.daylight`); the rest
    stays in local time. Texts that name every hour of every day do not depend on daylight saving time (`*/5 * * * *`)
    and are handed over in UTC. The server and this process each have their own time zone data; keep both current.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from itertools import islice
from typing import Final, TypeAlias, cast
from zoneinfo import ZoneInfo, available_timezones

from resolute.plan.calendars import DAYS, HOURS, MINUTES, MONTHS, Calendar, Days, Pattern
from resolute.plan.daylight import ClockChange, around, clock_changes, same_in_utc
from resolute.plan.errors import ResoluteError

YEARS: Final = 6
"""For how many years the changes of the clocks are told one by one."""

_ALIASES: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_FIELDS: Final = ("minute", "hour", "day of month", "month", "day of week")
_RANDOM: Final = re.compile(r"r(\(\d+-\d+\))?(/\d+)?", re.ASCII)
_LEAP_YEARS: Final = frozenset(range(2000, 2100, 4))
_COMMON_YEARS: Final = frozenset(range(2000, 2101)) - _LEAP_YEARS
_ALL_YEARS: Final[frozenset[int]] = frozenset()


class CronError(ResoluteError, ValueError):
    """A cron text cannot be used: `reason` says why, `hint` what to write instead."""

    def __init__(self, reason: str, hint: str) -> None:
        self.reason = reason
        self.hint = hint
        super().__init__(f"{reason} ({hint})")


@dataclass(frozen=True, kw_only=True)
class CronTimes:
    """What Temporal is told: the times that any of `calendars` has in `timezone`, and `instants`, in UTC."""

    calendars: tuple[Calendar, ...]
    instants: tuple[datetime, ...]
    timezone: str


def translate(cron: str, timezone: str = "UTC", year: int = 2026) -> CronTimes:
    """The times of a cron text as calendars that Temporal reads as the same times.

    >>> translate("0 9 * * mon-fri", "Europe/Paris").calendars[0].day_of_week
    (Range(start=1, end=5, step=1),)

    Args:
        cron: the text.
        timezone: the IANA name of its time zone.
        year: the changes of the clocks in this year and in the five after it are exact. Later ones are what Temporal
            makes of them, until the schedule is deployed again.

    Raises:
        CronError: the text or the time zone cannot be read, or Temporal cannot be told the same times exactly.
    """
    zone = _zone(timezone)
    changes = clock_changes(zone, year, year + YEARS - 1)
    pattern = _read(cron)
    if changes and (in_utc := same_in_utc(pattern, changes)):
        return CronTimes(calendars=in_utc.calendars(), instants=(), timezone="UTC")
    affecting = [change for change in changes if change.affects(pattern)]
    instants = sorted({at for change in affecting for at in _instants(cron, zone, change)})
    return CronTimes(calendars=around(pattern, affecting), instants=tuple(instants), timezone=timezone)


def next_times(cron: str, timezone: str, after: datetime, count: int) -> list[datetime]:
    """The next `count` times of a cron text after a time (with zone), in the cron text's time zone.

    >>> from datetime import UTC
    >>> next_times("0 9 * * *", "Europe/Paris", datetime(2026, 11, 20, 12, tzinfo=UTC), 1)[0].isoformat()
    '2026-11-21T09:00:00+01:00'

    Raises:
        CronError: as for `translate`.
    """
    translate(cron, timezone)
    return list(islice(_times(cron, ZoneInfo(timezone), after), count))


def _times(cron: str, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    """The times of a cron text after a time (with zone), without end."""
    from croniter import croniter  # takes a while: only who has a cron text pays for it

    fields, (expanded, _) = _ALIASES.get(cron.strip().lower(), cron).split(), croniter.expand(cron)
    once = not any(fields[place].startswith("*") or "*" in expanded[place] for place in (0, 1))
    turns = croniter(cron, after.astimezone(zone), ret_type=datetime)
    while True:
        at = turns.get_next(datetime)
        if not (once and at.fold):
            yield at


def _instants(cron: str, zone: ZoneInfo, change: ClockChange) -> Iterator[datetime]:
    """The instants of a cron text around a change of the clocks, in UTC."""
    start, end = change.window
    after = (start - max(change.before, change.after) - timedelta(minutes=1)).replace(tzinfo=UTC)
    for at in _times(cron, zone, after):
        local, instant = at.replace(tzinfo=None), at.astimezone(UTC)
        if instant >= (end - min(change.before, change.after)).replace(tzinfo=UTC):
            break
        if start <= local < end or instant == change.at.replace(tzinfo=UTC):
            yield instant


def _zone(timezone: str) -> ZoneInfo:
    try:
        return ZoneInfo(timezone)
    except (LookupError, ValueError, OSError):
        near = get_close_matches(timezone, available_timezones(), n=1)
        hint = f"did you mean {near[0]!r}?" if near else 'use an IANA name such as "Europe/Paris"'
        raise CronError(f"unknown time zone {timezone!r}", hint) from None


def _read(cron: str) -> Pattern:
    from croniter import CroniterError, croniter  # see next_times

    _refuse_early(cron)
    try:
        expanded, nth = croniter.expand(cron)
    except CroniterError:
        raise CronError(f"cron {cron!r}: {_unreadable(cron)}", "five fields: minute hour day month weekday") from None
    minutes, hours, days, months, weekdays = (cast("list[int | str]", field) for field in expanded)
    parts = _parts(cron, days, weekdays, cast("dict[int, set[int | str]]", nth))
    chosen = MONTHS if "*" in months else _numbers(months)
    possible = tuple(days for part in parts for days in _in_months(part, chosen) if days.come())
    if not possible:
        raise CronError(f"cron {cron!r}: that day never comes", "no month chosen has that many days")
    return Pattern(
        MINUTES if "*" in minutes else _numbers(minutes),
        HOURS if "*" in hours else _numbers(hours),
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
        if "w" in fields[2]:
            raise CronError(f"cron {cron!r}: 'W' in the day of month", "Temporal has no nearest weekday; name weekdays")
        for name, field in zip(_FIELDS, fields, strict=True):
            if _RANDOM.fullmatch(field):
                raise CronError(f"cron {cron!r}: a random {name}", "give a number, and jitter=... to spread starts")


def _unreadable(cron: str) -> str:
    """Which field it is that cannot be read."""
    from croniter import croniter  # see next_times

    fields = cron.split()
    if len(fields) != len(_FIELDS):
        return "no such name" if cron.startswith("@") else f"it has {len(fields)} fields"
    for place, name in enumerate(_FIELDS):
        alone = ["*"] * len(_FIELDS)
        alone[place] = fields[place]
        if not croniter.is_valid(" ".join(alone)):
            return f"the {name} cannot be {fields[place]!r}"
    return "croniter cannot read it"


_Part: TypeAlias = Callable[[int], Days]
"""A set of days, given the number of days in the month."""


def _parts(cron: str, days: list[int | str], weekdays: list[int | str], nth: dict[int, set[int | str]]) -> list[_Part]:
    """The sets of days of which any will do. Where both day fields are given, each is one of its own."""
    if nth:
        if "*" not in days:
            raise CronError(f"cron {cron!r}: a day of month with '#' or 'l' in the day of week", "give one of the two")
        return [
            _nth_weekday(weekday, turn) for weekday, turns in sorted(nth.items()) for turn in sorted(turns, key=str)
        ]
    parts: list[_Part] = []
    if "*" not in days:
        parts.append(_days_of_month(_numbers(days), last="l" in days))
    if "*" not in weekdays:
        of_week = Days(weekdays=_numbers(weekdays))
        parts.append(lambda length: of_week)
    return parts or [lambda length: Days()]


def _days_of_month(numbers: frozenset[int], *, last: bool) -> _Part:
    return lambda length: Days(days=numbers | {length} if last else numbers)


def _nth_weekday(weekday: int, turn: int | str) -> _Part:
    def part(length: int) -> Days:
        first = length - 6 if isinstance(turn, str) else 7 * turn - 6
        return Days(days=frozenset(range(first, first + 7)) & DAYS, weekdays=frozenset({weekday}))

    return part


def _in_months(part: _Part, months: frozenset[int]) -> Iterator[Days]:
    """The days of a part in the chosen months: at once, or by length of month where that makes a difference."""
    if part(30) == part(31):
        yield replace(part(31), months=months)
        return
    for length, of_length, years in (
        (31, {1, 3, 5, 7, 8, 10, 12}, _ALL_YEARS),
        (30, {4, 6, 9, 11}, _ALL_YEARS),
        (29, {2}, _LEAP_YEARS),
        (28, {2}, _COMMON_YEARS),
    ):
        if chosen := months & of_length:
            yield replace(part(length), months=chosen, years=years)


def _numbers(values: Iterable[int | str]) -> frozenset[int]:
    return frozenset(value for value in values if isinstance(value, int))
