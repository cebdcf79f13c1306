"""Sagas on the simulator, with faults and cancels at random: all or nothing, and the report says which."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import pytest
from temporalio.client import Client

from resolute.memory.clock import VirtualClock
from resolute.memory.runtime import run_in_memory
from resolute.plan.errors import FlowError
from resolute.running.interpreter import Interpreter
from resolute.running.report import RunReport
from resolute.temporal.activities.activities import Activities
from resolute.temporal.client.client import start_run
from resolute.temporal.history.runs import describe_run
from resolute.temporal.worker import queue_worker, temporal_worker
from resolute_pagerduty import PagerDuty
from resolute_pagerduty.simulator import Limits, Simulator
from tests.patience import PATIENCE
from tests.providers.pagerduty.harness import config_for
from tests.providers.pagerduty.saga import MADE, Interrupted, Left, Trouble, named_in, planned_work

SAGA = planned_work()
LANES = 8
"""How many simulators have a saga at the same time; faults are a simulator's, so each has one at a time."""

LEAVES_A_WINDOW = 644
"""A saga on Temporal whose notes are always refused, and the end of its window as well: no cancel has to be in time."""


def verdict(trouble: Trouble, report: RunReport, left: Left) -> str:
    """What a run came to; fails where it is neither all nor nothing, or where the report does not say what is left.

    `all`, `nothing`, or `named` where something is left that the report names.
    """
    stand = {step.id: step.status for step in report.steps}
    told = f"{trouble}\n{left}\n{report.status}: {report.failure}\n{stand}\n{named_in(report)}\n{report.warnings}"
    if report.status == "completed":
        assert dict.fromkeys(MADE, 1) == left.of, told
        return "all"
    assert {} == {step: times for step, times in left.of.items() if times > 1 or step not in named_in(report)}, told
    return "named" if left.of else "nothing"


class Lane:
    """A simulator, and the nodes that speak to it."""

    def __init__(self, sim: Simulator, executor: Interrupted) -> None:
        self.sim = sim
        self.executor = executor

    @classmethod
    @asynccontextmanager
    async def open(cls) -> AsyncGenerator[Lane]:
        """Serves a simulator."""
        async with Simulator.serve(limits=Limits.none()) as sim:
            provider = PagerDuty(config_for(sim, settle_seconds=0))
            async with provider:
                yield cls(sim, Interrupted(SAGA.nodes.values(), [provider]))

    async def in_memory(self, seed: int) -> str:
        """Runs a saga in this process, each second one in many histories."""
        name, trouble, begun = f"saga {seed}", Trouble.of(seed, in_real_time=False), list[Interpreter]()
        self._begin(trouble, lambda: begun[-1].cancel())
        run = await run_in_memory(
            SAGA.plan,
            self.executor,
            input_data={"name": name},
            run_id=name,
            clock=VirtualClock(self.sim.clock.now()),
            begun=begun.append,
            full=lambda ended: bool(seed % 2) and ended >= 1,
            patience=PATIENCE,
        )
        return verdict(trouble, run.report, Left.by(self.sim, name))

    async def on_temporal(self, seed: int, client: Client, task_queue: str) -> str:
        """Runs a saga on a server."""
        name, trouble = f"saga {seed}", Trouble.of(seed, in_real_time=True)
        cancels: list[asyncio.Future[None]] = []
        run = None

        def cancel() -> None:
            if run is not None:
                cancels.append(asyncio.ensure_future(run.handle.cancel()))

        self._begin(trouble, cancel)
        run = await start_run(client, SAGA.plan, task_queue=task_queue, input_data={"name": name})
        with suppress(FlowError):  # the report says it
            await run.result()
        await asyncio.gather(*cancels, return_exceptions=True)  # one may come when the run has ended
        report = (await describe_run(client, run.workflow_id)).report
        assert report is not None
        return verdict(trouble, report, Left.by(self.sim, name))

    def _begin(self, trouble: Trouble, cancel: Callable[[], object]) -> None:
        self.sim.faults.clear()
        for fault in trouble.faults:
            self.sim.faults.add(fault)
        self.executor.expect(trouble, cancel)


async def test_two_hundred_in_memory() -> None:
    """A saga has done everything or left nothing; what is left all the same, the report names."""
    async with Lane.open() as lane:
        came = Counter([await lane.in_memory(seed) for seed in range(200)])

    assert {"all", "nothing", "named"} == set(came)


async def test_on_temporal(temporal_client: Client) -> None:
    """On a server as well; `make soak` has 200 of them."""
    came = await _on_temporal(temporal_client, [LEAVES_A_WINDOW, *range(39)])

    assert {"all", "nothing", "named"} == set(came)


@pytest.mark.soak
async def test_two_hundred_on_temporal(temporal_client: Client) -> None:
    """200 of them, on a server."""
    assert {"all", "nothing", "named"} == set(await _on_temporal(temporal_client, [LEAVES_A_WINDOW, *range(199)]))


async def _on_temporal(client: Client, seeds: Iterable[int]) -> Counter[str]:
    left, came = iter(seeds), Counter[str]()

    async def work() -> None:
        async with Lane.open() as lane, AsyncExitStack() as stack:
            activities, task_queue = Activities([SAGA], lane.executor), uuid.uuid4().hex
            await stack.enter_async_context(temporal_worker(client, activities, task_queue=task_queue))
            for provider in lane.executor.providers.values():
                for queue, rate in provider.queues().items():
                    worker = queue_worker(client, activities, task_queue=task_queue, queue=queue, per_second=rate)
                    await stack.enter_async_context(worker)
            while (seed := next(left, None)) is not None:
                came[await lane.on_temporal(seed, client, task_queue)] += 1

    async with asyncio.TaskGroup() as lanes:  # where one fails, none goes on
        for _ in range(LANES):
            lanes.create_task(work())
    return came
