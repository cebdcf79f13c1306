"""Every runtime, each for the whole session."""

import uuid
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from temporalio.client import Client

from resolute.temporal.activities.activities import Activities
from resolute.temporal.worker import temporal_worker
from tests.contract.catalogue import SCENARIOS
from tests.contract.runtimes import MemoryScenarios, TemporalScenarios, executor_of
from tests.keys import KEYS, PAYLOAD_KEY, encrypting


def behind_every_step(ended: int) -> bool:
    """Has a run continued in another history at every place where that is safe."""
    return ended >= 1


def never(_: int) -> bool:
    """Has a run stay in its first history."""
    return False


@pytest.fixture(scope="session", params=["temporal", "temporal-replaying", "temporal-continuing"])
async def temporal(request: pytest.FixtureRequest, temporal_client: Client) -> AsyncIterator[TemporalScenarios]:
    """A worker on a server.

    The replaying one forgets each run between two tasks, and so replays all of it; the continuing one does so too, and
    begins a new history behind every step. What the replaying one writes into Temporal is encrypted.
    """
    if request.param == "temporal-replaying":
        temporal_client = encrypting(temporal_client, PAYLOAD_KEY)
    flows = [scenario.flow for scenario in SCENARIOS]
    task_queue = f"contract-{uuid.uuid4().hex[:8]}"
    worker = temporal_worker(
        temporal_client,
        Activities(flows, executor_of(flows), KEYS),
        task_queue=task_queue,
        graceful_shutdown=timedelta(0),
        max_cached_workflows=1000 if request.param == "temporal" else 0,
        full=behind_every_step if request.param == "temporal-continuing" else None,
    )
    async with worker:
        yield TemporalScenarios(temporal_client, task_queue, continues=request.param == "temporal-continuing")


@pytest.fixture(scope="session", params=["memory", "memory-continuing"])
def memory(request: pytest.FixtureRequest) -> MemoryScenarios:
    """No server at all; the continuing one begins a new history behind every step."""
    return MemoryScenarios(full=behind_every_step if request.param == "memory-continuing" else never)
