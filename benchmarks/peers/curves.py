"""How a run grows with its plan, in time and in the database, and a worker with its open runs."""

from __future__ import annotations

import asyncio
import runpy
import statistics
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Literal

from temporalio import workflow
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from benchmarks.figures import Figure, at_most
from benchmarks.gates import KEYS, SECRET
from benchmarks.processes import ready, resident, started
from benchmarks.servers import free_port, tuned
from benchmarks.subject import PATIENCE, hand_measure, measure
from resolute import Flow, flow, manual
from resolute.execution.executor import NodeExecutor
from resolute.temporal.activities.activities import Activities
from resolute.temporal.activities.loops import NodeLoops
from resolute.temporal.client.client import start_run
from resolute.temporal.worker import temporal_worker
from resolute_worker.embedded import EmbeddedServer
from resolute_worker.embedded.cleaning import DatabaseSize

LENGTHS = (1, 10, 40, 100)
STORED = {10: 40, 100: 20, 1000: 4}
"""Lengths of plans, and how many runs of each are stored."""

OPEN = (0, 250, 1000)
Lane = Literal["activity", "local"]
Start = Callable[[], Awaitable[WorkflowHandle[Any, Any]]]

_SLEEPING = """
from datetime import timedelta

from resolute import flow, manual, sleep

sleeping = flow("sleeping").triggered_by(manual("bench")).then(sleep(timedelta(days=1))).build()
"""


@workflow.defn(name="hand-chain")
class HandChain:
    """So many steps, one after the other, as somebody writes them who uses Temporal's SDK directly."""

    @workflow.run
    async def run(self, given: dict[str, Any]) -> dict[str, Any]:
        """The steps."""
        found: dict[str, Any] = {}
        asked = {"service": "checkout"}
        for number in range(given["steps"]):
            step = f"step_{number}"
            if given["lane"] == "local":
                found[step] = await workflow.execute_local_activity(
                    hand_measure, asked, start_to_close_timeout=PATIENCE, activity_id=step
                )
            else:
                found[step] = await workflow.execute_activity(hand_measure, asked, start_to_close_timeout=PATIENCE)
        return found


def chain(steps: int, lane: Lane) -> Flow:
    """A flow of so many steps, one after the other."""
    builder = flow(f"chain-{lane}-{steps}").triggered_by(manual("bench"))
    for number in range(steps):
        builder = builder.then(measure("checkout").as_(f"step_{number}").lane(lane))
    return builder.build()


async def curves() -> list[Figure]:
    """The figures, on the embedded server."""
    with tempfile.TemporaryDirectory(prefix="resolute-bench-") as name:
        folder = Path(name)
        async with EmbeddedServer(folder / "chains", 0) as server:
            client = await Client.connect(server.address)
            found = await _chains(client, server.database)
        return [*found, await _open_runs(folder)]


async def _chains(client: Client, database: Path) -> list[Figure]:
    local = {steps: chain(steps, "local") for steps in {*LENGTHS, *STORED}}
    four = chain(4, "activity")
    flows = [*local.values(), four]
    hand = Worker(
        client,
        task_queue="hand",
        workflows=[HandChain],
        activities=[hand_measure],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    async with NodeLoops() as loops:
        activities = Activities(flows, NodeExecutor.for_flows(flows), KEYS, loops=loops)
        async with hand, temporal_worker(client, activities, task_queue="flows"):

            def ours(flow: Flow) -> Start:
                async def start() -> WorkflowHandle[Any, Any]:
                    return (await start_run(client, flow.plan, task_queue="flows", eager=True, keys=KEYS)).handle

                return start

            def by_hand(steps: int, lane: Lane) -> Start:
                async def start() -> WorkflowHandle[Any, Any]:
                    given = {"steps": steps, "lane": lane}
                    return await client.start_workflow(HandChain.run, given, id=uuid.uuid4().hex, task_queue="hand")

                return start

            took = {steps: await _alone(ours(local[steps])) for steps in LENGTHS}
            pairs = [(f"{steps} local steps", ours(local[steps]), by_hand(steps, "local"), runs)
                     for steps, runs in STORED.items()]  # fmt: skip
            pairs.append(("4 activities", ours(four), by_hand(4, "activity"), 40))
            stored = [await _stored(database, *pair) for pair in pairs]
    lengths = ", ".join(f"{steps}: {seconds * 1000:.0f} ms" for steps, seconds in took.items())
    return [
        Figure("alone, by quick steps of the plan", lengths),
        at_most("40 quick steps, alone", took[40], 0.10, "s", 3),
        *stored,
    ]


async def _alone(start: Start) -> float:
    """Seconds of one run while nothing else runs: the median."""
    times: list[float] = []
    for _ in range(7):
        begun = time.perf_counter()
        await (await start()).result()
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


async def _stored(database: Path, what: str, ours: Start, by_hand: Start, runs: int) -> Figure:
    """Bytes of the database that a run takes, beside one by hand."""
    sizes: list[float] = []
    for start in (ours, by_hand):
        before = await _settled(database)
        await asyncio.gather(*[(await start()).result() for _ in range(runs)])
        sizes.append((await _settled(database) - before) / runs / 1000)
    kept, hand = sizes
    told = f"{kept:.1f} kB, by hand {hand:.1f} kB: {kept / hand:.2f} times"
    return Figure(f"in the database, a run of {what}", told, "<= 1 times", kept <= hand)


async def _settled(database: Path) -> int:
    """Bytes in use, once the server has written and deleted what runs leave to be done."""
    last, now = -1, DatabaseSize.of(database).used
    while now != last:
        await asyncio.sleep(3)
        last, now = now, DatabaseSize.of(database).used
    return now


async def _open_runs(folder: Path) -> Figure:
    (folder / "sleeping.py").write_text(_SLEEPING)
    plan = runpy.run_path(str(folder / "sleeping.py"))["sleeping"].plan
    held: dict[int, float] = {}
    async with tuned(folder / "open") as client:
        port = free_port()
        address = client.service_client.config.target_host
        given = ["worker", "sleeping.py", "--http-port", str(port)]
        with started(given, str(folder), address, SECRET) as worker:
            await asyncio.to_thread(ready, worker, port)
            begun = 0
            for count in OPEN:
                for first in range(begun, count, 50):
                    batch = range(first, min(first + 50, count))
                    await asyncio.gather(*(start_run(client, plan, task_queue="resolute", keys=KEYS) for _ in batch))
                begun = count
                await asyncio.sleep(5)  # until all of them sleep
                held[count] = resident(worker.pid)
    return Figure("a worker's memory, by open runs", ", ".join(f"{n:,}: {mb:.0f} MB" for n, mb in held.items()))
