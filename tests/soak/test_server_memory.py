"""10,000 runs through one embedded server: its memory stays on a plateau, and a run costs little disk."""

import asyncio
from pathlib import Path
from typing import Final

import pytest
from temporalio.client import Client

from resolute import Flow, flow, manual, node
from resolute.temporal.client.client import start_run
from resolute_worker import Settings, Worker
from resolute_worker.embedded import EmbeddedServer
from resolute_worker.embedded.cleaning import DatabaseSize

RUNS: Final = 10_000
STEP: Final = 2_000
AT_ONCE: Final = 40
WARM: Final = 4_000
"""Runs after which the caches of the server are full."""

MEGABYTE: Final = 1024 * 1024
MOST_MEMORY: Final = 400 * MEGABYTE
MOST_GROWTH: Final = 0.15
MOST_PER_RUN: Final = 60_000

pytestmark = pytest.mark.soak


@node(lane="local")
def count(number: int) -> int:
    return number + 1


def counting() -> Flow:
    return (
        flow("counting")
        .triggered_by(manual("count"))
        .then(count(1).as_("first"))
        .then(count(2).as_("second"))
        .then(count(3).as_("third"))
        .build()
    )


def memory(pid: int) -> int:
    """Bytes of a process in memory."""
    line = next(each for each in Path(f"/proc/{pid}/status").read_text().splitlines() if each.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


async def test_memory_stays_on_a_plateau(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """After the caches are full, 6,000 further runs add less than 15 percent; the figures are printed."""
    ready, stop, turns = asyncio.Event(), asyncio.Event(), asyncio.Semaphore(AT_ONCE)
    seen: dict[int, int] = {}
    async with EmbeddedServer(tmp_path, port=0) as server:
        client = await Client.connect(server.address)
        worker = Worker(flows=[counting()], settings=Settings(task_queue="soak", http_port=0))
        serving = asyncio.create_task(worker.serve(ready=lambda _: ready.set(), stop=stop, client=client))
        await ready.wait()
        plan, empty = counting().plan, DatabaseSize.of(server.database).files

        async def run() -> None:
            async with turns:
                await (await start_run(client, plan, task_queue="soak")).result()

        for done in range(STEP, RUNS + 1, STEP):
            await asyncio.gather(*(run() for _ in range(STEP)))
            assert server.pid is not None
            seen[done] = memory(server.pid)
            with capsys.disabled():
                print(f"\n{done:,} runs: {seen[done] / MEGABYTE:.0f} MB", end="", flush=True)  # noqa: T201  # figures
        per_run = (DatabaseSize.of(server.database).files - empty) / RUNS
        with capsys.disabled():
            print(f"\n{per_run:,.0f} bytes of disk a run")  # noqa: T201  # figures
        stop.set()
        await serving

    assert max(seen.values()) < MOST_MEMORY
    assert seen[RUNS] < seen[WARM] * (1 + MOST_GROWTH)
    assert per_run < MOST_PER_RUN
