"""Flows are edited while runs of them are open: `resolute check --against` says which of those the new code breaks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from temporalio.client import Client

from resolute.execution.executor import NodeExecutor
from resolute.temporal.activities.activities import Activities
from resolute.temporal.client.client import start_run
from resolute.temporal.history.open_runs import CheckedRun, check_open_runs
from resolute.temporal.history.runs import RunSummary, describe_run, list_runs
from resolute.temporal.worker import temporal_worker
from resolute_worker.cli.against import code_of
from resolute_worker.discovery import discover
from tests.keys import KEYS
from tests.worker.processes import resolute

FILE = """
from datetime import timedelta
from pydantic import BaseModel
from resolute import branch, child, each, flow, gate, input_data, manual, node, sleep

class Health(BaseModel):
    status: str
    load: float = 0.5

@node
async def measure(host: str) -> Health:
    return Health(status="ok")

@node
async def announce(word: str, room: str = "all") -> str:
    return word

@node
async def retract(word: str) -> str:
    return word

go = manual("go")
seen = measure("web").as_("seen")
told = announce(seen.output.status, room="ops").as_("told")
pause = sleep(timedelta(hours=1)).as_("pause")

before = flow("before").triggered_by(go).then(pause).then(seen).then(told).build()
behind = flow("behind").triggered_by(go).then(seen).then(announce("a").as_("first")).then(pause).then(told).build()
at_gate = flow("at-gate").triggered_by(go).then(gate("sign", ask="?")).then(announce("hi").as_("told")).build()
looping = (
    flow("looping").triggered_by(go)
    .then(each(["a", "b"], lambda word: branch().then(announce(word).as_("said")).then(pause), at_once=2).as_("all"))
    .build()
)
inner = flow("inner").triggered_by(go).then(pause).then(announce("in").as_("told")).build()
outer = flow("outer").triggered_by(go).then(child(inner).as_("ran")).then(retract("out").as_("last")).build()
undone = (
    flow("undone").triggered_by(go)
    .then(measure("db").as_("seen").on_failure(retract("it").as_("back")))
    .then(pause)
    .build()
)
"""
"""Flows that wait before, behind and around what is edited: at a sleep, a gate, in a loop, in a child."""

WAITING = {"before", "behind", "at-gate", "looping", "inner", "outer", "undone"}


@dataclass(frozen=True)
class Open:
    """Runs that are open, of the flows in a file."""

    client: Client
    queue: str
    folder: Path

    async def against(self, text: str) -> dict[str, CheckedRun]:
        """What is found with the edited file, by flow."""
        checked = await check_open_runs(self.client, code_of(discover([self.file(text)])), task_queue=self.queue)
        assert {run.flow for run in checked} == WAITING
        return {run.flow: run for run in checked if run.findings}

    def file(self, text: str) -> Path:
        """The edited file, of a name of its own."""
        file = self.folder / f"edited_{uuid4().hex}.py"
        file.write_text(text)
        return file


@pytest.fixture(scope="module")
async def opened(temporal_client: Client, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Open]:
    """One run of each flow, waiting; those that have run two steps have been continued in a new history."""
    there = Open(temporal_client, uuid4().hex, tmp_path_factory.mktemp("flows"))
    flows = [found.flow for found in discover([there.file(FILE)]).flows]
    activities = Activities(flows, NodeExecutor.for_flows(flows), KEYS)
    worker = temporal_worker(
        there.client, activities, task_queue=there.queue, full=lambda ended: ended >= 2, max_cached_workflows=0
    )
    async with worker:
        starting = [flow for flow in flows if flow.name != "inner"]
        runs = [await start_run(there.client, flow.plan, task_queue=there.queue, keys=KEYS) for flow in starting]
        for run in runs:
            await _waits(there.client, run.workflow_id, "ran" if run.flow == "outer" else "")
        while sorted(WAITING) != sorted(run.flow for run in await _running(there)):
            await asyncio.sleep(0.1)  # the list is told a moment later of a run that has begun, or was continued
    yield there
    for run in await _running(there):
        await there.client.get_workflow_handle(run.workflow_id).terminate()


async def _running(there: Open) -> list[RunSummary]:
    return await list_runs(there.client, task_queue=there.queue, status="running")


async def _waits(client: Client, run: str, step: str) -> None:
    while True:
        report = (await describe_run(client, run)).report
        steps = {each.id.rpartition(".")[2]: each for each in report.steps} if report else {}
        if any(steps[name].status == "running" for name in ("pause", "sign", step) if name in steps):
            return
        await asyncio.sleep(0.1)


def problems(found: dict[str, CheckedRun]) -> dict[str, list[tuple[str, str, str]]]:
    """What was found, by flow: step, node, and the problem."""
    return {flow: [(each.step, each.node, each.problem) for each in run.findings] for flow, run in found.items()}


LOST = FILE.replace('word: str, room: str = "all"', "word: str").replace(', room="ops"', "")
RENAMED = FILE.replace("announce", "proclaim")


async def test_a_lost_parameter_is_named_where_a_step_ahead_gives_it(opened: Open) -> None:
    """Only the runs whose remaining steps give the parameter are named, with the step, the node and what to do."""
    found = await opened.against(LOST)
    problem = "the run's plan gives it 'room', and the node has no such parameter"

    assert {name: [("told", "announce", problem)] for name in ("before", "behind")} == problems(found)
    assert all(run.breaks for run in found.values())
    assert found["before"].findings[0].remedy == "keep the parameter, with a default"


async def test_a_renamed_node_is_named_with_its_new_name(opened: Open) -> None:
    """Every run with a call ahead is named: in a loop, in a child and its parent, behind a gate, but no ended step."""
    found = await opened.against(RENAMED)
    steps = {flow: [each.step for each in run.findings] for flow, run in found.items()}

    assert steps == {
        "before": ["told"],
        "behind": ["told"],
        "at-gate": ["told"],
        "looping": ["said"],
        "inner": ["told"],
    }
    assert "@node(name='announce')" in found["before"].findings[0].remedy


async def test_a_deleted_node_is_named_also_where_it_only_undoes(opened: Open) -> None:
    """A run whose plan would undo a step with a node that is gone is named, with the words that it is for a failure."""
    deleted = FILE.replace('retract("out").as_("last")', 'measure("x").as_("last")')
    deleted = deleted.replace('.on_failure(retract("it").as_("back"))', "")
    deleted = deleted.replace("@node\nasync def retract", "async def retract")
    found = await opened.against(deleted)

    assert {"undone": ["if it fails"], "outer": ["ahead"]} == {
        flow: [each.when for each in run.findings] for flow, run in found.items()
    }
    assert [("back", "retract")] == [(each.step, each.node) for each in found["undone"].findings]


NEEDS_MORE = (
    FILE.replace("(host: str)", "(host: str, port: int)")
    .replace('("web")', '("web", 1)')
    .replace('("db")', '("db", 2)')
)
OTHER_TYPE = FILE.replace("(host: str)", "(host: int)").replace('("web")', "(1)").replace('("db")', "(2)")
NO_FIELD = FILE.replace("    status: str\n", "").replace('status="ok"', "").replace("seen.output.status", '"up"')


@pytest.mark.parametrize(
    ("text", "step", "expected"),
    [
        pytest.param(NEEDS_MORE, "seen", "the node needs 'port'", id="required parameter"),
        pytest.param(OTHER_TYPE, "seen", "valid integer", id="other type"),
        pytest.param(NO_FIELD, "told", "Health has no field 'status'", id="field that is read"),
    ],
)
async def test_only_a_run_that_has_the_step_ahead_is_named(opened: Open, text: str, step: str, expected: str) -> None:
    """What has ended is not run again: an edit of `measure` breaks the one run that has it still ahead."""
    found = await opened.against(text)

    assert {"before": [step]} == {flow: [each.step for each in run.findings] for flow, run in found.items()}
    assert expected in found["before"].findings[0].problem


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("", "", id="nothing"),
        pytest.param('room: str = "all"', 'room: str = "all", loud: bool = False', id="optional parameter"),
        pytest.param("word: str, room", "word: str | int, room", id="wider type"),
        pytest.param("load: float = 0.5", "load: float = 0.5\n    since: str = ''", id="further field"),
        pytest.param("    load: float = 0.5\n", "", id="field that nobody reads"),
        pytest.param(".then(seen).then(told).build()", ".then(seen).build()", id="step taken out of its flow"),
    ],
)
async def test_compatible_edits_break_nothing(opened: Open, old: str, new: str) -> None:
    """Schemas are compared and not digests alone: what every open run can still go on with is no finding."""
    assert old in FILE
    assert {} == problems(await opened.against(FILE.replace(old, new)))


async def test_the_command_ends_with_1_and_with_0_when_the_edit_is_reverted(opened: Open) -> None:
    """`resolute check --against` names the runs and ends with 1; with the file as it was it ends with 0."""
    place = {"RESOLUTE_TASK_QUEUE": opened.queue}
    address = opened.client.service_client.config.target_host
    words = ("check", "--against", address, "--json")
    broken, printed, _ = await resolute(*words, str(opened.file(LOST)), folder=opened.folder, **place)
    fine, _, _ = await resolute(*words, str(opened.file(FILE)), folder=opened.folder, **place)
    found = json.loads(printed)["runs"]

    assert (1, 0) == (broken, fine)
    assert (len(WAITING), ["before", "behind"]) == (found["open"], sorted(run["flow"] for run in found["broken"]))
    assert ["told", "told"] == [each["step"] for run in found["broken"] for each in run["findings"]]
