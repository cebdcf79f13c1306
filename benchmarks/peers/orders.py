"""What every program that runs the three nodes does: it takes orders on stdin, and answers in JSON lines.

It is also run in environments that have nothing of ours, so it imports nothing.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any


class Way:
    """One way to run them: `once` is one run, from its start to its result."""

    def __init__(self, once: Callable[[], Awaitable[None]]) -> None:
        self._once = once

    async def rate(self, count: int, at_once: int) -> float:
        """Runs per second, so many at once."""
        gate = asyncio.Semaphore(at_once)

        async def one() -> None:
            async with gate:
                await self._once()

        begun = time.perf_counter()
        await asyncio.gather(*(one() for _ in range(count)))
        return count / (time.perf_counter() - begun)

    async def alone(self, count: int) -> float:
        """Milliseconds of one run while nothing else runs: the median."""
        times: list[float] = []
        for _ in range(count):
            begun = time.perf_counter()
            await self._once()
            times.append(time.perf_counter() - begun)
        return statistics.median(times) * 1000

    async def processor(self) -> float:
        """Seconds of processor time that this process has used."""
        return time.process_time()


async def take_orders(way: Way, more: Mapping[str, Callable[..., Awaitable[Any]]] | None = None) -> None:
    """Answers orders until there are no more: `rate COUNT AT_ONCE`, `alone COUNT`, `processor`, and what is added."""
    orders = {"rate": way.rate, "alone": way.alone, "processor": way.processor, **(more or {})}
    _answer("ready")
    while order := (await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)).split():
        word, *numbers = order
        _answer(await orders[word](*map(int, numbers)))


def _answer(value: object) -> None:
    print(json.dumps({"answer": value}), flush=True)
