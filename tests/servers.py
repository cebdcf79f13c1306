"""A real Temporal server for tests."""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from resolute.temporal.values.converting import PLAIN
from tests.patience import PATIENCE

TEMPORAL = str(Path(sys.executable).with_name("temporal"))


@asynccontextmanager
async def temporal_server() -> AsyncGenerator[Client]:
    """A server with nothing in it, for the length of an `async with`."""
    server = await WorkflowEnvironment.start_local(  # pyright: ignore[reportUnknownMemberType]  # the SDK's own types
        dev_server_existing_path=TEMPORAL,
        dev_server_log_level="error",
        dev_server_startup_timeout=timedelta(seconds=PATIENCE),  # several start at once; the SDK waits for 5 s
        data_converter=PLAIN,
    )
    try:
        yield server.client
    finally:
        await server.shutdown()
        gc.collect()


@asynccontextmanager
async def frozen(pid: int) -> AsyncGenerator[None]:
    """A server that is there and does not answer, for the length of an `async with`."""
    os.kill(pid, signal.SIGSTOP)
    try:
        async with asyncio.timeout(PATIENCE):
            while not _stands_still(pid):
                await asyncio.sleep(0.01)  # its threads stop one after the other, and until then some may answer
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _stands_still(pid: int) -> bool:
    """Whether every thread of a process has stopped."""
    try:
        found = [status.read_text() for status in Path(f"/proc/{pid}/task").glob("*/status")]
    except (FileNotFoundError, ProcessLookupError):  # one has just ended
        return False
    return all(status.partition("State:")[2].split()[0] == "T" for status in found)
