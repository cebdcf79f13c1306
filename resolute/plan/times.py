"""Times and durations as JSON holds them: ISO 8601 text, as pydantic writes `datetime`, `date` and `timedelta`."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Final

_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d($|[T ])")
_DURATION: Final = re.compile(
    r"(?P<sign>[+-]?)P(?=.)(?:(?P<years>\d{1,9})Y)?(?:(?P<weeks>\d{1,9})W)?(?:(?P<days>\d{1,9})D)?"
    r"(?:T(?=.)(?:(?P<hours>\d{1,9})H)?(?:(?P<minutes>\d{1,9})M)?"
    r"(?:(?P<seconds>\d{1,12})(?:\.(?P<fraction>\d{1,9}))?S)?)?",
    re.ASCII,
)
_DAYS_OF_A_YEAR: Final = 365  # as pydantic counts them


def time_of(text: object) -> datetime | None:
    """The time that a text means, in UTC where it names no offset; None where it means none.

    Python reads more as a time than people write as one: a telephone number, for one.

    >>> time_of("2026-01-01")
    datetime.datetime(2026, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)
    """
    if not isinstance(text, str) or not _TIME.match(text):
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return in_utc(time)


def in_utc(time: datetime) -> datetime:
    """The time, in UTC where it names no offset."""
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def day_of(text: object) -> date | None:
    """The day that a text means; None where it means none, or a time of day as well."""
    if not isinstance(text, str) or not _DAY.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def duration_of(text: object) -> timedelta | None:
    """The duration that a text means; None where it means none.

    >>> duration_of("PT1M30S")
    datetime.timedelta(seconds=90)
    """
    found = _DURATION.fullmatch(text) if isinstance(text, str) and len(text) < 100 else None
    if found is None:
        return None
    parts = {name: int(found[name] or 0) for name in ("years", "weeks", "days", "hours", "minutes", "seconds")}
    days = parts.pop("years") * _DAYS_OF_A_YEAR + parts.pop("days")
    microseconds = int((found["fraction"] or "").ljust(6, "0")[:6])
    try:
        length = timedelta(days=days, microseconds=microseconds, **parts)
        return -length if found["sign"] == "-" else length
    except OverflowError:
        return None


def text_of_duration(length: timedelta) -> str:
    """A duration as pydantic writes it.

    >>> text_of_duration(timedelta(minutes=5))
    'PT5M'
    """
    sign, length = ("-", -length) if length < timedelta(0) else ("", length)
    years, days = divmod(length.days, _DAYS_OF_A_YEAR)
    minutes, seconds = divmod(length.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f".{length.microseconds:06}".rstrip("0") if length.microseconds else ""
    date_part = "".join(f"{size}{unit}" for size, unit in ((years, "Y"), (days, "D")) if size)
    time_part = "".join(f"{size}{unit}" for size, unit in ((hours, "H"), (minutes, "M")) if size)
    if seconds or fraction:
        time_part += f"{seconds}{fraction}S"
    if not date_part and not time_part:
        return "PT0S"
    return f"{sign}P{date_part}{'T' if time_part else ''}{time_part}"


def spoken_duration(size: float) -> str:
    """A number of seconds as a person reads it: `90m`, `1.5s`, `1d`."""
    for unit, seconds in (("d", 86400), ("h", 3600), ("m", 60)):
        if size and size % seconds == 0:
            return f"{size / seconds:g}{unit}"
    return f"{size:g}s"
