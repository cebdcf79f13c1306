"""Lengths of time as people write them on a command line."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

from resolute.plan.errors import ConfigurationError

_LENGTH: Final = re.compile(r"(\d{1,6})([smhd])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def length(text: str, option: str) -> timedelta:
    """A length of time such as 30m, 2h or 1d.

    Raises:
        ConfigurationError: it is none.

    >>> length("2h", "--since")
    datetime.timedelta(seconds=7200)
    """
    found = _LENGTH.fullmatch(text)
    if found is None:
        raise ConfigurationError(f"{option} {text!r} is no length of time: give one such as 30m, 2h or 1d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})
