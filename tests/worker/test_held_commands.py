"""Commands that list held steps and decide on them; what they refuse, and with which exit code."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from resolute_worker.embedded import EmbeddedServer
from tests.patience import PATIENCE
from tests.worker.processes import at_work, resolute

FLOWS = """
from pathlib import Path
from pydantic import BaseModel
from resolute import TerminalError, flow, manual, node

class Opened(BaseModel):
    width: int

@node
def greet() -> str:
    return "hello"

@node
def leave() -> None:
    Path("left").touch()

@node
def open_door(marker: str) -> Opened:
    if not Path(marker).exists():
        raise TerminalError("the door is shut")
    return Opened(width=2)

for name in ("retried", "skipped", "given-up"):
    globals()[name] = (
        flow(name, when_stuck="hold").triggered_by(manual("start"))
        .then(greet().as_("greeting").on_failure(leave()))
        .then(open_door(f"{name}.mended").as_("door"))
        .build()
    )
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the worker and the commands run."""
    return tmp_path_factory.mktemp("held")


@pytest.fixture(scope="module")
async def place(folder: Path, server: EmbeddedServer) -> AsyncIterator[dict[str, str]]:
    """The variables of a worker at work on the flows above, one for all tests."""
    async with at_work(FLOWS, folder, server.address) as place:
        yield place


async def begun(flow: str, folder: Path, place: dict[str, str]) -> str:
    """A run of a flow that holds its door."""
    _, printed, _ = await resolute("run", flow, "--no-wait", "--json", folder=folder, **place)
    run: str = json.loads(printed)["run"]
    while flow not in (await resolute("held", flow, folder=folder, **place))[1]:
        await asyncio.sleep(0.1)
    return run


async def ended(run: str, folder: Path, place: dict[str, str]) -> dict[str, object]:
    """A run as it is shown, as soon as it has ended."""
    while True:
        _, printed, _ = await resolute("show", run, "--json", folder=folder, **place)
        shown = json.loads(printed)
        if shown["status"] != "running":
            return {"status": shown["status"], "result": shown["report"]["result"]}
        await asyncio.sleep(0.1)


async def test_a_held_step_is_listed_shown_and_tried_again(folder: Path, place: dict[str, str]) -> None:
    """It is listed with its error; without a name the only held step is meant; what completed is not repeated."""
    run = await begun("retried", folder, place)
    _, listed, _ = await resolute("held", "retried", "--json", folder=folder, **place)
    _, shown, _ = await resolute("show", run, folder=folder, **place)
    (folder / "retried.mended").touch()
    code, said, _ = await resolute("retry", run, folder=folder, **place)
    outcome = await ended(run, folder, place)
    (held,) = json.loads(listed)

    assert (run, "door", "TerminalError", "the door is shut") == (
        held["workflow_id"],
        held["held"][0]["step"],
        held["held"][0]["error"],
        held["held"][0]["message"],
    )
    assert "held since" in shown
    assert (0, f"step door is tried again: resolute show {run}") == (code, said.strip())
    assert {"status": "completed", "result": {"greeting": "hello", "door": {"width": 2}}} == outcome
    async with asyncio.timeout(PATIENCE):
        while "no step is held" not in (await resolute("held", "retried", folder=folder, **place))[1]:
            await asyncio.sleep(0.1)  # Temporal's list lags behind


async def test_a_held_step_is_skipped(folder: Path, place: dict[str, str]) -> None:
    """What does not fit, or is not held, is refused with code 2; a value that fits takes the place of the output."""
    run = await begun("skipped", folder, place)
    refused = [
        await resolute("skip", run, *arguments, folder=folder, **place)
        for arguments in (("door", "--value", '{"height": 3}'), ("dor",), ("greeting",), ("door", "--value", "{"))
    ]
    skipped = await resolute("skip", run, "door", "--value", '{"width": 5}', "--by", "ada", folder=folder, **place)
    outcome = await ended(run, folder, place)
    again = await resolute("skip", run, "door", folder=folder, **place)
    _, shown, _ = await resolute("show", run, folder=folder, **place)

    assert [2, 2, 2, 2] == [code for code, _, _ in refused]
    assert "does not fit what step 'door' gives (Opened): it is an object without width" in refused[0][2]
    assert "the run has no open hold 'dor' (open now: door)" in refused[1][2]
    assert "the run has no open hold 'greeting' (open now: door)" in refused[2][2]
    assert "the value is not JSON" in refused[3][2]
    assert 0 == skipped[0], skipped[2]
    assert {"status": "completed", "result": {"greeting": "hello", "door": {"width": 5}}} == outcome
    assert 2 == again[0]
    assert "has ended" in again[2]
    assert "decided by ada: skip" in shown


async def test_a_held_step_fails_by_decision(folder: Path, place: dict[str, str]) -> None:
    """The run fails by the step's error and undoes what it has done; a cancel would have undone it too."""
    run = await begun("given-up", folder, place)
    code, _, _ = await resolute("fail", run, "door", folder=folder, **place)
    outcome = await ended(run, folder, place)

    assert (0, "failed") == (code, outcome["status"])
    assert (folder / "left").exists()
