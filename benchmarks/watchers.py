"""Open pages in a process of their own: `python -m benchmarks.watchers PORT PATH MANY` reads what they are sent.

It says a line when all of them are connected, and ends with its standard input.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

_READ = 1 << 18


@asynccontextmanager
async def watching(port: int, path: str, many: int) -> AsyncGenerator[None]:
    """So many open pages, for the length of an `async with`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.watchers",
        str(port),
        path,
        str(many),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None  # a pipe, as said
    assert process.stdout is not None  # as above
    await process.stdout.readline()
    try:
        yield
    finally:
        process.stdin.close()
        await process.wait()


async def _watch(port: int, path: str, connected: asyncio.Event) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=_READ)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
    while await reader.read(_READ):
        connected.set()
    raise ConnectionError("the board closed a stream")


async def _main(port: int, path: str, many: int) -> None:
    events = [asyncio.Event() for _ in range(many)]
    streams = [asyncio.create_task(_watch(port, path, event)) for event in events]
    await asyncio.gather(*(event.wait() for event in events))
    print("watching", flush=True)  # who started it waits for this line
    over = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    await asyncio.wait([over, *streams], return_when=asyncio.FIRST_COMPLETED)
    os._exit(0 if over.done() else 1)


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
