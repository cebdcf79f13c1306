"""The command `resolute` as its users run it: a process of its own, whose output is waited for line by line."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from uuid import uuid4

from tests.patience import PATIENCE
from tests.worker.ready import ready

RESOLUTE: Final = str(Path(sys.executable).with_name("resolute"))
LONGEST_LINE: Final = 16 * 1024 * 1024
"""Bytes; nobody would read on behind a longer one, and the process would stand still as soon as its pipe is full."""

INHERITED: Final = ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH")


class Process:
    """A `resolute` that goes on until it is stopped. `output` is everything that it has printed and logged."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []
        self._news = asyncio.Condition()
        self._reader = asyncio.create_task(self._read())

    @property
    def output(self) -> str:
        return "\n".join(self.lines)

    async def _read(self) -> None:
        stream = self.process.stdout
        assert stream is not None
        while line := await stream.readline():
            async with self._news:
                self.lines.append(line.decode().rstrip())
                self._news.notify_all()
        async with self._news:
            self._news.notify_all()

    async def line(self, *containing: str) -> str:
        """The first line that holds a text, or several, now or later."""
        return (await self.lines_with(*containing, count=1))[0]

    async def lines_with(self, *containing: str, count: int) -> list[str]:
        """The lines that hold a text, or several, as soon as there are so many."""

        def found() -> list[str]:
            return [line for line in self.lines if all(text in line for text in containing)]

        # What a process has printed may still be on its way when it has ended.
        async with asyncio.timeout(PATIENCE), self._news:
            await self._news.wait_for(lambda: len(found()) >= count or self._reader.done())
        lines = found()
        assert len(lines) >= count, f"it ended without {containing!r}:\n{self.output}"
        return lines

    async def url(self) -> str:
        """The address of its webhooks and health endpoints, once it works."""
        line = await self.line("task queue", "http://")
        return next(word.strip('"},') for word in line.split() if word.startswith("http://"))

    async def temporal(self) -> str:
        """The address of its embedded Temporal server, as its log says it."""
        found = re.search(r"Temporal at ([\w.:-]+)", await self.line("embedded Temporal at"))
        assert found is not None
        return found[1]

    async def stopped(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Sends a signal, and gives the exit code."""
        self.process.send_signal(number)
        return await self.ended()

    async def ended(self) -> int:
        """The exit code, once it has ended by itself."""
        async with asyncio.timeout(PATIENCE):
            code = await self.process.wait()
            await self._reader
        return code

    def children(self) -> list[int]:
        """The processes that it started."""
        pid = self.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@asynccontextmanager
async def started(*arguments: str, folder: Path, **variables: str) -> AsyncGenerator[Process]:
    """A `resolute` for the length of an `async with`; killed at its end if it is still there."""
    process = Process(
        await asyncio.create_subprocess_exec(
            RESOLUTE,
            *arguments,
            cwd=folder,
            env=environment(variables),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=LONGEST_LINE,
        )
    )
    try:
        yield process
    finally:
        if process.process.returncode is None:
            process.process.kill()
        await process.ended()


@asynccontextmanager
async def at_work(flows: str, folder: Path, address: str) -> AsyncGenerator[dict[str, str]]:
    """The variables of a worker at work on flows, whose source is given, for the length of an `async with`."""
    (folder / "flows").mkdir()
    (folder / "flows" / "these.py").write_text(flows)
    place = {"TEMPORAL_ADDRESS": address, "RESOLUTE_TASK_QUEUE": uuid4().hex, "RESOLUTE_HTTP_PORT": "0"}
    async with started("worker", folder=folder, **place) as worker:
        await worker.url()
        yield place
        await worker.stopped()


async def resolute(*arguments: str, folder: Path, **variables: str) -> tuple[int, str, str]:
    """Runs a command that ends by itself: its exit code, what it printed, and what it said on stderr.

    See `Ready`: it has loaded its modules before it begins. What `started` starts loads them itself.
    """
    made = ready(RESOLUTE, tuple(environment({}).items()))
    return await made.run(arguments, folder, environment(variables), PATIENCE)


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process: what every process needs, and what is given; nothing of this one's settings."""
    inherited = {name: value for name, value in os.environ.items() if name in INHERITED}
    return {**inherited, "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1", **variables}
