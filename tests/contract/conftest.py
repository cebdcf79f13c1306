"""Every runtime, each for the whole session."""

import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any, Final

import pytest
from temporalio.client import Client

from resolute.temporal.activities import several
from resolute.temporal.activities.activities import Activities
from resolute.temporal.worker import temporal_worker
from tests.contract.catalogue import SCENARIOS
from tests.contract.runtimes import MemoryScenarios, TemporalScenarios, executor_of
from tests.contract.scenario import Scenario
from tests.keys import KEYS, PAYLOAD_KEY, encrypting
from tests.patience import PATIENCE

AT_ONCE: Final = 4
"""Scenarios that run side by side on a server."""


def behind_every_step(ended: int) -> bool:
    """Has a run continued in another history at every place where that is safe."""
    return ended >= 1


def never(_: int) -> bool:
    """Has a run stay in its first history."""
    return False


@pytest.fixture(autouse=True)
def long_trips(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that stands still for a second cuts no trip in two: how many there are is what tests count."""
    monkeypatch.setattr(several, "LONGEST", PATIENCE)


@pytest.fixture(scope="session", params=["temporal", "temporal-replaying", "temporal-continuing"])
async def temporal(request: pytest.FixtureRequest, temporal_client: Client) -> AsyncIterator[TemporalScenarios]:
    """A worker on a server.

    The replaying one forgets each run between two tasks, and so replays all of it; the continuing one does so too, and
    begins a new history behind every step. What the replaying one writes into Temporal is encrypted.
    """
    if request.param == "temporal-replaying":
        temporal_client = encrypting(temporal_client, PAYLOAD_KEY)
    flows = [scenario.flow for scenario in SCENARIOS]
    coming = _asked_for(request)
    queues = [f"contract-{uuid.uuid4().hex[:8]}" for _ in range(min(AT_ONCE, len(coming) or 1))]
    async with AsyncExitStack() as stack:
        for queue in queues:
            worker = temporal_worker(
                temporal_client,
                Activities(flows, executor_of(flows), KEYS),
                task_queue=queue,
                graceful_shutdown=timedelta(0),
                max_cached_workflows=1000 if request.param == "temporal" else 0,
                full=behind_every_step if request.param == "temporal-continuing" else None,
            )
            await stack.enter_async_context(worker)
        continues = request.param == "temporal-continuing"
        task_queue, *beside = queues
        scenarios = TemporalScenarios(temporal_client, task_queue, continues=continues, coming=coming, beside=beside)
        yield scenarios
        await scenarios.give_up()


def _asked_for(request: pytest.FixtureRequest) -> list[Scenario]:
    """The scenarios that tests of this session ask the same runtime for."""
    found: dict[str, Scenario] = {}
    for test in request.session.items:
        params: dict[str, Any] = getattr(getattr(test, "callspec", None), "params", {})
        if params.get("temporal") == request.param and "scenario" in params:
            scenario: Scenario = params["scenario"]
            found[scenario.flow.name] = scenario
    return [*found.values()]


@pytest.fixture(scope="session", params=["memory", "memory-continuing"])
def memory(request: pytest.FixtureRequest) -> MemoryScenarios:
    """No server at all; the continuing one begins a new history behind every step."""
    return MemoryScenarios(full=behind_every_step if request.param == "memory-continuing" else never)
