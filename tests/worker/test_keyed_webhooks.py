"""Deliveries with a key, over HTTP: what happens to each is answered, and the run in progress can be told of it."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from resolute_worker.embedded import EmbeddedServer
from tests.patience import PATIENCE
from tests.worker.processes import resolute, started

FLOWS = """
from pydantic import BaseModel
from resolute import flow, hmac_sha256, input_data, manual, node, secret, signal, wait_for, webhook

class Issue(BaseModel):
    id: str
    action: str = "opened"
    text: str = ""

@node
def note(text: str) -> str:
    return text

SIGNED = hmac_sha256(secret("HOOK_SECRET"), header="X-Signature")
issue = input_data(Issue)
closed = wait_for(signal("closed", Issue)).as_("closed")

told = (
    flow("told")
    .triggered_by(webhook("/told", verify=SIGNED, input=Issue, key=issue.id, while_running="tell", event=issue.action,
                          starts=issue.action == "opened"))
    .then(closed).then(note(closed.output.text).as_("noted")).build()
)
turns = (
    flow("turns", one_per=issue.id).triggered_by(manual("go", input=Issue)).then(note(issue.text).as_("noted")).build()
)
queued = (
    flow("queued", one_per=issue.id).triggered_by(manual("go", input=Issue))
    .then(wait_for(signal("closed", Issue)).as_("closed")).build()
)
skipped = (
    flow("skipped", one_per=issue.id, while_running="skip")
    .triggered_by(webhook("/skipped", verify=SIGNED, input=Issue), manual("go", input=Issue))
    .then(wait_for(signal("closed", Issue)).as_("closed")).build()
)
"""
SECRET = "signing-secret-value"


@pytest.fixture(scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory, server: EmbeddedServer) -> AsyncIterator[dict[str, Any]]:
    """A worker at work on the flows above, one for all tests: where it listens, and its variables."""
    folder = tmp_path_factory.mktemp("keyed")
    (folder / "flows").mkdir()
    (folder / "flows" / "issues.py").write_text(FLOWS)
    variables = {
        "TEMPORAL_ADDRESS": server.address,
        "RESOLUTE_TASK_QUEUE": uuid4().hex,
        "RESOLUTE_HTTP_PORT": "0",
        "HOOK_SECRET": SECRET,
    }
    async with started("worker", folder=folder, **variables) as worker:
        yield {"url": await worker.url(), "folder": folder, "variables": variables}


async def deliver(place: dict[str, Any], path: str, **issue: str) -> tuple[int, Any]:
    """The status and answer of a delivery."""
    body = json.dumps(issue).encode()
    proof = {"X-Signature": hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()}
    async with httpx.AsyncClient(timeout=PATIENCE) as http:
        answer = await http.post(place["url"] + path, content=body, headers=proof)
    return answer.status_code, answer.json()


async def command(place: dict[str, Any], *words: str) -> tuple[int, str]:
    """The exit code of a command, and what it said."""
    folder: Path = place["folder"]
    code, printed, said = await resolute(*words, folder=folder, **place["variables"])
    return code, printed or said


async def test_a_run_that_is_told_of_deliveries(place: dict[str, Any]) -> None:
    """The first delivery starts a run, later ones are told to it once each, and what starts nothing is ignored."""
    name = uuid4().hex[:8]
    early = await deliver(place, "/told", id=name, action="closed")
    first = await deliver(place, "/told", id=name, action="opened")
    again = await deliver(place, "/told", id=name, action="opened")
    told = await deliver(place, "/told", id=name, action="closed", text="well again")
    code, shown = await command(place, "show", f"told/key/{name}", "--json")

    assert [(202, "ignored"), (202, "started"), (200, "duplicate"), (202, "told")] == [
        (status, answer["status"]) for status, answer in (early, first, again, told)
    ]
    assert f"told/key/{name}" == first[1]["flows"][0]["run"]
    assert 0 == code
    assert "well again" in shown


async def test_a_delivery_without_a_key(place: dict[str, Any]) -> None:
    """A delivery whose key is empty is malformed, and the answer names the field."""
    status, answer = await deliver(place, "/told", id="", action="opened")

    assert 400 == status
    assert "input.id is empty" in answer["error"]


async def test_telling_a_run_by_command(place: dict[str, Any]) -> None:
    """`resolute tell` says whether a step takes the event, and refuses what does not fit with the reason."""
    name = uuid4().hex[:8]
    started_ = await deliver(place, "/skipped", id=name)
    skipped = await deliver(place, "/skipped", id=name, text="another")
    run = started_[1]["flows"][0]["run"]
    by_hand = await command(place, "run", "skipped", "--input", json.dumps({"id": name}), "--json")
    kept = await command(place, "tell", run, "unheard", "{}")
    refused = await command(place, "tell", run, "closed", '{"text": "no id"}')
    taken = await command(place, "tell", run, "closed", json.dumps({"id": name}), "--json")
    ended = await command(place, "show", run, "--json")

    assert [(202, "started"), (202, "skipped")] == [
        (status, answer["status"]) for status, answer in (started_, skipped)
    ]
    assert "skipped" == json.loads(by_hand[1])["result"]["became"]
    assert (0, True) == (kept[0], "kept until a step waits for it" in kept[1])
    assert (True, True) == (refused[0] != 0, "event.id is missing" in refused[1])
    assert '"taken": true' in taken[1]
    assert '"completed"' in ended[1]


async def test_a_start_by_command_takes_its_turn(place: dict[str, Any]) -> None:
    """`resolute run` follows the run that has the turn; `resolute lines` lists a start that waits."""
    name = uuid4().hex[:8]
    ran = await command(place, "run", "turns", "--input", json.dumps({"id": name, "text": "hello"}), "--json")
    first = await command(place, "run", "queued", "--input", json.dumps({"id": name}), "--no-wait")
    listed = await command(place, "lines", "queued", "--json")
    second = await command(place, "run", "queued", "--input", json.dumps({"id": name}), "--json")
    run = f"queued/key/{name}"
    waits: list[dict[str, Any]] = []
    async with asyncio.timeout(PATIENCE):
        while not waits:  # Temporal's list lags behind
            waits = json.loads((await command(place, "lines", "queued", "--json"))[1])
    begun = json.loads((await command(place, "show", run, "--json"))[1])
    told = [await command(place, "tell", run, "closed", json.dumps({"id": name}))]
    async with asyncio.timeout(PATIENCE):  # the one that waits has its turn once the first has ended
        while (shown := json.loads((await command(place, "show", run, "--json"))[1]))["run_id"] == begun["run_id"]:
            pass
    told.append(await command(place, "tell", run, "closed", json.dumps({"id": name})))

    outcome = json.loads(ran[1])
    assert (f"turns/key/{name}", {"noted": "hello"}) == (outcome["run"], outcome["result"])
    assert 0 == first[0]
    assert [] == json.loads(listed[1])
    assert "queued" == json.loads(second[1])["result"]["became"]
    assert [(run, 1)] == [(each["run"], len(each["waiting"])) for each in waits]
    assert "running" == shown["status"]
    assert [0, 0] == [code for code, _ in told], told
