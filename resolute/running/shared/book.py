"""A book: the state of one thing that runs share, and what it answers. One kind a file."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from resolute.plan.values import Json, JsonObject


class Book(Protocol):
    """What is kept of one thing. It decides, and does nothing itself; everything in it is bounded."""

    def changes(self, word: str) -> bool:
        """Whether the word changes something, so that it must count once."""
        ...

    def check(self, word: str, data: JsonObject) -> None:
        """Refuses what could not be answered.

        Raises:
            SharingRefusedError: it could not; says why.
            KeyError, TypeError, ValueError: it is something else.
        """
        ...

    def answer(self, word: str, data: JsonObject, now: datetime) -> Json:
        """The answer to what has been checked."""
        ...

    def ends_in(self, now: datetime) -> float | None:
        """Seconds until nothing of it is to be kept, if nobody asks again; None if that is never."""
        ...

    def as_json(self) -> Json:
        """As plain data."""
        ...

    def restore(self, data: Json) -> None:
        """Takes up what `as_json` wrote."""
        ...
