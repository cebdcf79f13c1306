"""Lengths of time as people say them."""

from __future__ import annotations

from typing import Final

_UNITS: Final = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))


def length(seconds: float) -> str:
    """A length of time in words.

    >>> length(300), length(5400), length(0.5)
    ('5 minutes', '1 hour 30 minutes', '0.5 seconds')
    """
    rest, parts = seconds, list[str]()
    for unit, size in _UNITS:
        count = rest if size == 1 else rest // size
        rest -= count * size
        if count or (size == 1 and not parts):
            parts.append(f"{count:g} {unit}" + ("" if count == 1 else "s"))
    return " ".join(parts)


def every(seconds: float) -> str:
    """How often something happens.

    >>> every(1), every(300), every(86400)
    ('every second', 'every 5 minutes', 'every day')
    """
    said = length(seconds)
    return f"every {said.removeprefix('1 ') if said.count(' ') == 1 else said}"
