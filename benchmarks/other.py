"""Programs that run the three tiny nodes in a process of their own, and are told what to do line by line."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Final

DBOS: Final = Path(".peers/dbos/bin/python")
"""The Python with DBOS, which `make bench ARGS=peers` sets up."""

PREFECT: Final = Path(".peers/prefect/bin/python")
"""The Python with Prefect, as well."""

_PEERS: Final = (Path(__file__).parent / "peers").absolute()


class Program:
    """A running program."""

    def __init__(self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.name = name
        self._reader, self._writer = reader, writer

    async def rate(self, count: int, at_once: int) -> float:
        """Runs per second, so many at once."""
        return float(await self._ask(f"rate {count} {at_once}"))

    async def alone(self, count: int) -> float:
        """Milliseconds of one run while nothing else runs: the median."""
        return float(await self._ask(f"alone {count}"))

    async def events(self) -> int:
        """The number of events in the history of one run."""
        return int(await self._ask("events"))

    async def _ask(self, order: str) -> str:
        """Sends an order and waits for its answer; what else the program prints is left out."""
        self._writer.write(f"{order}\n".encode())
        return await _answer(self._reader, self.name)


@contextlib.asynccontextmanager
async def on_temporal(name: str, way: str, address: str) -> AsyncGenerator[Program]:
    """A way of `benchmarks.program` on a Temporal server, for the length of the block."""
    async with _program(name, sys.executable, "-m", "benchmarks.program", way, address) as program:
        yield program


@contextlib.asynccontextmanager
async def dbos(name: str, database: str, folder: Path) -> AsyncGenerator[Program]:
    """DBOS on a database, for the length of the block."""
    async with _program(name, str(DBOS.absolute()), str(_PEERS / "dbos_flows.py"), database, folder=folder) as program:
        yield program


@contextlib.asynccontextmanager
async def prefect(name: str, folder: Path) -> AsyncGenerator[Program]:
    """Prefect with its own server on SQLite in a folder, for the length of the block."""
    home = folder / "prefect"
    async with _program(
        name, str(PREFECT.absolute()), str(_PEERS / "prefect_flows.py"), str(home), folder=folder
    ) as it:
        yield it


@contextlib.asynccontextmanager
async def _program(name: str, *command: str, folder: Path | None = None) -> AsyncGenerator[Program]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=sys.stderr, cwd=folder)
    reader, writer = process.stdout, process.stdin
    if reader is None or writer is None:
        raise AssertionError("both are pipes")
    try:
        await _answer(reader, name)
        yield Program(name, reader, writer)
    finally:
        writer.close()
        await process.wait()


async def _answer(reader: asyncio.StreamReader, name: str) -> str:
    async for line in reader:
        with contextlib.suppress(ValueError):
            match json.loads(line):
                case {"answer": answer}:
                    return str(answer)
                case _:
                    pass
    raise RuntimeError(f"{name} has ended; what it said stands above")
