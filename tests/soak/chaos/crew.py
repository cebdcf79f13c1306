"""Several worker processes at one Temporal server, which come and go while runs are at work."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.keys import KEY
from tests.worker.processes import Process, started

_TRIES: Final = 20


@dataclass
class Crew:
    """The workers of one task queue. `variables` are those of each process."""

    folder: Path
    variables: dict[str, str]
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    members: list[Process] = field(default_factory=list[Process])
    said: list[str] = field(default_factory=list[str])
    """The logs of the workers that have ended."""

    async def join(self, **variables: str) -> Process:
        """One more worker, as soon as it polls. One that ends before, as without a server, is started again."""
        for _ in range(_TRIES):
            worker = await self.stack.enter_async_context(
                started("worker", folder=self.folder, **{**self.variables, **variables})
            )
            with contextlib.suppress(AssertionError, TimeoutError):
                await worker.url()
                self.members.append(worker)
                return worker
            await self._gone(worker)
        raise AssertionError(f"no worker starts: {self.said[-1]}")

    async def leave(self, worker: Process) -> int:
        """Stops a worker as an orchestrator does, by SIGTERM; gives its exit code."""
        self.members.remove(worker)
        with contextlib.suppress(TimeoutError):
            await worker.stopped()
        await self._gone(worker)
        return await worker.ended()

    async def die(self, worker: Process) -> None:
        """Kills a worker in the middle of whatever it does."""
        self.members.remove(worker)
        await self._gone(worker)

    async def _gone(self, worker: Process) -> None:
        with contextlib.suppress(ProcessLookupError):
            worker.process.kill()
        await worker.ended()
        self.said.append(worker.output)


@asynccontextmanager
async def crew(folder: Path, address: str, size: int, **variables: str) -> AsyncGenerator[Crew]:
    """So many workers for the length of an `async with`, of the flows in `folder`."""
    at = {"TEMPORAL_ADDRESS": address, "RESOLUTE_HTTP_PORT": "0", "RESOLUTE_PLAN_KEYS": KEY, "RESOLUTE_WATCH": "false"}
    at["PYTHONDONTWRITEBYTECODE"] = ""  # a worker that is installed is not compiled at each start
    async with AsyncExitStack() as stack:
        there = Crew(folder, {**at, **variables}, stack)
        for _ in range(size):
            await there.join()
        yield there
