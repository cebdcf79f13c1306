"""While Temporal is away: what the log says, and what becomes of runs."""

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Final

import httpx
from temporalio.client import Client

from resolute.temporal.client.client import RunHandle
from resolute_worker.embedded import EmbeddedServer
from tests.patience import PATIENCE
from tests.worker.processes import Process, started

FLOWS: Final = """
import asyncio
from pydantic import BaseModel
from resolute import flow, input_data, node, unverified, webhook

class Item(BaseModel):
    number: int

@node
async def think(number: int) -> int:
    await asyncio.sleep(0.2)
    return number

work = flow("work").triggered_by(webhook("/work", verify=unverified(), input=Item))
for name in ("first", "second", "third"):
    work = work.then(think(input_data("number")).as_(name))
work = work.build()
"""

RUNS: Final = 30
KILLS: Final = 5
VARIABLES: Final = {"RESOLUTE_HTTP_PORT": "0", "RESOLUTE_EMBEDDED_PORT": "0", "RESOLUTE_LOG_FORMAT": "json"}


def flows_in(folder: Path) -> None:
    (folder / "flows").mkdir()
    (folder / "flows" / "work.py").write_text(FLOWS)


async def test_an_outage_is_told_of_in_one_line_and_its_end_in_another(tmp_path: Path) -> None:
    """Every line of the log is one of the log's own, also while all pollers of the SDK find nobody to ask."""
    flows_in(tmp_path)
    async with EmbeddedServer(tmp_path / "state", port=0) as first:
        worker_of = started("worker", folder=tmp_path, TEMPORAL_ADDRESS=first.address, **VARIABLES)
        async with worker_of as worker:
            await worker.url()
            await first.__aexit__(None, None, None)
            await worker.line("runs are not picked up: Temporal does not answer")
            async with EmbeddedServer(tmp_path / "state", port=first.port):
                await worker.line("runs are picked up again")
                code = await worker.stopped()

    said = [json.loads(line)["message"] for line in worker.lines]
    assert 0 == code
    told = [line for line in said if "picked up" in line]
    both = ["runs are not picked up: Temporal does not answer", "runs are picked up again"]
    assert both * (len(told) // 2) == told  # on a busy machine Temporal may not answer in time once more


async def test_nothing_is_lost_where_the_server_is_killed_under_load(tmp_path: Path) -> None:
    """Deliveries come in while the embedded server is killed again and again: each is taken, runs once, and ends."""
    flows_in(tmp_path)
    async with started("worker", "--embedded", folder=tmp_path, **VARIABLES) as worker:
        address = await worker.temporal()
        url = await worker.url()
        async with asyncio.TaskGroup() as group:
            group.create_task(killed_again_and_again(worker))
            taken = [group.create_task(delivered(url, number)) for number in range(RUNS)]
        runs = [task.result() for task in taken]
        client = await Client.connect(address)
        async with asyncio.timeout(PATIENCE):
            results = [await RunHandle(client.get_workflow_handle(run), "work").result() for run in runs]
        code = await worker.stopped()

    assert [{"first": number, "second": number, "third": number} for number in range(RUNS)] == results
    assert RUNS == len(set(runs))
    assert 0 == code
    assert KILLS == worker.output.count("restarting it")


async def delivered(url: str, number: int) -> str:
    """The run of a delivery; its sender delivers until it is taken."""
    async with httpx.AsyncClient(timeout=PATIENCE) as http, asyncio.timeout(PATIENCE):
        await asyncio.sleep(number / 5)  # deliveries come in all the time
        while (answer := await http.post(f"{url}/work", json={"number": number})).status_code == 503:
            await asyncio.sleep(0.2)
        return answer.json()["flows"][0]["run"]


async def killed_again_and_again(worker: Process) -> None:
    for kill in range(1, KILLS + 1):
        (server,) = worker.children()
        os.kill(server, signal.SIGKILL)
        await worker.lines_with("is back after", count=kill)
        await asyncio.sleep(1)  # deliveries are taken meanwhile
