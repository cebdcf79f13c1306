"""Every edit of a flow while a run of it waits in every way: the run ends by its own plan, in a new worker process."""

import asyncio
import importlib.util
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio.client import Client

from resolute import Flow
from resolute.plan.errors import FlowError
from resolute.plan.values import Json
from resolute.running.messages import Message, MessageRefusedError
from resolute.temporal.client.client import RunHandle, start_run
from resolute.temporal.client.standing import decide_held
from resolute.temporal.history.runs import describe_run
from resolute.temporal.trust.seals import NO_KEYS
from resolute.temporal.wire.finding import RunKey
from resolute.temporal.wire.messages import ask_run
from resolute.temporal.workflows.child import child_id
from tests.acceptance.edited_flows import BEHIND, CALLED, EDITS, RESULTS, WAITS, file_of, name_of
from tests.worker.processes import started

WAKE = timedelta(seconds=30)
"""How long the runs sleep that sleep: longer than they take to come to it."""
_PATIENCE = 840
pytestmark = pytest.mark.timeout(900)


@dataclass(frozen=True)
class Ended:
    """What came of a run: its result, or why it failed, the calls in their order, and whose plan it reports."""

    result: Json
    calls: list[str]
    fingerprint: str


@dataclass(frozen=True)
class Runs:
    """The runs of all cells, by the name of the flow."""

    client: Client
    folder: Path
    runs: Mapping[str, RunHandle]
    looking: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(4))

    async def wait(self) -> None:
        """Waits until each waits."""
        await asyncio.gather(
            *(
                self._reaches(name_of(wait, edit), "waiting", "held" if wait == "hold" else "running")
                for wait in WAITS
                for edit in EDITS
            )
        )

    async def let_go(self) -> None:
        """Gives each what it waits for."""
        (self.folder / "open").touch()
        await asyncio.gather(*(self._let_go(wait, name_of(wait, edit)) for wait in WAITS for edit in EDITS))

    async def ended(self, name: str) -> Ended:
        """Waits for the end of a run."""
        run = self.runs[name]
        try:
            result = await run.result()
        except FlowError as error:
            result = str(error)
        report = (await describe_run(self.client, run.workflow_id)).report
        calls = (self.folder / run.workflow_id.split("/")[1][:16]).read_text().split("\n")[:-1]
        return Ended(_without_times(result), calls, report.fingerprint if report else "")

    async def _reaches(self, name: str, step: str, status: str) -> None:
        while True:
            async with self.looking:
                report = (await describe_run(self.client, self.runs[name].workflow_id)).report
            # Where the machine is so slow that a sleep is over by now, its run waits at the gate behind it.
            if report is not None and report.step(step).status in (status, "completed"):
                return
            await asyncio.sleep(1)

    async def _let_go(self, wait: str, name: str) -> None:
        run = self.runs[name]
        key = RunKey(run.workflow_id, run.run_id or "")
        match wait:
            case "gate":
                await self._approve(key, "waiting")
            case "wait_for" | "repeat":
                await self._tell(key)
            case "each":
                await self._tell(key)
                await self._tell(key)
            case "child":
                inner = child_id(run.workflow_id, "waiting")
                described = await self.client.get_workflow_handle(inner).describe()
                await self._tell(RunKey(inner, described.run_id))
            case "hold":
                await decide_held(self.client, key, "waiting", "retry", by="ada", keys=NO_KEYS)
            case _:
                pass  # a file, or time
        await self._approve(key, "sign")

    async def _tell(self, key: RunKey) -> None:
        message = Message(to="event:told", word="tell", id=uuid.uuid4().hex, data={"number": 1})
        await ask_run(self.client, key, message, NO_KEYS)

    async def _approve(self, key: RunKey, gate: str) -> None:
        said: Json = {"reason": "", "form": {"reason": "tried"}}
        while True:
            message = Message(to=f"gate:{gate}", word="approve", id=uuid.uuid4().hex, data=said, by="ada")
            try:
                await ask_run(self.client, key, message, NO_KEYS)
            except MessageRefusedError as error:
                if "has no open gate" not in str(error):
                    raise  # else the run has not come to it yet
                await asyncio.sleep(1)
            else:
                return


def _given() -> Json:
    return {"wake": (datetime.now(UTC) + WAKE).isoformat()}


def _without_times(result: Json) -> Json:
    """A result with what a form holds alone, of the gates in it: a gate also tells who approved it, and when."""
    if not isinstance(result, dict):
        return result
    return {
        name: value["form"] if isinstance(value, dict) and "form" in value else value for name, value in result.items()
    }


def flows_in(file: Path) -> dict[str, Flow]:
    """The flows of a file, by their names."""
    spec = importlib.util.spec_from_file_location(f"edited_{uuid.uuid4().hex}", file)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {flow.name: flow for flow in vars(module).values() if isinstance(flow, Flow)}


@pytest.fixture(scope="module")
async def ended(tmp_path_factory: pytest.TempPathFactory, temporal_client: Client) -> Mapping[str, Ended]:
    """All runs: begun and brought to their waits by one process, let go and ended by another one with the edits."""
    folder = tmp_path_factory.mktemp("edits")
    file, seen, queue = folder / "edited.py", folder / "seen", uuid.uuid4().hex
    seen.mkdir()
    place = {
        "TEMPORAL_ADDRESS": temporal_client.service_client.config.target_host,
        "RESOLUTE_TASK_QUEUE": queue,
        "RESOLUTE_HTTP_PORT": "0",
        "RESOLUTE_FLOWS": str(file),
        "SEEN": str(seen),
    }
    file.write_text(file_of(edited=False))
    flows = flows_in(file)
    names = [name_of(wait, edit) for wait in WAITS for edit in EDITS]
    async with asyncio.timeout(_PATIENCE):
        async with started("worker", folder=folder, **place) as worker:
            await worker.url()
            runs = Runs(
                temporal_client,
                seen,
                {
                    name: await start_run(temporal_client, flows[name].plan, task_queue=queue, input_data=_given())
                    for name in sorted(names, key=lambda name: name.startswith("sleep-"))  # which begin last
                },
            )
            await runs.wait()
            await worker.stopped()
        file.write_text(file_of(edited=True))
        edited = flows_in(file)
        assert [] == [name for name in names if flows[name].plan.fingerprint == edited[name].plan.fingerprint]
        async with started("worker", folder=folder, **place) as worker:
            await worker.url()
            await runs.let_go()
            came = await asyncio.gather(*(runs.ended(name) for name in names))
    # Its own plan is the one that it was begun with, whatever the file says now.
    assert [flows[name].plan.fingerprint for name in names] == [each.fingerprint for each in came]
    return dict(zip(names, came, strict=True))


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("wait", WAITS)
async def test_a_run_ends_by_its_own_plan(ended: Mapping[str, Ended], wait: str, edit: str) -> None:
    """It calls the steps of the plan that it was begun with, in their order, and its result is that plan's."""
    came = ended[name_of(wait, edit)]

    assert ["first", *CALLED[wait], *BEHIND] == came.calls
    assert RESULTS[wait] == came.result
