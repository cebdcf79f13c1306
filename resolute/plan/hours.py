"""Hours of the week, in a time zone: when people sleep, when a business is open."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, cast
from zoneinfo import ZoneInfo, available_timezones

from resolute.plan.errors import ExpressionError
from resolute.plan.expressions import Expression
from resolute.plan.shapes import did_you_mean
from resolute.plan.times import time_of
from resolute.plan.values import Json, JsonObject

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|24:00)", re.ASCII)


def during(hours: str = "00:00-24:00", *, days: str = "mon-sun", timezone: str = "UTC") -> bool:
    """True in these hours of these days, by the run's clock: `.when(during("09:00-17:00", days="mon-fri"))`.

    It is looked at on the worker, which knows time zones, and recorded. An hour that the clocks repeat counts both
    times; one that they skip does not come.

    Args:
        hours: from and to, such as "09:00-17:00"; the end is no part of it. "22:00-07:00" goes on into the next day,
            and belongs to the day on which it begins.
        days: "mon-fri", "sat,sun"; a range may wrap, as in "fri-mon".
        timezone: an IANA name; hours and days are local there.

    >>> during("22:00-07:00", days="mon-fri", timezone="Europe/Paris")
    during('22:00-07:00', 'mon-fri', 'Europe/Paris')

    Raises:
        ExpressionError: these are no hours, days or time zone.
    """
    try:
        window = {"hours": hours, "days": days, "timezone": timezone}
        _window(window)
    except (ValueError, TypeError) as error:
        raise ExpressionError(f"during(...): {error}") from None
    return cast("bool", Expression("$during", {**window, "at": Expression("$now", 0.0)}))


def is_during(window: Any) -> bool:
    """Whether the time `at` of what a plan holds of `during(...)` is in its hours.

    >>> is_during({"hours": "22:00-07:00", "days": "fri", "timezone": "UTC", "at": "2026-01-03T06:59:00Z"})
    True

    Raises:
        ValueError: it is nothing that `during` writes.
    """
    start, end, days, zone = _window(window)
    at = time_of(window.get("at"))
    if at is None:
        raise ValueError(f"{window.get('at')!r} is no time")
    local = at.astimezone(zone)
    minute = local.hour * 60 + local.minute
    today, yesterday = local.weekday(), (local - timedelta(days=1)).weekday()
    if start < end:
        return today in days and start <= minute < end
    return (today in days and minute >= start) or (yesterday in days and minute < end)


def window_problem(window: Json) -> str:
    """Why these are no hours; empty where they are some."""
    try:
        _window(window)
    except (ValueError, TypeError) as error:
        return str(error)
    return ""


def _window(window: Any) -> tuple[int, int, frozenset[int], ZoneInfo]:
    """The first and last minute of a day, the days, and the zone."""
    if not isinstance(window, Mapping):
        raise TypeError("hours, days and a time zone are wanted")
    given = cast("JsonObject", window)
    hours, days, timezone = (given.get(name) for name in ("hours", "days", "timezone"))
    found = _HOURS.fullmatch(hours) if isinstance(hours, str) else None
    if found is None:
        raise ValueError(f"{hours!r} are no hours: write them like '22:00-07:00'")
    start, end = int(found[1]) * 60 + int(found[2]), int(found[3] or 24) * 60 + int(found[4] or 0)
    if start == end:
        raise ValueError(f"{hours!r} has no length: '00:00-24:00' is the whole day")
    return start, end, _days(days), _zone(timezone)


def _days(days: Json) -> frozenset[int]:
    found: list[int] = []
    for part in days.lower().split(",") if isinstance(days, str) else ():
        first, _, last = (each.strip() for each in part.partition("-"))
        if first not in _DAYS or (last or first) not in _DAYS:
            found.clear()
            break
        begin, length = _DAYS.index(first), (_DAYS.index(last or first) - _DAYS.index(first)) % 7
        found += [(begin + number) % 7 for number in range(length + 1)]
    if not found:
        raise ValueError(f"{days!r} are no days: write them like 'mon-fri' or 'sat,sun'")
    return frozenset(found)


def _zone(timezone: Json) -> ZoneInfo:
    try:
        return ZoneInfo(str(timezone))
    except (LookupError, ValueError, OSError):
        near = did_you_mean(str(timezone), sorted(available_timezones()))
        raise ValueError(f"unknown time zone {timezone!r} ({near or 'use an IANA name: Europe/Paris'})") from None
