"""A cursor: how far flows have come with something, a value that is kept until it is moved."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from resolute.plan.limits import recorded_size
from resolute.plan.values import Json, JsonObject
from resolute.running.shared.asking import SharingRefusedError

READ: Final = "read"
MOVE: Final = "move"

LARGEST_CURSOR: Final = 64 * 1024
"""Bytes of the value of a cursor: it says how far somebody has come, and not what was found."""


class CursorBook:
    """The value; null until it has been moved once. It is kept for ever."""

    def __init__(self) -> None:
        self._value: Json = None

    def changes(self, word: str) -> bool:
        """Whether it is moved."""
        return word == MOVE

    def check(self, word: str, data: JsonObject) -> None:
        """See `Book.check`."""
        if word not in (READ, MOVE):
            raise SharingRefusedError(f"a cursor does not know {word!r}")
        if word == MOVE and (size := recorded_size(data["to"])) > LARGEST_CURSOR:
            raise SharingRefusedError(
                f"a cursor is moved to a value of {size:,} bytes, and {LARGEST_CURSOR:,} are the most: "
                "keep where to go on, and not what was found"
            )

    def answer(self, word: str, data: JsonObject, now: datetime) -> Json:
        """The value; nothing where it is moved."""
        if word == READ:
            return self._value
        self._value = data["to"]
        return None

    def ends_in(self, now: datetime) -> float | None:
        """Never, unless there is nothing to keep."""
        return None if self._value is not None else 0.0

    def as_json(self) -> Json:
        """See `Book.as_json`."""
        return self._value

    def restore(self, data: Json) -> None:
        """See `Book.restore`."""
        self._value = data
