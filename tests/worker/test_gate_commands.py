"""Commands that list gates and decide them, against a worker at work."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from temporalio.client import Client

from resolute.temporal.client.gates import open_gates
from resolute_worker.embedded import EmbeddedServer
from tests.patience import PATIENCE
from tests.worker.processes import at_work, resolute

FLOWS = """
from pydantic import BaseModel
from resolute import flow, gate, manual

class Change(BaseModel):
    region: str
    percent: int = 10

asks = (
    flow("asks").triggered_by(manual("start"))
    .then(gate("approve", ask="Go?", form=Change, approvers=["ada", "grace"], quorum=2))
    .build()
)
"""


@pytest.fixture(scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory, server: EmbeddedServer) -> AsyncIterator[dict[str, str]]:
    """The variables of a worker at work on the flow above, and the folder that it runs in."""
    folder = tmp_path_factory.mktemp("gates")
    async with at_work(FLOWS, folder, server.address) as place:
        yield {**place, "folder": str(folder)}


async def test_gates_are_listed_and_decided(place: dict[str, str]) -> None:
    """A gate is listed until enough have approved; what the run refuses ends the command with 1 and says why."""
    variables = {name: value for name, value in place.items() if name != "folder"}
    folder = Path(place["folder"])
    begun = await resolute("run", "asks", "--no-wait", "--json", folder=folder, **variables)
    run = str(json.loads(begun[1])["run"])
    listed: list[dict[str, object]] = []
    async with asyncio.timeout(PATIENCE):
        while not listed:
            _, shown, said = await resolute("gates", "--json", folder=folder, **variables)
            listed = [each for each in json.loads(shown) if each["run"] == run]  # others' runs are on this server too
            assert "more gates" not in said
    assert [(run, "approve", "Go?", 2)] == [(each["run"], each["gate"], each["ask"], each["quorum"]) for each in listed]

    form = '{"region": "eu"}'
    stranger = await resolute("approve", run, "approve", "--by", "mallory", "--form", form, folder=folder, **variables)
    assert (1, True) == (stranger[0], "mallory may not decide gate 'approve'" in stranger[2])
    empty = await resolute("approve", run, "approve", "--by", "ada", folder=folder, **variables)
    assert (1, True) == (empty[0], "region is missing" in empty[2])
    unknown = await resolute("approve", run, "other", "--by", "ada", folder=folder, **variables)
    assert (1, True) == (unknown[0], "no open gate 'other' (open now: approve)" in unknown[2])
    nobody = await resolute("approve", "no-such-run", "approve", "--by", "ada", folder=folder, **variables)
    assert 2 == nobody[0]

    for person in ("ada", "grace"):
        said = await resolute("approve", run, "approve", "--by", person, "--form", form, folder=folder, **variables)
        assert 0 == said[0], said[2]
    run_shown = await resolute("show", run, folder=folder, **variables)

    assert "approved by ada at" in run_shown[1]
    # Temporal may list a run for a moment longer, but its history says what has been decided.
    assert "no gate waits for a decision" in (await resolute("gates", "asks", folder=folder, **variables))[1]


async def test_the_list_says_that_there_are_more(place: dict[str, str]) -> None:
    """Where more gates are open than are shown, the command says so beside them."""
    variables = {name: value for name, value in place.items() if name != "folder"}
    client = await Client.connect(place["TEMPORAL_ADDRESS"])
    for _ in range(2):
        await client.start_workflow("asks", id=uuid4().hex, task_queue=place["RESOLUTE_TASK_QUEUE"])
    async with asyncio.timeout(PATIENCE):
        while len(await open_gates(client, flow="asks")) < 2:  # Temporal lists runs in its own time
            await asyncio.sleep(0.1)

    limited = ("gates", "asks", "--json", "--limit", "1")
    _, shown, said = await resolute(*limited, folder=Path(place["folder"]), **variables)

    assert (1, True) == (len(json.loads(shown)), "more gates are open than the 1 shown" in said)
