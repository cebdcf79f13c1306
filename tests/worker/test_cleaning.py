"""Closed runs are deleted by age, and the database gets smaller. `tests/soak/test_cleaning.py` has the rest."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from temporalio.client import Client

from resolute import Flow, flow, input_data, manual, node
from resolute.temporal.client.client import start_run
from resolute_worker import Settings, Worker
from resolute_worker.embedded import EmbeddedServer
from resolute_worker.embedded.cleaning import count_closed
from resolute_worker.embedded.command import server_environment
from tests.patience import PATIENCE
from tests.worker.processes import resolute

QUEUE = "cleaning"
RUNS = 40
BULK = "x" * 50_000


@node
def echo(text: str) -> str:
    return text


def echoing() -> Flow:
    return flow("echoing").triggered_by(manual("echo")).then(echo(input_data("text")).as_("said")).build()


async def many(client: Client, count: int) -> None:
    """So many runs, from their start to their end."""
    ready, stop = asyncio.Event(), asyncio.Event()
    settings = Settings(task_queue=QUEUE, http_port=0)
    worker = Worker(flows=[echoing()], settings=settings)
    serving = asyncio.create_task(worker.serve(ready=lambda _: ready.set(), stop=stop, client=client))
    await ready.wait()
    runs = [await start_run(client, echoing().plan, task_queue=QUEUE, input_data={"text": BULK}) for _ in range(count)]
    await asyncio.gather(*(run.result() for run in runs))
    stop.set()
    await serving


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(minutes=1)


async def closed(client: Client, count: int) -> None:
    """Once Temporal's list, which lags behind, has so many closed runs."""
    async with asyncio.timeout(PATIENCE):
        while await count_closed(client, soon()) < count:
            await asyncio.sleep(0.05)


async def test_old_runs_are_deleted_and_the_database_shrinks(tmp_path: Path) -> None:
    """With the server stopped: a dry run deletes nothing, a question is needed, and the file is smaller after it."""
    state = tmp_path / ".resolute"
    async with EmbeddedServer(state, port=0) as server:
        client = await Client.connect(server.address)
        await many(client, RUNS)
        await closed(client, RUNS)

    dry = await resolute("clean", "--older-than", "0s", "--dry-run", "--json", folder=tmp_path)
    young = await resolute("clean", "--older-than", "7d", "--yes", "--json", folder=tmp_path)
    asked = await resolute("clean", "--older-than", "0s", folder=tmp_path)
    done = await resolute("clean", "--older-than", "0s", "--yes", "--json", folder=tmp_path)
    wrong = await resolute("clean", "--older-than", "soon", folder=tmp_path)

    assert (RUNS, False) == (json.loads(dry[1])["runs"], json.loads(dry[1])["deleted"])
    assert 0 == json.loads(young[1])["runs"]
    assert (2, True) == (asked[0], "add --yes" in asked[2])
    cleaned = json.loads(done[1])
    assert (RUNS, True) == (cleaned["runs"], cleaned["deleted"])
    assert cleaned["bytes_after"] < cleaned["bytes_before"] - RUNS * len(BULK)
    assert (2, True) == (wrong[0], "7d" in wrong[2])


def test_the_server_bounds_its_memory() -> None:
    """Go is told where its heap ends; whoever runs the server may say otherwise."""
    assert {"GOGC": "100", "GOMEMLIMIT": "256MiB"}.items() <= server_environment().items()
