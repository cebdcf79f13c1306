"""What a worker's log tells of a run: whose each line is, and how the run ended."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import Client

from resolute_worker.embedded import EmbeddedServer
from tests.worker.listing import listed
from tests.worker.processes import Process, resolute, started

FLOWS = """
import logging
from resolute import TerminalError, flow, manual, node

log = logging.getLogger("shop.stock")

@node
def count(name: str) -> int:
    log.info("counting %s", name)
    print("shelf", 1)
    print("shelf", 2, "of", name)
    return 2

@node
async def refuse() -> None:
    log.warning("about to refuse")
    raise TerminalError("the door is shut")

start = manual("start")
counting = flow("counting").triggered_by(start).then(count("shoes").as_("stock")).build()
refusing = flow("refusing").triggered_by(start).then(refuse().as_("door")).build()
"""


Running = tuple[Process, Path, dict[str, str]]


@pytest.fixture(scope="module")
async def worker(tmp_path_factory: pytest.TempPathFactory, server: EmbeddedServer) -> AsyncIterator[Running]:
    """A worker at work on the flows above, its folder and its variables."""
    folder = tmp_path_factory.mktemp("logged")
    (folder / "flows").mkdir()
    (folder / "flows" / "stock.py").write_text(FLOWS)
    place = {"TEMPORAL_ADDRESS": server.address, "RESOLUTE_TASK_QUEUE": uuid4().hex, "RESOLUTE_HTTP_PORT": "0"}
    async with started("worker", folder=folder, RESOLUTE_LOG_FORMAT="json", **place) as worker:
        await worker.url()
        yield worker, folder, place


async def _lines(
    running: tuple[Process, Path, dict[str, str]], flow: str, last: str
) -> tuple[str, list[dict[str, Any]]]:
    """A run of a flow, and the lines of the log that are about it, up to its end."""
    worker, folder, place = running
    _, printed, _ = await resolute("run", flow, "--json", folder=folder, **place)
    run = json.loads(printed)["run"]
    await worker.line(last, run)
    return run, [line for line in map(json.loads, worker.lines) if line.get("run") == run]


async def test_an_authors_lines_say_whose_they_are(worker: Running) -> None:
    """What a node logs or prints carries flow, run, step and attempt, by the name that every command takes."""
    run, lines = await _lines(worker, "counting", "run completed")
    told = {line["message"]: line for line in lines}

    assert ["counting shoes", "shelf 1", "shelf 2 of shoes", "run completed"] == list(told)
    for message in ("counting shoes", "shelf 1", "shelf 2 of shoes"):
        whose = {"flow": "counting", "run": run, "step": "stock", "attempt": 1}
        assert whose == {name: told[message][name] for name in whose}
    assert "shop.stock" == told["counting shoes"]["logger"]


async def test_a_list_of_runs_says_who_started_them(worker: Running, client: Client) -> None:
    """A run that was asked for at a terminal is told from those of schedules, webhooks and agents."""
    run, _ = await _lines(worker, "counting", "run completed")
    _, folder, place = worker
    await listed(client, run)
    _, printed, _ = await resolute("runs", "counting", "--json", folder=folder, **place)
    shown = await resolute("show", run, folder=folder, **place)

    assert {"request"} == {each["started_by"] for each in json.loads(printed)}
    assert "started by request" in shown[1]


async def test_the_end_of_a_run_is_one_line(worker: Running) -> None:
    """When a run ends, one line says how and why; a failed step says which line of the author's failed."""
    _, lines = await _lines(worker, "refusing", "run failed")
    (end,) = [line for line in lines if "outcome" in line]
    (step,) = [line for line in lines if "trace" in line]

    assert ("failed", "warning", "request") == (end["outcome"], end["level"], end["started_by"])
    assert "run failed: step 'door' (refuse) failed: TerminalError: the door is shut" == end["message"]
    assert 'raise TerminalError("the door is shut")' in step["trace"]
