"""What many turns of one run cost: the memory of the worker that runs them."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

from pydantic import SecretStr
from temporalio.client import Client
from temporalio.worker import Worker

from benchmarks.figures import Figure, at_most
from benchmarks.servers import tuned
from resolute import Flow, flow, last_turn, manual, node, output, repeat
from resolute.execution.executor import NodeExecutor
from resolute.temporal.activities.activities import Activities
from resolute.temporal.activities.loops import NodeLoops
from resolute.temporal.client.client import start_run
from resolute.temporal.trust.seals import PlanKeys
from resolute.temporal.worker import temporal_worker

TURNS = 10_000
KEYS = PlanKeys((SecretStr("a-key-of-the-benchmark-and-of-nothing-else"),))


@node
async def count(before: int | None) -> int:
    """One more than in the turn before."""
    return (before or 0) + 1


def turning(turns: int, name: str) -> Flow:
    """A flow of so many turns, one straight behind the other."""
    counted = count(last_turn(output("counted"))).as_("counted").lane("local")
    turns_of = repeat(counted, until=counted.output >= turns, at_most=turns).as_("turns")
    return flow(name).triggered_by(manual("bench")).then(turns_of).returns(turns_of.output.turns).build()


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
    return [
        at_most(f"the worker's memory behind {TURNS:,} turns", many["memory"], 300, "MB"),
        Figure(f"{TURNS:,} turns in the local lane", f"{many['seconds']:.0f} s, {many['histories']} histories"),
    ]


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
