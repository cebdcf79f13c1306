"""The way from one thread into the event loop of another."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any


class Crossing:
    """Calls functions on a loop, from any thread and in their order. What comes while it is busy wakes it once.

    To wake a loop costs more than most of what is called there.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._lock = threading.Lock()
        self._waiting: list[tuple[Callable[..., object], tuple[Any, ...]]] = []

    def call(self, function: Callable[..., object], *arguments: object) -> None:
        """Like `call_soon_threadsafe`.

        Raises:
            RuntimeError: the loop is closed.
        """
        with self._lock:
            self._waiting.append((function, arguments))
            wakes = len(self._waiting) == 1
        if wakes or self.loop.is_closed():
            self.loop.call_soon_threadsafe(self._arrive)

    def _arrive(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, []
        for function, arguments in waiting:
            self.loop.call_soon(function, *arguments)
