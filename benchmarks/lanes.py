"""How many flows per second, and how long one flow takes: each lane against a workflow written by hand."""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import tempfile
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from temporalio.client import Client, WorkflowHandle

from benchmarks.figures import Figure, at_least
from benchmarks.servers import stock, tuned
from benchmarks.subject import HandWritten, hand_written_worker, three_nodes
from resolute.execution.executor import NodeExecutor
from resolute.temporal.activities.activities import Activities
from resolute.temporal.activities.loops import NodeLoops
from resolute.temporal.client.client import start_run
from resolute.temporal.trust.seals import PlanKeys
from resolute.temporal.worker import temporal_worker

AT_ONCE = 20
ROUNDS = 9
FLOWS = 30
ALONE = 9
KEYS = PlanKeys((SecretStr("a-key-of-the-benchmark-and-of-nothing-else"),))


@dataclass(frozen=True)
class Runner:
    """One way to run the three nodes: starts a run and gives its handle."""

    name: str
    start: Callable[[], Awaitable[WorkflowHandle[Any, Any]]]

    async def once(self) -> None:
        """One run, from its start to its result."""
        await (await self.start()).result()

    async def rate(self, count: int, at_once: int = AT_ONCE) -> float:
        """Runs per second, so many at once."""
        gate = asyncio.Semaphore(at_once)

        async def one() -> None:
            async with gate:
                await self.once()

        begun = time.perf_counter()
        await asyncio.gather(*(one() for _ in range(count)))
        return count / (time.perf_counter() - begun)

    async def alone(self, count: int) -> float:
        """Milliseconds of one run while nothing else runs: the median."""
        times: list[float] = []
        for _ in range(count):
            begun = time.perf_counter()
            await self.once()
            times.append(time.perf_counter() - begun)
        return statistics.median(times) * 1000

    async def events(self) -> int:
        """The number of events in the history of one run."""
        handle = await self.start()
        await handle.result()
        return len((await handle.fetch_history()).events)


async def measure() -> dict[str, list[Figure]]:
    """The figures of both servers, the embedded one first."""
    with tempfile.TemporaryDirectory(prefix="resolute-bench-") as folder:
        async with tuned(Path(folder) / "tuned") as client, runners(client) as ways:
            rates, alone = await _rounds(ways, ROUNDS)
            figures = _against_hand(ways, rates, alone, [await way.events() for way in ways])
        async with stock(Path(folder) / "stock") as client, runners(client) as ways:
            stock_rates, stock_alone = await _rounds(ways[:2], 3)
    servers = [
        Figure(f"{way.name}: stock server, embedded server",
               f"{_middle(stock_rates, way):.0f} and {_middle(rates, way):.0f} flows/s; "
               f"{stock_alone[way.name]:.0f} and {alone[way.name]:.0f} ms alone")
        for way in ways[:2]
    ]  # fmt: skip
    return {"Three tiny nodes, on the embedded server": figures, "The embedded server against the stock one": servers}


def _against_hand(
    ways: list[Runner], rates: dict[str, list[float]], alone: dict[str, float], events: list[int]
) -> list[Figure]:
    hand, activity, local, sandboxed = ways
    told = [
        Figure(way.name, f"{_middle(rates, way):.0f} flows/s, {alone[way.name]:.1f} ms alone, {count} events")
        for way, count in zip(ways, events, strict=True)
    ]
    # Each round measures every way once, one right after the other: what else the machine does hits all of them.
    return [
        *told,
        at_least("activity lane / by hand", _ratio(rates, activity, hand), 0.95),
        Figure("history events beyond those by hand", str(events[1] - events[0]), "0", events[1] <= events[0]),
        at_least("local lane, eager start / by hand", _ratio(rates, local, hand), 2.5),
        Figure("activity lane / by hand with the SDK's sandbox", f"{_ratio(rates, activity, sandboxed):.2f}"),
    ]


def _ratio(rates: dict[str, list[float]], one: Runner, other: Runner) -> float:
    return statistics.median(a / b for a, b in zip(rates[one.name], rates[other.name], strict=True))


def _middle(rates: dict[str, list[float]], way: Runner) -> float:
    return statistics.median(rates[way.name])


async def _rounds(ways: list[Runner], rounds: int) -> tuple[dict[str, list[float]], dict[str, float]]:
    rates: dict[str, list[float]] = {way.name: [] for way in ways}
    for way in ways:
        await way.rate(AT_ONCE)  # connections, caches, the first page of the database
    alone = {way.name: await way.alone(ALONE) for way in ways}
    for number in range(rounds):
        for way in ways if number % 2 else reversed(ways):
            rates[way.name].append(await way.rate(FLOWS))
    return rates, alone


@contextlib.asynccontextmanager
async def runners(client: Client) -> AsyncGenerator[list[Runner]]:
    """By hand, activity lane, local lane, and by hand with the sandbox; each with a worker of its own."""
    flows = [three_nodes("activity"), three_nodes("local")]
    async with (
        NodeLoops() as loops,
        hand_written_worker(client, "hand", sandboxed=False),
        hand_written_worker(client, "sandboxed", sandboxed=True),
        temporal_worker(
            client, Activities(flows, NodeExecutor.for_flows(flows), KEYS, loops=loops), task_queue="flows"
        ),
    ):

        def by_hand(queue: str) -> Callable[[], Awaitable[WorkflowHandle[Any, Any]]]:
            async def start() -> WorkflowHandle[Any, Any]:
                return await client.start_workflow(
                    HandWritten.run, {"service": "checkout"}, id=uuid.uuid4().hex, task_queue=queue
                )

            return start

        def flow(index: int, *, eager: bool) -> Callable[[], Awaitable[WorkflowHandle[Any, Any]]]:
            async def start() -> WorkflowHandle[Any, Any]:
                return (await start_run(client, flows[index].plan, task_queue="flows", eager=eager, keys=KEYS)).handle

            return start

        yield [
            Runner("by hand", by_hand("hand")),
            Runner("activity lane", flow(0, eager=False)),
            Runner("local lane, eager start", flow(1, eager=True)),
            Runner("by hand, with the SDK's sandbox", by_hand("sandboxed")),
        ]
