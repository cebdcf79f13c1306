"""Something that takes a while, for all who want it; it is given up when nobody has wanted it for some time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from contextlib import contextmanager
from typing import Any, Final, Generic, TypeVar

R = TypeVar("R")

LINGER: Final = 10.0
"""Seconds for which it goes on while nobody wants it: a page without a script comes again within them."""


class Reading(Generic[R]):
    """One reading for all who look at the same, from when it is made."""

    def __init__(self, read: Coroutine[Any, Any, R], linger: float) -> None:
        self._task = asyncio.create_task(read, name="board reading")
        self._task.add_done_callback(_seen)
        self._linger = linger
        self._wanted = 0
        self._end: asyncio.TimerHandle | None = None

    @property
    def has_come(self) -> bool:
        """Whether it has ended with a result."""
        return self._task.done() and not self.is_in_vain

    @property
    def is_in_vain(self) -> bool:
        """Whether it was given up, or has failed, so that somebody who wants a result begins anew."""
        if self._task.cancelling() or self._task.cancelled():
            return True
        return self._task.done() and self._task.exception() is not None

    @contextmanager
    def wanted(self) -> Generator[None]:
        """Somebody wants it, for the length of a `with`."""
        self._wanted += 1
        if self._end is not None:
            self._end.cancel()
        try:
            yield
        finally:
            self._wanted -= 1
            if not self._wanted and not self._task.done():
                self._end = asyncio.get_running_loop().call_later(self._linger, self._task.cancel)

    async def comes(self, patience: float | None = None) -> bool:
        """Whether it has ended; with `patience`, within so many seconds. Who is cancelled takes it from nobody."""
        await asyncio.wait((self._task,), timeout=patience)
        return self._task.done()

    def result(self) -> R:
        """What it came to.

        Raises:
            Exception: that with which it ended.
        """
        return self._task.result()

    def give_up(self) -> None:
        """Ends it now."""
        self._task.cancel()


def _seen(task: asyncio.Task[Any]) -> None:
    """Nobody may be left who wants to know of an error; the next one who does begins anew."""
    if not task.cancelled():
        task.exception()
