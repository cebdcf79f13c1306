"""Every runtime, each for the whole session."""

import uuid
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from temporalio.client import Client

from resolute.temporal.activities import Activities
from resolute.temporal.worker import temporal_worker
from tests.contract.catalogue import SCENARIOS
from tests.contract.runtimes import MemoryScenarios, TemporalScenarios, executor_of
from tests.keys import KEYS


@pytest.fixture(scope="session", params=["temporal", "temporal-replaying"])
async def temporal(request: pytest.FixtureRequest, temporal_client: Client) -> AsyncIterator[TemporalScenarios]:
    """A worker on a server; the replaying one forgets each run between two tasks, and so replays all of it."""
    flows = [scenario.flow for scenario in SCENARIOS]
    task_queue = f"contract-{uuid.uuid4().hex[:8]}"
    worker = temporal_worker(
        temporal_client,
        Activities(flows, executor_of(flows), KEYS),
        task_queue=task_queue,
        graceful_shutdown=timedelta(0),
        max_cached_workflows=0 if request.param == "temporal-replaying" else 1000,
    )
    async with worker:
        yield TemporalScenarios(temporal_client, task_queue)


@pytest.fixture(scope="session")
def memory() -> MemoryScenarios:
    """No server at all."""
    return MemoryScenarios()
