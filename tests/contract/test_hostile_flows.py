"""Random flows with hostile values end, and end the same on every engine."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import TypeAlias

import pytest
from temporalio.client import Client

from resolute.plan.errors import PayloadTooLargeError
from resolute.temporal.activities.activities import Activities
from resolute.temporal.worker import temporal_worker
from tests.contract.hostile import hostile_flow, hostile_input, told
from tests.contract.runtimes import MemoryScenarios, ScenarioRuntime, TemporalScenarios, executor_of
from tests.contract.scenario import Expected, Scenario
from tests.keys import KEYS
from tests.patience import PATIENCE

FEW = 24
MANY = 1000
AT_ONCE = 4

Engines: TypeAlias = asyncio.Queue[TemporalScenarios]


@pytest.fixture(scope="module", params=[1000, 0], ids=["temporal", "temporal-replaying"])
async def engines(request: pytest.FixtureRequest, temporal_client: Client) -> AsyncIterator[Engines]:
    """Workers that know the nodes, each for one run at a time; the replaying ones forget a run between two tasks.

    A worker without a cache makes room for a run by forgetting another one, even while a local activity of that one is
    at work: its workflow task is lost, and comes again after the ten seconds of its timeout or, once it was lost
    several times, much later. So it is given one run at a time. (SDK 1.35 warns of it: "Eviction requested while local
    activities are still in flight", reason CacheFull. Of 400 runs of one flow with a local activity 0 lost a task one
    at a time, 13 four at a time.)
    """
    flows = [hostile_flow(seed) for seed in range(30)]
    engines: Engines = asyncio.Queue()
    async with AsyncExitStack() as stack:
        for _ in range(AT_ONCE):
            task_queue = f"hostile-{uuid.uuid4().hex[:8]}"
            worker = temporal_worker(
                temporal_client,
                Activities(flows, executor_of(flows), KEYS),
                task_queue=task_queue,
                graceful_shutdown=timedelta(0),
                max_cached_workflows=request.param,
            )
            await stack.enter_async_context(worker)
            engines.put_nowait(TemporalScenarios(temporal_client, task_queue))
        yield engines


async def test_hostile_flows_end_the_same(engines: Engines) -> None:
    """Whatever size, depth, number, text or error they meet: each ends, on Temporal as in memory."""
    assert {} == await _differences(engines, range(FEW))


@pytest.mark.soak
async def test_a_thousand_hostile_flows_end_the_same(engines: Engines) -> None:
    """As above, long."""
    assert {} == await _differences(engines, range(MANY))


async def _differences(engines: Engines, seeds: range) -> dict[int, str]:
    memory = MemoryScenarios()
    found: dict[int, str] = {}

    async def compare(seed: int) -> None:
        engine = await engines.get()
        try:
            here, there = await _end(memory, seed), await _end(engine, seed)
        finally:
            engines.put_nowait(engine)
        if here != there:
            found[seed] = f"{here[:600]} != {there[:600]}"

    await asyncio.gather(*(compare(seed) for seed in seeds))
    return found


async def _end(runtime: ScenarioRuntime, seed: int) -> str:
    scenario = Scenario("It ends.", hostile_flow(seed), (Expected(calls=[], steps={}),), hostile_input(seed))
    try:
        async with asyncio.timeout(PATIENCE):
            (outcome,) = await runtime.run(scenario)
    except PayloadTooLargeError:
        return "not begun"
    except TimeoutError:
        return "never ends"
    return str(told(outcome.report))
