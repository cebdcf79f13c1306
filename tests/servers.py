"""A real Temporal server for tests."""

import gc
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
