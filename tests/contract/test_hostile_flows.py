"""Random flows with hostile values end, and end the same on every engine."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from temporalio.client import Client

from resolute.plan.errors import PayloadTooLargeError
from resolute.temporal.activities import Activities
from resolute.temporal.worker import temporal_worker
from tests.contract.hostile import hostile_flow, hostile_input, told
from tests.contract.runtimes import MemoryScenarios, ScenarioRuntime, TemporalScenarios, executor_of
from tests.contract.scenario import Expected, Scenario
from tests.keys import KEYS

# The SDK says it where a worker without a cache forgets a run whose local activity is at work; the run goes on.
pytestmark = pytest.mark.filterwarnings("ignore:Cannot find activity to cancel:UserWarning")

FEW = 24
MANY = 1000
AT_ONCE = 4


@pytest.fixture(scope="module", params=[1000, 0], ids=["temporal", "temporal-replaying"])
async def engine(request: pytest.FixtureRequest, temporal_client: Client) -> AsyncIterator[TemporalScenarios]:
    """A worker that knows the nodes; the replaying one forgets each run between two tasks."""
    task_queue = f"hostile-{uuid.uuid4().hex[:8]}"
    flows = [hostile_flow(seed) for seed in range(30)]
    worker = temporal_worker(
        temporal_client,
        Activities(flows, executor_of(flows), KEYS),
        task_queue=task_queue,
        graceful_shutdown=timedelta(0),
        max_cached_workflows=request.param,
    )
    async with worker:
        yield TemporalScenarios(temporal_client, task_queue)


async def test_hostile_flows_end_the_same(engine: TemporalScenarios) -> None:
    """Whatever size, depth, number, text or error they meet: each ends, on Temporal as in memory."""
    assert {} == await _differences(engine, range(FEW))


@pytest.mark.soak
async def test_a_thousand_hostile_flows_end_the_same(engine: TemporalScenarios) -> None:
    """As above, long."""
    assert {} == await _differences(engine, range(MANY))


async def _differences(engine: TemporalScenarios, seeds: range) -> dict[int, str]:
    turns, memory = asyncio.Semaphore(AT_ONCE), MemoryScenarios()
    found: dict[int, str] = {}

    async def compare(seed: int) -> None:
        async with turns:
            here, there = await _end(memory, seed), await _end(engine, seed)
            if here != there:
                found[seed] = f"{here[:600]} != {there[:600]}"

    await asyncio.gather(*(compare(seed) for seed in seeds))
    return found


async def _end(runtime: ScenarioRuntime, seed: int) -> str:
    scenario = Scenario("It ends.", hostile_flow(seed), (Expected(calls=[], steps={}),), hostile_input(seed))
    try:
        async with asyncio.timeout(60):
            (outcome,) = await runtime.run(scenario)
    except PayloadTooLargeError:
        return "not begun"
    except TimeoutError:
        return "never ends"
    return str(told(outcome.report))
