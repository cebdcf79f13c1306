"""Lets in so much at a time, first come, first served: the same order in every replay."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager


class Turns:
    """A bound on what is at work at the same time. What weighs more than the bound is let in alone."""

    def __init__(self, limit: int) -> None:
        self.held = 0
        self._limit = limit
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def of(self, weight: int) -> AsyncGenerator[None]:
        """Waits for its turn, and holds its weight for the length of the block."""
        await self._enter(weight)
        try:
            yield
        finally:
            self.held -= weight
            self._let_in()

    async def _enter(self, weight: int) -> None:
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

    def _let_in(self) -> None:
        while self._waiting and (self._waiting[0][1].done() or self._fits(self._waiting[0][0])):
            weight, turn = self._waiting.popleft()
            if not turn.done():
                self.held += weight
                turn.set_result(None)

    def _fits(self, weight: int) -> bool:
        return not self.held or self.held + weight <= self._limit
