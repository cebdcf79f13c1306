"""The virtual clock of runs in memory: it moves when all of them wait."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Final, cast

from resolute.plan.errors import (
    FlowError,
)

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""When a virtual clock starts by default."""

TURNS: Final = 5
"""Turns of the event loop without activity after which everything is waiting: branches start and join in fewer."""


class VirtualClock:
    """A clock that moves when everybody waits for it, straight to the earliest time that somebody waits for.

    While a node is running the clock stands still, however long that takes. So a parallel branch that waits for its
    next attempt never overtakes one that is running.
    """

    def __init__(self, start: datetime = START) -> None:
        self._now = start if start.tzinfo else start.replace(tzinfo=UTC)
        self._busy = 0
        self._signs = 0
        self._settling = False
        self._order = count()
        self._waiting: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._endless: dict[str, asyncio.Future[None]] = {}
        self.bring: Callable[[], bool] = lambda: False
        """Asked when everything waits, before the clock moves: whether something was brought that is waited for."""
        self.missing: Callable[[str], str] = lambda what: f"step {what!r} waits for what the test does not give it"
        """What is said of a step that waits for what cannot come any more."""

    def now(self) -> datetime:
        """The time, in UTC unless the clock was started in another zone."""
        self._signs += 1  # the interpreter asks whenever a step starts or ends
        return self._now

    def move(self, by: timedelta) -> None:
        """Moves the clock between two runs."""
        self._now += by

    @contextmanager
    def busy(self) -> Generator[None]:
        """Holds the clock while the block runs, except where the block sleeps."""
        self._busy += 1
        try:
            yield
        finally:
            self._rest()

    async def sleep(self, seconds: float) -> None:
        """Waits in virtual time. The caller holds the clock, which is released meanwhile."""
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (self._now + timedelta(seconds=seconds), next(self._order), woken))
        self._rest()
        try:
            await woken
        finally:
            self._busy += 1

    async def wait(self, what: str, until: datetime | None) -> None:
        """Waits in virtual time until a time comes; without one, until the waiting task is cancelled.

        Raises:
            StuckError: everything waits without a time, so that nothing can ever come.
        """
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if until is not None:
            heapq.heappush(self._waiting, (until, next(self._order), woken))
        else:
            self._endless[what] = woken
        self._busy += 1
        self._rest()
        try:
            await woken
        finally:
            self._endless.pop(what, None)
            self._signs += 1

    def call_at(self, at: datetime, call: Callable[[], None]) -> Callable[[], None]:
        """Calls something when the clock comes to a time. What is returned takes that back."""
        due: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def come(_: asyncio.Future[None]) -> None:
            if not due.cancelled():
                self._signs += 1
                call()

        due.add_done_callback(come)
        heapq.heappush(self._waiting, (at, next(self._order), due))
        return lambda: cast("None", due.cancel() and None)

    def _rest(self) -> None:
        self._busy -= 1
        self._signs += 1
        if not self._settling:
            self._settling = True
            self._settle(self._signs, TURNS)

    def _settle(self, signs: int, turns: int) -> None:
        if self._busy or not (self._waiting or self._endless):
            self._settling = False
            return
        if signs != self._signs:
            turns = TURNS  # a branch has just started or ended: it may be about to do more
        if not turns:
            self._move_on()
            turns = TURNS
        asyncio.get_running_loop().call_soon(self._settle, self._signs, turns - 1)

    def _move_on(self) -> None:
        """Wakes who waits for the earliest time; where nobody waits for one, nothing can come any more."""
        if self.bring():
            return
        while self._waiting:
            at, _, woken = heapq.heappop(self._waiting)
            if not woken.done():  # the cancelled waiter no longer waits
                self._now = max(self._now, at)
                woken.set_result(None)
                return
        for what, woken in tuple(self._endless.items()):
            if not woken.done():
                woken.set_exception(StuckError(self.missing(what)))


class StuckError(FlowError):
    """A run in memory waits for something that nobody can bring any more."""
