"""What thousands of open gates cost: the worker's memory, its restart, and the list of what waits."""

from __future__ import annotations

import asyncio
import json
import os
import runpy
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from pydantic import SecretStr
from temporalio.client import Client, WorkflowHandle

from benchmarks.figures import Figure, at_most
from benchmarks.processes import ready, resident, started
from benchmarks.servers import free_port, tuned
from resolute.plan.plan import Plan
from resolute.temporal.client.client import start_run
from resolute.temporal.client.gates import decide_gate
from resolute.temporal.trust.seals import PlanKeys
from resolute.temporal.wire.finding import RunKey

GATES = 5_000
AT_ONCE = 40
OPEN = 4
"""Events of a run that waits at its gate: it has started, and its first task has ended."""

SECRET = "a-key-of-the-benchmark-and-of-nothing-else"
KEYS = PlanKeys((SecretStr(SECRET),))

FLOW = """
from resolute import flow, gate, manual

asking = flow("asking").triggered_by(manual("bench")).then(gate("approve", ask="Fail over?")).build()
"""


@dataclass(frozen=True)
class Found:
    """What many open gates cost: megabytes, seconds, and how many gates the list shows."""

    opened: float
    memory: float
    ready: float
    answered: float
    listed: float
    shown: int


async def many_open(folder: Path, gates: int) -> Found:
    """Opens gates, and starts the worker anew beside them; it is a process of its own, as people start it."""
    (folder / "asking.py").write_text(FLOW)
    plan = runpy.run_path(str(folder / "asking.py"))["asking"].plan
    async with tuned(folder / "tuned") as client:
        async with _worker(folder, client) as (process, _):
            began = time.perf_counter()
            runs = await _waiting(client, plan, gates)
            opened, memory = time.perf_counter() - began, resident(process)
        async with _worker(folder, client) as (_, after):
            began = time.perf_counter()
            await _approve(client, runs[gates // 2])
            answered = time.perf_counter() - began
        listed, shown = await asyncio.to_thread(_listed, folder, client)
    return Found(opened, memory, after, answered, listed, shown)


async def measure() -> list[Figure]:
    """The figures."""
    with tempfile.TemporaryDirectory(prefix="resolute-bench-") as folder:
        found = await many_open(Path(folder), GATES)
    return [
        Figure(f"{GATES:,} gates are open after", f"{found.opened:.0f} s"),
        at_most("the worker's memory with these", found.memory, 300, "MB"),
        at_most("a worker that is started beside them is ready after", found.ready, 10, "s", 1),
        at_most("and has taken a decision after", found.answered, 10, "s", 2),
        at_most(f"`resolute gates` shows the latest {found.shown:,} after", found.listed, 5, "s", 1),
    ]


async def _waiting(client: Client, plan: Plan, gates: int) -> list[WorkflowHandle[object, object]]:
    """Runs that wait at their gate, all of them."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def one() -> WorkflowHandle[object, object]:
        async with turns:
            run = (await start_run(client, plan, task_queue="resolute", keys=KEYS)).handle
            while (await run.describe()).history_length < OPEN:  # noqa: ASYNC110  # another process works on it
                await asyncio.sleep(0.02)
            return run

    return list(await asyncio.gather(*(one() for _ in range(gates))))


async def _approve(client: Client, run: WorkflowHandle[object, object]) -> None:
    key = RunKey(run.id, run.result_run_id or "")
    answer = await decide_gate(client, key, "approve", approve=True, by="ada", keys=KEYS, patience=timedelta(minutes=1))
    if not (await run.result()) or not answer:
        raise AssertionError("the gate was not decided")


@asynccontextmanager
async def _worker(folder: Path, client: Client) -> AsyncGenerator[tuple[int, float]]:
    """The id of the process, and the seconds after which it was ready."""
    port, address = free_port(), client.service_client.config.target_host
    with started(["worker", "asking.py", "--http-port", str(port)], str(folder), address, SECRET) as process:
        yield process.pid, await asyncio.to_thread(ready, process, port)


def _listed(folder: Path, client: Client) -> tuple[float, int]:
    """The seconds that the command takes, and how many gates it shows."""
    environment = {**os.environ, "TEMPORAL_ADDRESS": client.service_client.config.target_host}
    command = [sys.executable, "-c", "from resolute_worker.cli import main; main()", "gates", "--json"]
    began = time.perf_counter()
    said = subprocess.run(command, check=True, capture_output=True, cwd=folder, env=environment).stdout
    return time.perf_counter() - began, len(json.loads(said))
