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
from pathlib import Path

from pydantic import SecretStr
from temporalio.client import Client, WorkflowHandle

from benchmarks.figures import Figure, at_most
from benchmarks.processes import ready, resident, started
from benchmarks.servers import free_port, tuned
from resolute.plan.plan import Plan
from resolute.temporal.client import start_run
from resolute.temporal.finding import RunKey
from resolute.temporal.gates import decide_gate
from resolute.temporal.seals import PlanKeys

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


async def measure(gates: int = GATES) -> list[Figure]:
    """The figures; the worker is a process of its own, as people start it."""
    with tempfile.TemporaryDirectory(prefix="resolute-bench-") as folder:
        (Path(folder) / "asking.py").write_text(FLOW)
        plan = runpy.run_path(str(Path(folder) / "asking.py"))["asking"].plan
        async with tuned(Path(folder) / "tuned") as client:
            async with _worker(folder, client) as (before, _):
                began = time.perf_counter()
                runs = await _waiting(client, plan, gates)
                opened, memory = time.perf_counter() - began, resident(before)
            async with _worker(folder, client) as (_, after):
                began = time.perf_counter()
                await _approve(client, runs[gates // 2])
                answered = time.perf_counter() - began
            listed, shown = _listed(folder, client)
    return [
        Figure(f"{gates:,} gates are open after", f"{opened:.0f} s"),
        at_most("the worker's memory with these", memory, 300, "MB"),
        at_most("a worker that is started beside them is ready after", after, 10, "s", 1),
        at_most("and answers a decision after", answered, 10, "s", 2),
        at_most(f"`resolute gates` shows the latest {shown:,} after", listed, 5, "s", 1),
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
    answer = await decide_gate(client, key, "approve", approve=True, by="ada", keys=KEYS, patience=60)
    if not (await run.result()) or not answer:
        raise AssertionError("the gate was not decided")


@asynccontextmanager
async def _worker(folder: str, client: Client) -> AsyncGenerator[tuple[int, float]]:
    """The id of the process, and the seconds after which it was ready."""
    port, address = free_port(), client.service_client.config.target_host
    with started(["worker", "asking.py", "--http-port", str(port)], folder, address, SECRET) as process:
        yield process.pid, await asyncio.to_thread(ready, process, port)


def _listed(folder: str, client: Client) -> tuple[float, int]:
    """The seconds that the command takes, and how many gates it shows."""
    environment = {**os.environ, "TEMPORAL_ADDRESS": client.service_client.config.target_host}
    command = [sys.executable, "-c", "from resolute_worker.cli import main; main()", "gates", "--json"]
    began = time.perf_counter()
    said = subprocess.run(command, check=True, capture_output=True, cwd=folder, env=environment).stdout
    return time.perf_counter() - began, len(json.loads(said))
