"""What a backtest costs: an unedited flow over a thousand runs that are recorded."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from temporalio.client import Client

from benchmarks.figures import Figure, at_most
from benchmarks.servers import tuned
from resolute.execution.executor import NodeExecutor
from resolute.execution.secrets import Environment
from resolute.temporal.activities.activities import Activities
from resolute.temporal.client.client import start_run
from resolute.temporal.trust.seals import PlanKeys
from resolute.temporal.worker import temporal_worker
from resolute_worker.discovery import discover

RUNS = 1_000
AT_ONCE = 40
GOAL = 20
"""Seconds."""

KEYS = PlanKeys((SecretStr("a-key-of-the-benchmark-and-of-nothing-else"),))

FLOW = """
from pydantic import BaseModel
from resolute import flow, input_data, manual, node

class Asked(BaseModel):
    load: int

@node(effect="read", lane="local")
async def measure(load: int) -> int:
    return load

@node(effect="pure", lane="local")
def level(load: int) -> str:
    return "bad" if load > 5 else "good"

@node
async def page(level: str) -> None: ...

seen = measure(input_data(Asked).load).as_("seen")
judged = level(seen.output).as_("judged")
watched = (
    flow("watched").triggered_by(manual("go", input=Asked))
    .then(seen).then(judged).when(judged.output == "bad").then(page(judged.output)).end_when()
    .build()
)
"""


@dataclass(frozen=True)
class Found:
    """What the command came to: its seconds, those of a processor, what it said, and its exit code."""

    seconds: float
    busy: float
    said: dict[str, Any]
    code: int


async def backtested(folder: Path, runs: int) -> Found:
    """Records runs, and holds the same flow against them by command."""
    file = folder / "watched.py"
    file.write_text(FLOW)
    async with tuned(folder / "tuned") as client:
        await _record(client, file, runs)
        return await asyncio.to_thread(_backtest, folder, client, runs)


async def measure() -> list[Figure]:
    """The figures."""
    with tempfile.TemporaryDirectory(prefix="resolute-bench-") as folder:
        found = await backtested(Path(folder), RUNS)
    if (found.code, found.said["runs"], found.said["verdicts"]) != (0, RUNS, {"same": RUNS}):
        raise AssertionError(f"an unedited flow differs: {found.said['verdicts']} of {found.said['runs']} runs")
    return [
        at_most(f"`resolute backtest` over {RUNS:,} recorded runs", found.seconds, GOAL, "s", 1),
        Figure("share of that goal", f"{found.seconds / GOAL:.2f}"),
        Figure("seconds of a processor", f"{found.busy:.1f} s"),
        Figure("its verdict for the unedited flow", "no difference"),
    ]


async def _record(client: Client, file: Path, runs: int) -> None:
    """Runs the flow so many times, every tenth of which pages."""
    (found,) = discover([file]).flows
    flow, turns = found.flow, asyncio.Semaphore(AT_ONCE)
    activities = Activities([flow], NodeExecutor.for_flows([flow], environment=Environment({})), KEYS)

    async def one(number: int) -> None:
        async with turns:
            given = {"load": 9 if number % 10 == 0 else 1}
            await (await start_run(client, flow.plan, task_queue="bench", input_data=given, keys=KEYS)).result()

    async with temporal_worker(client, activities, task_queue="bench", graceful_shutdown=timedelta(0)):
        await asyncio.gather(*(one(number) for number in range(runs)))
    ended = f"WorkflowType = '{flow.name}' AND ExecutionStatus = 'Completed'"
    while (await client.count_workflows(ended)).count < runs:  # noqa: ASYNC110  # Temporal's list announces nothing
        await asyncio.sleep(0.1)


def _backtest(folder: Path, client: Client, runs: int) -> Found:
    environment = {**os.environ, "TEMPORAL_ADDRESS": client.service_client.config.target_host}
    main = [sys.executable, "-c", "from resolute_worker.cli import main; main()"]
    command = [*main, "backtest", "watched", "watched.py", "--since", "1d", "--limit", str(runs), "--json"]
    before, began = os.times(), time.perf_counter()
    done = subprocess.run(command, check=False, capture_output=True, cwd=folder, env=environment)
    seconds, after = time.perf_counter() - began, os.times()
    busy = after.children_user + after.children_system - before.children_user - before.children_system
    return Found(seconds, busy, json.loads(done.stdout), done.returncode)
