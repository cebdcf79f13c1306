"""Commands that pause and resume runs, flows and everything, and the brake; what they refuse, what lists then say."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import redirect_stderr, redirect_stdout
from typing import Any
from uuid import uuid4

import pytest

from resolute_worker.cli.app import run
from resolute_worker.embedded import EmbeddedServer
from tests.patience import PATIENCE
from tests.worker.processes import Process, started

FLOWS = """
from resolute import child, flow, gate, manual, node

@node(effect="read")
def look() -> str:
    return "all is well"

asked = flow("asked").triggered_by(manual("ask")).then(gate("approve")).then(look().as_("look")).build()
looking = flow("looking").triggered_by(manual("look")).then(look().as_("look")).build()
handing = flow("handing").triggered_by(manual("hand")).then(gate("approve")).then(child(looking).as_("look")).build()
"""


class Place:
    """Commands beside a worker, in this process: each alone would take longer to begin than to end."""

    def __init__(self, worker: Process) -> None:
        self.worker = worker

    async def told(self, *arguments: str) -> Any:
        """What a command gives that ends well."""
        code, printed, said = await self._made(*arguments, "--json")
        assert 0 == code, said
        return json.loads(printed)

    async def says(self, *arguments: str) -> tuple[int, str]:
        """How a command ends, and what it says."""
        code, printed, said = await self._made(*arguments)
        return code, printed + said

    async def latest(self, flow: str) -> Any:
        """The latest run of a flow that Temporal lists, which lags behind, as soon as there is one."""
        async with asyncio.timeout(PATIENCE):
            while not (runs := await self.told("runs", flow)):
                await asyncio.sleep(0.1)
        return runs[0]

    async def _made(self, *arguments: str) -> tuple[int, str, str]:
        printed, said = io.StringIO(), io.StringIO()
        with redirect_stdout(printed), redirect_stderr(said):
            code = await asyncio.to_thread(run, arguments)
        return code, printed.getvalue(), said.getvalue()

    async def begun(self, flow: str) -> str:
        """The id of a run that has just been started."""
        return (await self.told("run", flow, "--no-wait"))["run"]


@pytest.fixture(scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory, server: EmbeddedServer) -> AsyncIterator[Place]:
    """One worker for all tests. Whatever is on in the end is taken off."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        async for each in _place(tmp_path_factory, server, monkeypatch):
            yield each


async def _place(
    tmp_path_factory: pytest.TempPathFactory, server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Place]:
    folder = tmp_path_factory.mktemp("switches")
    (folder / "flows").mkdir()
    (folder / "flows" / "asking.py").write_text(FLOWS)
    found = {"TEMPORAL_ADDRESS": server.address, "RESOLUTE_TASK_QUEUE": uuid4().hex, "RESOLUTE_HTTP_PORT": "0"}
    found["RESOLUTE_STATE_DIR"] = str(folder)
    async with started("worker", folder=folder, **found) as worker:
        place = Place(worker)
        for name, value in found.items():
            monkeypatch.setenv(name, value)
        await worker.url()
        try:
            yield place
        finally:
            for command in (("brake", "off"), ("resume", "--all", "--yes"), ("resume", "looking")):
                await place.says(*command)
        await worker.stopped()


async def test_a_run_is_paused_and_resumed(place: Place) -> None:
    """Lists say who has paused a run and why; what cannot be done is refused with what can."""
    begun = await place.begun("asked")
    paused = await place.told("pause", begun, "--by", "ada", "--reason", "a deploy")
    async with asyncio.timeout(PATIENCE):
        while not (listed := await place.latest("asked"))["paused"]:
            await asyncio.sleep(0.1)
    _, shown = await place.says("show", begun)
    again, why = await place.says("pause", begun)

    assert {"run": begun, "paused": True, "taken": True} == paused
    assert ("ada", "a deploy") == (listed["paused"]["by"], listed["paused"]["reason"])
    assert "paused, by ada since " in shown
    assert ": a deploy" in shown
    assert (2, True) == (again, "is paused already, by ada" in why)
    await place.told("resume", begun)
    assert (2, True) == ((end := await place.says("resume", begun))[0], "is not paused" in end[1])
    await place.told("approve", begun, "approve", "--by", "grace")
    while (await place.latest("asked"))["status"] == "running":
        await asyncio.sleep(0.1)
    assert (2, True) == ((end := await place.says("pause", begun))[0], "has already ended" in end[1])
    assert (2, True) == ((end := await place.says("pause", "nobody"))[0], "knows no run 'nobody'" in end[1])


