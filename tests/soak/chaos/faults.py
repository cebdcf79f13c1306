"""What goes wrong, one thing after the other, as a seed says."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from resolute_worker.embedded import EmbeddedServer
from tests.soak.chaos.clock import Clock
from tests.soak.chaos.crew import Crew
from tests.soak.chaos.disk import Disk
from tests.soak.chaos.wire import Wire


@dataclass
class Chaos:
    """The faults of workers, their server, the wire between them, their clock, and the server's disk."""

    seed: int
    workers: Crew
    server: EmbeddedServer
    wire: Wire
    clock: Clock
    disk: Disk
    done: Counter[str] = field(default_factory=Counter[str])

    async def rage(self, over: asyncio.Event) -> None:
        """One fault after the other until it is over; what a fault has broken is whole again at its end."""
        chance = random.Random(self.seed)
        while not over.is_set():
            fault = chance.choice(self._faults())
            self.done[fault.__name__.strip("_")] += 1
            await fault(chance)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), chance.uniform(0.5, 3))

    def _faults(self) -> list[Callable[[random.Random], Awaitable[None]]]:
        often = [self._kill_worker, self._freeze_worker, self._cut_wire]
        clock = [self._step_clock] if self.clock.variables else []
        disk = [self._fill_disk] if self.disk.small else []
        return [*often, *often, self._kill_server, self._freeze_server, self._kill_both, self._restart, *clock, *disk]

    async def _kill_worker(self, chance: random.Random) -> None:
        await self.workers.die(chance.choice(self.workers.members))
        await self.workers.join()

    async def _restart(self, chance: random.Random) -> None:
        await self.workers.leave(chance.choice(self.workers.members))
        await self.workers.join()

    async def _kill_server(self, chance: random.Random) -> None:
        pid = self.server.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        while self.server.pid == pid:
            await asyncio.sleep(0.05)  # it is started again by the one who keeps it

    async def _kill_both(self, chance: random.Random) -> None:
        worker = chance.choice(self.workers.members)
        await asyncio.gather(self._kill_server(chance), self.workers.die(worker))
        await self.workers.join()

    async def _freeze_worker(self, chance: random.Random) -> None:
        await _frozen(chance.choice(self.workers.members).process.pid, chance.uniform(0.2, 6))

    async def _freeze_server(self, chance: random.Random) -> None:
        pid = self.server.pid
        assert pid is not None
        await _frozen(pid, chance.uniform(0.2, 4))

    async def _cut_wire(self, chance: random.Random) -> None:
        self.wire.cut()
        await asyncio.sleep(chance.choice([0.0, chance.uniform(0.1, 4)]))
        self.wire.mend()

    async def _step_clock(self, chance: random.Random) -> None:
        self.clock.step(chance.choice([-3600, -60, -2, 0, 2, 60, 3600]))

    async def _fill_disk(self, chance: random.Random) -> None:
        self.disk.fill()
        await asyncio.sleep(chance.uniform(0.5, 3))
        self.disk.empty()


async def _frozen(pid: int, seconds: float) -> None:
    os.kill(pid, signal.SIGSTOP)
    await asyncio.sleep(seconds)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)
