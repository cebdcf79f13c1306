"""A thousand items: `each` in the activity lane against a workflow by hand, and in the local lane by the clock."""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import tempfile
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, cast

from temporalio import activity, workflow
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from benchmarks.figures import Figure, at_least, at_most
from benchmarks.program import KEYS
from benchmarks.servers import tuned
from resolute import Flow, each, flow, input_data, manual, node
from resolute.execution.executor import NodeExecutor
from resolute.temporal.activities.activities import Activities
from resolute.temporal.activities.loops import NodeLoops
from resolute.temporal.client.client import start_run
from resolute.temporal.worker import temporal_worker

ITEMS = 1_000
AT_ONCE = 50
ROUNDS = 5
HOSTS = [f"host-{number}" for number in range(ITEMS)]
PATIENCE = timedelta(seconds=30)


@node
async def look(host: str) -> dict[str, Any]:
    """What is done for each item."""
    return {"host": host, "load": len(host)}


@activity.defn(name="hand-look")
async def hand_look(given: dict[str, Any]) -> dict[str, Any]:
    """The same, by hand."""
    return {"host": given["host"], "load": len(given["host"])}


@workflow.defn(name="hand-written-items")
class HandWrittenItems:
    """What somebody writes who uses Temporal's SDK directly."""

    @workflow.run
    async def run(self, given: dict[str, Any]) -> list[dict[str, Any]]:
        """One activity for each host, so many at once."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(host: str) -> dict[str, Any]:
            async with gate:
                return await workflow.execute_activity(hand_look, {"host": host}, start_to_close_timeout=PATIENCE)

        return list(await asyncio.gather(*(one(host) for host in given["hosts"])))


def items_in(lane: Literal["activity", "local"]) -> Flow:
    """A flow over the hosts that it is given."""
    looked = each(input_data("hosts"), lambda host: look(host).lane(lane), at_once=AT_ONCE).as_("looked")
    return flow(f"bench-items-{lane}").triggered_by(manual("bench")).then(looked).build()


async def measure() -> list[Figure]:
    """The figures, on the embedded server."""
    with tempfile.TemporaryDirectory(prefix="resolute-bench-") as folder:
        async with tuned(Path(folder) / "tuned") as client, _ways(client) as (by_hand, in_activities, nearby):
            for way in (by_hand, in_activities, nearby):
                await _took(way)  # connections, caches, the first page of the database
            rounds = [(await _took(by_hand), await _took(in_activities)) for _ in range(ROUNDS)]
            quick = [await _took(nearby) for _ in range(ROUNDS)]
            events = [await _events(way) for way in (by_hand, in_activities, nearby)]
    hand, ours = (statistics.median(took.seconds for took in each) for each in zip(*rounds, strict=True))
    ratio = statistics.median(ours.seconds / hand.seconds for hand, ours in rounds)
    work = statistics.median(ours.processor / hand.processor for hand, ours in rounds)
    return [
        Figure(f"by hand, {AT_ONCE} at once", f"{hand:.2f} s, {events[0]:,} events"),
        Figure(f"activity lane, {AT_ONCE} at once", f"{ours:.2f} s, {events[1]:,} events"),
        at_most("time in the activity lane / by hand", ratio, 1.1, "times", 2),
        Figure("the worker's processor time in the activity lane / by hand", f"{work:.2f} times"),
        at_most(
            f"time in the local lane, {events[2]:,} events",
            statistics.median(took.seconds for took in quick),
            1.0,
            "s",
            2,
        ),
        at_least(
            "checks a minute in the local lane",
            60 * ITEMS / statistics.median(took.seconds for took in quick),
            60_000,
            digits=0,
        ),
        Figure(
            "of which processor time of the worker",
            f"{statistics.median(took.processor for took in quick):.2f} s",
        ),
    ]


@dataclass(frozen=True)
class Took:
    """How long something took, and how long this process worked on it, whatever else the machine does."""

    seconds: float
    processor: float


_Start = Callable[[], Awaitable[WorkflowHandle[Any, Any]]]


async def _took(start: _Start) -> Took:
    begun, worked = time.perf_counter(), time.process_time()
    found = await (await start()).result()
    took = Took(time.perf_counter() - begun, time.process_time() - worked)
    looked = cast("list[dict[str, Any]]", found if isinstance(found, list) else found["looked"])
    if [each["host"] for each in looked] != HOSTS:
        raise AssertionError("an item is missing")
    return took


async def _events(start: _Start) -> int:
    handle = await start()
    await handle.result()
    return len((await handle.fetch_history()).events)


@contextlib.asynccontextmanager
async def _ways(client: Client) -> AsyncGenerator[tuple[_Start, _Start, _Start]]:
    flows = [items_in("activity"), items_in("local")]
    hand = Worker(
        client,
        task_queue="hand",
        workflows=[HandWrittenItems],
        activities=[hand_look],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    async with NodeLoops() as loops:
        activities = Activities(flows, NodeExecutor.for_flows(flows), KEYS, loops=loops)
        async with hand, temporal_worker(client, activities, task_queue="flows"):

            async def by_hand() -> WorkflowHandle[Any, Any]:
                given = {"hosts": HOSTS}
                return await client.start_workflow(HandWrittenItems.run, given, id=uuid.uuid4().hex, task_queue="hand")

            def ours(index: int) -> _Start:
                async def start() -> WorkflowHandle[Any, Any]:
                    plan, given = flows[index].plan, {"hosts": HOSTS}
                    run = await start_run(client, plan, task_queue="flows", input_data=given, keys=KEYS, eager=True)
                    return run.handle

                return start

            yield by_hand, ours(0), ours(1)