async def test_the_runs_of_a_paused_flow_wait(place: Place) -> None:
    """A paused flow takes starts, whose runs wait and say why; they go on when it is resumed."""
    await place.told("pause", "looking", "--flow", "--by", "ada", "--reason", "a deploy")
    await place.worker.line("switches: looking is paused, by ada")
    begun = await place.begun("looking")
    while not (known := (await place.latest("looking"))["paused"]):
        await asyncio.sleep(0.1)
    _, told = await place.says("resume", begun)
    resumed = await place.told("resume", "looking")
    while (await place.latest("looking"))["status"] == "running":
        await asyncio.sleep(0.1)

    assert ("ada", "flow:looking") == (known["by"], known["with"])
    assert "looking is paused, by ada" in told
    assert "resolute resume looking" in told
    assert 1 == resumed["woken"]
    assert "completed" == (await place.latest("looking"))["status"]
    assert (2, True) == ((end := await place.says("resume", "looking", "--flow"))[0], "is not paused" in end[1])


@pytest.mark.parametrize("paused", ["handing", "looking"])
async def test_a_gate_is_decided_though_what_follows_is_paused(place: Place, paused: str) -> None:
    """Whether the gate's own flow is paused or that of the step behind it: the decision counts, and the rest waits."""
    person = f"ada-{paused}"
    await place.told("pause", paused, "--flow", "--by", person)
    await place.worker.line(f"switches: {paused} is paused, by {person}")
    begun = await place.begun("handing")
    async with asyncio.timeout(PATIENCE):
        while (await place.says("approve", begun, "approve", "--by", "grace"))[0] != 0:
            await asyncio.sleep(0.1)  # the run has not come to its gate
        while not (waiting := await place.latest("looking"))["paused"]:
            await asyncio.sleep(0.1)
        before = await place.told("show", begun)
        await place.told("resume", paused)
        while (await place.latest("handing"))["status"] == "running":
            await asyncio.sleep(0.1)
    after = await place.told("show", begun)

    assert (person, f"flow:{paused}") == (waiting["paused"]["by"], waiting["paused"]["with"])
    assert ("running", "completed") == (before["status"], after["status"])
    assert "all is well" in json.dumps(after)


async def test_everything_is_paused_by_a_yes(place: Place) -> None:
    """Without a terminal to ask on, --all wants --yes; lists of runs say that everything is paused."""
    code, said = await place.says("pause", "--all")
    assert (2, True) == (code, "add --yes" in said)
    await place.told("pause", "--all", "--yes", "--by", "ada")
    assert "everything is paused, by ada" in (await place.says("runs"))[1]
    await place.told("resume", "--all", "--yes")
    assert (2, True) == ((end := await place.says("resume", "--all", "--yes"))[0], "is not paused" in end[1])
    assert (2, True) == ((end := await place.says("pause"))[0], "or --all" in end[1])


async def test_the_brake_is_put_on_and_released_once(place: Place) -> None:
    """The status says who has put the brake on; twice on or twice off is refused."""
    await place.told("brake", "on", "--by", "ada", "--reason", "a bad deploy")
    assert (2, True) == ((end := await place.says("brake", "on"))[0], "on already, by ada" in end[1])
    status = await place.told("brake", "status")
    assert ("ada", "a bad deploy") == (status["brake"]["by"], status["brake"]["reason"])
    await place.told("brake", "off")
    assert (2, True) == ((end := await place.says("brake", "off"))[0], "the brake is not on" in end[1])
    assert "the brake is off" in (await place.says("brake", "status"))[1]
