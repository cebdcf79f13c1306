"""Lets in so much at a time, first come, first served: the same order in every replay."""

from __future__ import annotations

import asyncio
from collections import deque
from types import TracebackType


class Turns:
    """A bound on what is at work at the same time. What weighs more than the bound is let in alone."""

    def __init__(self, limit: int) -> None:
        self.held = 0
        self._limit = limit
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    def of(self, weight: int) -> Turn:
        """Waits for its turn, and holds its weight for the length of the `async with`."""
        return Turn(self, weight)

    async def enter(self, weight: int) -> None:
        """Waits for its turn, and holds its weight from then on."""
        if not self._waiting and self._fits(weight):
            self.held += weight
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((weight, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.held -= weight
            self._let_in()
            raise

    def leave(self, weight: int) -> None:
        """Gives the weight back."""
        self.held -= weight
        self._let_in()

    def _let_in(self) -> None:
        while self._waiting and (self._waiting[0][1].done() or self._fits(self._waiting[0][0])):
            weight, turn = self._waiting.popleft()
            if not turn.done():
                self.held += weight
                turn.set_result(None)

    def _fits(self, weight: int) -> bool:
        return not self.held or self.held + weight <= self._limit


class Turn:
    """One turn, for the length of an `async with`. A class, because every step of a run takes one."""

    __slots__ = ("_turns", "_weight")

    def __init__(self, turns: Turns, weight: int) -> None:
        self._turns = turns
        self._weight = weight

    async def __aenter__(self) -> None:
        await self._turns.enter(self._weight)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._turns.leave(self._weight)
