"""Times as people write them in a terminal."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from typing import Final

from resolute.plan.errors import ConfigurationError

EXAMPLES: Final = "7d, 24h, 1d12h, today, yesterday, this-week, 2026-03-02, 2026-03-02T14:30Z"

_UNITS: Final = {
    "w": timedelta(weeks=1),
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
}
_LENGTH: Final = re.compile(r"([+-]?)((?:\d+[wdhms])+)")


def moment(text: str, now: datetime) -> datetime:
    """The time that a text means, with its zone.

    A duration such as `7d` or `1d12h` is in the past, `+8h` is in the future. Times without a zone, and the start of
    a day, use the time zone of this machine.

    Args:
        text: the text.
        now: the current time, with its zone.

    Raises:
        ConfigurationError: it is not a time.

    >>> from datetime import UTC
    >>> moment("1d12h", datetime(2026, 3, 2, 12, tzinfo=UTC)).isoformat()
    '2026-03-01T00:00:00+00:00'
    """
    word = text.strip().lower().replace(" ", "-")
    today = now.astimezone().date()
    named = {
        "today": today,
        "yesterday": today - timedelta(days=1),
        "tomorrow": today + timedelta(days=1),
        "this-week": today - timedelta(days=today.weekday()),
        "last-week": today - timedelta(days=today.weekday() + 7),
        "this-month": today.replace(day=1),
        "this-year": today.replace(month=1, day=1),
    }
    if word == "now":
        return now
    if word in named:
        return _begin_of(named[word])
    try:
        length = _LENGTH.fullmatch(word)
        return _shifted(now, length) if length else _iso(text)
    except (ValueError, OverflowError):
        raise ConfigurationError(f"{text!r} is not a time: write it like {EXAMPLES}") from None


def _shifted(now: datetime, length: re.Match[str]) -> datetime:
    parts = re.findall(r"(\d+)([wdhms])", length[2])
    total = sum((int(count) * _UNITS[unit] for count, unit in parts), timedelta())
    return now + total if length[1] == "+" else now - total


def _iso(text: str) -> datetime:
    found = datetime.fromisoformat(text.strip())
    return found if found.tzinfo else found.astimezone()


def _begin_of(day: date) -> datetime:
    return datetime.combine(day, time()).astimezone()
