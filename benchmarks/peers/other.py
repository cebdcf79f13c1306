"""A program of another engine, in an environment of its own, that is told what to do line by line."""

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

_PROGRAM: Final = Path(__file__).with_name("dbos_flows.py")


class Other:
    """A running program."""

    def __init__(self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.name = name
        self._reader, self._writer = reader, writer

    async def rate(self, count: int, at_once: int) -> float:
        """Runs per second, so many at once."""
        return await self.ask(f"rate {count} {at_once}")

    async def alone(self, count: int) -> float:
        """Milliseconds of one run while nothing else runs: the median."""
        return await self.ask(f"alone {count}")

    async def ask(self, order: str) -> float:
        """Sends an order and waits for its answer; what else the program prints is left out."""
        self._writer.write(f"{order}\n".encode())
        return float(await _answer(self._reader, self.name))


@contextlib.asynccontextmanager
async def dbos(name: str, database: str, folder: Path) -> AsyncGenerator[Other]:
    """DBOS on a database, for the length of the block."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        DBOS.absolute(), _PROGRAM, database, stdin=pipe, stdout=pipe, stderr=sys.stderr, cwd=folder
    )
    reader, writer = process.stdout, process.stdin
    if reader is None or writer is None:
        raise AssertionError("both are pipes")
    try:
        await _answer(reader, name)
        yield Other(name, reader, writer)
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
