"""Lengths of time as people write them on a command line."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

from resolute.plan.errors import ConfigurationError

_LENGTH: Final = re.compile(r"(\d{1,6})([smhd])")
_LONGEST: Final = timedelta(days=3650)
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def length(text: str, option: str) -> timedelta:
    """A length of time such as 30m, 2h or 1d.

    Raises:
        ConfigurationError: it is none, or is nothing, or longer than ten years.

    >>> length("2h", "--since")
    datetime.timedelta(seconds=7200)
    """
    found = _LENGTH.fullmatch(text)
    if found is None:
        raise ConfigurationError(f"{option} {text!r} is no length of time: give one such as 30m, 2h or 1d")
    given = timedelta(**{_UNITS[found[2]]: int(found[1])})
    if not timedelta(0) < given <= _LONGEST:
        raise ConfigurationError(f"{option} {text!r}: give more than nothing, and at most {_LONGEST.days}d")
    return given
