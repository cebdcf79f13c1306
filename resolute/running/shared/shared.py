"""One thing that runs share: its book, and what it has answered so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, cast

from resolute.plan.values import Json, JsonObject, digest
from resolute.running.shared.asking import SharingRefusedError
from resolute.running.shared.attendance import ATTENDANCE, AttendanceBook
from resolute.running.shared.book import Book
from resolute.running.shared.budgets import BudgetBook
from resolute.running.shared.cursors import CursorBook
from resolute.running.shared.failed import FAILED, FailedBook
from resolute.running.shared.known import Known
from resolute.running.shared.memories import MemoryBook
from resolute.running.shared.mutes import MUTES, MuteBook
from resolute.running.shared.reached import REACHED, ReachedBook

BOOKS: Final[Mapping[str, Callable[[], Book]]] = {
    "budget": BudgetBook,
    "cursor": CursorBook,
    FAILED: FailedBook,
    "memory": MemoryBook,
    MUTES: MuteBook,
    REACHED: ReachedBook,
    ATTENDANCE: AttendanceBook,
}
"""What runs share, by its kind, with which its name begins."""

MOST_KNOWN: Final = 4_000
"""Answers that are known, so that what is asked again counts once."""

REMEMBERED: Final = 24 * 3600.0
"""Seconds for which an answer is known: a question waits for so long at most, while no worker is at work."""


class Shared:
    """A book and its answers. `name` is what it is called, as `name_of` gives it; an unknown kind answers nothing."""

    def __init__(self, name: str) -> None:
        kind = name.partition("/")[0]
        self._book: Book | None = BOOKS[kind]() if kind in BOOKS else None
        self._name = name
        self._known: Known[Json] = Known(MOST_KNOWN, REMEMBERED)

    def check(self, word: str, data: Json) -> None:
        """Refuses what could not be answered.

        Raises:
            SharingRefusedError: it could not; says why.
        """
        self._checked(word, data)

    def answer(self, asked: str, word: str, data: Json, now: datetime) -> Json:
        """The answer; `asked` is the id of the question, which counts once.

        Raises:
            SharingRefusedError: it could not be answered; says why.
        """
        key = digest(asked)
        if key in self._known:
            return self._known[key]
        book = self._checked(word, data)
        answer = book.answer(word, cast("JsonObject", data), now)
        if book.changes(word):
            self._known.keep(key, answer, now.timestamp())
        return answer

    def ends_in(self, now: datetime) -> float | None:
        """Seconds until nothing is to be kept, if nobody asks again; None if that is never."""
        kept = self._book.ends_in(now) if self._book else 0.0
        return None if kept is None else max(kept, self._known.ends_in(now.timestamp()))

    def forgotten(self) -> int:
        """How many answers were let go of before their time since this was asked last."""
        forgotten, self._known.forgotten = self._known.forgotten, 0
        return forgotten

    def state(self) -> Json:
        """What is kept, for people."""
        return self._book.as_json() if self._book else None

    def as_json(self) -> Json:
        """As plain data."""
        return {"book": self.state(), "known": self._known.as_json()}

    def restore(self, data: Json) -> None:
        """Takes up what `as_json` wrote."""
        held = cast("JsonObject", data)
        if self._book:
            self._book.restore(held["book"])
        self._known.restore(held["known"])

    def _checked(self, word: str, data: Json) -> Book:
        if self._book is None:
            known = ", ".join(BOOKS)
            raise SharingRefusedError(f"nothing that is called {self._name!r} is shared; this release knows {known}")
        try:
            self._book.check(word, cast("JsonObject", data))
        except (KeyError, TypeError, ValueError, AttributeError):
            raise SharingRefusedError(f"what was asked by {word!r} cannot be read") from None
        return self._book
