"""What many turns of one run cost: the memory of the worker that runs them, and the events of the history."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
import uuid
from datetime import timedelta
from pathlib import Path

from pydantic import SecretStr
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from benchmarks.figures import Figure, at_most
from benchmarks.servers import tuned
from resolute import Flow, flow, last_turn, manual, node, output, repeat
from resolute.execution.executor import NodeExecutor
from resolute.temporal.activities import Activities
from resolute.temporal.client import start_run
from resolute.temporal.loops import NodeLoops
from resolute.temporal.seals import PlanKeys
from resolute.temporal.worker import temporal_worker

TURNS = 10_000
FEW = 20
PAUSE = timedelta(milliseconds=250)  # longer than a turn takes, so that both wait
KEYS = PlanKeys((SecretStr("a-key-of-the-benchmark-and-of-nothing-else"),))


@node
async def count(before: int | None) -> int:
    """One more than in the turn before."""
    return (before or 0) + 1


def turning(turns: int, name: str, every: timedelta = timedelta(0)) -> Flow:
    """A flow of so many turns: in the local lane where they follow each other, in the activity lane with pauses."""
    counted = count(last_turn(output("counted"))).as_("counted").lane("activity" if every else "local")
    turns_of = repeat(counted, until=counted.output >= turns, every=every, at_most=turns).as_("turns")
    return flow(name).triggered_by(manual("bench")).then(turns_of).returns(turns_of.output.turns).build()


@activity.defn(name="hand-count")
async def hand_count(before: int) -> int:
    """The same by hand."""
    return before + 1


@workflow.defn(name="hand-turns")
class HandTurns:
    """What somebody writes who uses Temporal's SDK directly: an activity, and a timer for what is left of the pause."""

    @workflow.run
    async def run(self, turns: int) -> int:
        """The turns."""
        counted, due = 0, workflow.now()
        while counted < turns:
            if due > workflow.now():
                await workflow.sleep(due - workflow.now())
            due = max(due, workflow.now()) + PAUSE
            counted = await workflow.execute_activity(hand_count, counted, start_to_close_timeout=timedelta(seconds=30))
        return counted


async def measure() -> list[Figure]:
    """The figures; the worker of the many turns is a process of its own, whose memory is nobody else's."""
    with tempfile.TemporaryDirectory(prefix="resolute-bench-") as folder:
        async with tuned(Path(folder) / "tuned") as client:
            worker = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "benchmarks.turns",
                client.service_client.config.target_host,
                stdout=asyncio.subprocess.PIPE,
            )
            said, _ = await worker.communicate()
            many = json.loads(said.splitlines()[-1])
            few = await _events_of_few(client)
    return [
        at_most(f"the worker's memory behind {TURNS:,} turns", many["memory"], 300, "MB"),
        Figure(f"{TURNS:,} turns in the local lane", f"{many['seconds']:.0f} s, {many['histories']} histories"),
        Figure(
            f"history events of {FEW} turns with pauses beyond those by hand",
            str(few[0] - few[1]),
            "0",
            few[0] <= few[1],
        ),
    ]


async def _events_of_few(client: Client) -> tuple[int, int]:
    few = turning(FEW, "few-turns", PAUSE)
    hand = Worker(
        client,
        task_queue="hand-turns",
        workflows=[HandTurns],
        activities=[hand_count],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    async with hand, NodeLoops() as loops, _worker(client, few, loops):
        run = await start_run(client, few.plan, task_queue=few.name, keys=KEYS)
        await run.result()
        by_hand = await client.start_workflow(HandTurns.run, FEW, id=uuid.uuid4().hex, task_queue="hand-turns")
        await by_hand.result()
        return len((await run.handle.fetch_history()).events), len((await by_hand.fetch_history()).events)


def _worker(client: Client, of: Flow, loops: NodeLoops) -> Worker:
    activities = Activities([of], NodeExecutor.for_flows([of]), KEYS, loops=loops)
    return temporal_worker(client, activities, task_queue=of.name)


async def _many(address: str) -> None:
    client, many = await Client.connect(address), turning(TURNS, "many-turns")
    async with NodeLoops() as loops, _worker(client, many, loops):
        begun = time.perf_counter()
        run = await start_run(client, many.plan, task_queue=many.name, keys=KEYS)
        if await run.result() != TURNS:
            raise AssertionError("it did not turn to its end")
        seconds = time.perf_counter() - begun
        histories = [part async for part in client.list_workflows(f"WorkflowId = '{run.workflow_id}'")]
    print(json.dumps({"memory": _memory(), "seconds": seconds, "histories": len(histories)}))


def _memory() -> float:
    """Megabytes of this process, as `ps` counts them."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


if __name__ == "__main__":
    asyncio.run(_many(sys.argv[1]))
