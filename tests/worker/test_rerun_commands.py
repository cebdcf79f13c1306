"""Commands that take runs up again, export them and compare them, beside a worker in this process."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import redirect_stderr, redirect_stdout
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from resolute import branch, child, flow, gate, input_data, manual, node, output, repeat
from resolute.execution.executor import NodeExecutor
from resolute.plan.context import current_call
from resolute.plan.errors import TerminalError
from resolute.temporal.activities.activities import Activities
from resolute.temporal.worker import temporal_worker
from resolute.testing import FlowTester, NoAnswerError
from resolute_worker.cli.app import run as command
from resolute_worker.embedded import EmbeddedServer
from tests.keys import KEY, KEYS
from tests.patience import PATIENCE
from tests.worker.listing import listed
from tests.worker.terminal import Ended

BROKEN: list[str] = []
"""The steps that fail for good, as the test says."""

CALLS: list[str] = []


@node
async def work(value: Any) -> Any:
    """Gives its value, unless the test has broken the step."""
    step = current_call().step
    CALLS.append(step)
    if step in BROKEN:
        raise TerminalError("broken")
    return value


@node
async def look() -> int:
    """Gives the number of its turn."""
    step = current_call().step
    CALLS.append(step)
    if step in BROKEN:
        raise TerminalError("broken")
    return int(step.partition("#")[2].partition(".")[0])


START = manual("start")
line = (
    flow("line")
    .triggered_by(START)
    .then(work(1).as_("one"))
    .then(work(input_data()).as_("two"))
    .then(work(output("two")).as_("three"))
    .build()
)
mended = (
    flow("line").triggered_by(START).then(work(1).as_("one")).then(work("mended").as_("two")).then(work(9).as_("four"))
)
looked = look().as_("look")
polling = (
    flow("polling")
    .triggered_by(START)
    .then(repeat(branch().then(looked), until=looked.output == 8, at_most=9).as_("poll"))
    .then(work(output("poll.turns")).as_("told"))
    .build()
)
inner = flow("inner").triggered_by(START).then(work(3).as_("deep")).build()
outer = flow("outer").triggered_by(START).then(child(inner).as_("inner")).then(work(4).as_("after")).build()
asking = flow("asking").triggered_by(START).then(work(1).as_("one")).then(gate("approve")).build()
FLOWS = (line, polling, inner, outer, asking)


class Shell:
    """The command `resolute`, in this process."""

    async def __call__(self, *arguments: str) -> Ended:
        """Runs a command that ends by itself."""
        return await asyncio.to_thread(self._run, arguments)

    def _run(self, arguments: tuple[str, ...]) -> Ended:
        with redirect_stdout(StringIO()) as printed, redirect_stderr(StringIO()) as said:
            code = command(arguments)
        return Ended(code, printed.getvalue(), said.getvalue())

    async def fail(self, name: str, *steps: str, given: Any = None) -> str:
        """A run that has failed at the steps, which are mended afterwards."""
        BROKEN[:] = steps
        ended = await self("run", name, "--input", json.dumps(given), "--json")
        BROKEN.clear()
        CALLS.clear()
        assert 1 == ended.code, ended.said
        return str(ended.json["run"])

    async def result(self, client: Client, *arguments: str) -> Any:
        """The result of the run that a command starts."""
        started = await self(*arguments, "--json")
        assert 0 == started.code, started.said
        return await client.get_workflow_handle(started.json["run"]).result()


@pytest.fixture(scope="module")
async def shell(
    server: EmbeddedServer, client: Client, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Shell]:
    """One worker for all tests, and commands that know its key."""
    queue = f"reruns-{uuid.uuid4().hex[:8]}"
    activities = Activities(FLOWS, NodeExecutor.for_flows(FLOWS), KEYS)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("reruns"))
        patch.setenv("TEMPORAL_ADDRESS", server.address)
        patch.setenv("RESOLUTE_TASK_QUEUE", queue)
        patch.setenv("RESOLUTE_PLAN_KEYS", KEY)
        async with temporal_worker(client, activities, task_queue=queue, graceful_shutdown=timedelta(0)):
            yield Shell()


async def test_a_rerun(shell: Shell, client: Client) -> None:
    """It begins at the step that failed, with the input of the run or another one; what completed is kept."""
    run = await shell.fail("line", "two", given={"x": 1})

    assert {"one": 1, "two": {"x": 1}, "three": {"x": 1}} == await shell.result(client, "rerun", run)
    assert ["two", "three"] == CALLS
    other = await shell.result(client, "rerun", run, "--from", "two", "--input", '{"x": 2}')
    assert {"one": 1, "two": {"x": 2}, "three": {"x": 2}} == other


async def test_a_rerun_from_a_turn(shell: Shell, client: Client) -> None:
    """A turn of a loop is named as in the run; earlier turns are not looked at again."""
    run = await shell.fail("polling", "told")
    result = await shell.result(client, "rerun", run, "--from", "poll#7.look")

    assert ["poll#7.look", "poll#8.look", "told"] == CALLS
    assert (8, 8) == (result["told"], result["poll"]["turns"])


async def test_reruns_in_bulk(shell: Shell, client: Client) -> None:
    """All failed runs of a flow are shown first, and each is started; what cannot be taken up is left out, and said."""
    first, second = [await shell.fail("outer", "after") for _ in "12"]
    await listed(client, first, second, status="Failed")
    selected = ("--flow", "outer", "--status", "failed", "--since", "2h")
    asked = await shell("rerun", *selected)
    assert (2, []) == (asked.code, CALLS)
    for run in (first, second):
        assert run in asked.printed
    assert "Start 2 run(s)? There is no terminal for the question: add --yes" in asked.said

    started = await shell("rerun", *selected, "--yes", "--json")
    for each_run in started.json:
        await client.get_workflow_handle(each_run["run"]).result()

    assert sorted([first, second]) == sorted(each_run["of"] for each_run in started.json)
    assert ["after", "after"] == CALLS
    nowhere = await shell("rerun", *selected, "--from", "deep", "--yes")
    assert 2 == nowhere.said.count("has no step 'deep'")


async def test_children(shell: Shell, client: Client) -> None:
    """A run of another flow is kept with the step that started it, runs again with it, and is tried alone."""
    run = await shell.fail("outer", "after")
    assert {"inner": {"deep": 3}, "after": 4} == await shell.result(client, "rerun", run)
    assert ["after"] == CALLS

    CALLS.clear()
    assert {"inner": {"deep": 3}, "after": 4} == await shell.result(client, "rerun", run, "--from", "inner")
    assert ["deep", "after"] == CALLS

    CALLS.clear()
    tried = await shell("try", "outer", "inner", "--from", run, "--plan", "own", "--yes", "--json")
    assert (0, {"deep": 3}, ["deep"]) == (tried.code, tried.json["result"], CALLS), tried.said


async def test_a_try(shell: Shell) -> None:
    """One step runs with what the run came to before it, and nothing after it; if it fails, the command does."""
    run = await shell.fail("line", "three", given="x")
    tried = await shell("try", "line", "two", "--from", run, "--plan", "own", "--yes", "--json")
    shown = await shell("show", tried.json["run"], "--json")
    BROKEN[:] = ["two"]
    failed = await shell("try", "line", "two", "--from", run, "--plan", "own", "--yes", "--json")
    BROKEN.clear()

    assert (0, "x") == (tried.code, tried.json["result"])
    assert ["two", "two"] == CALLS
    assert ["completed", "completed", "pending"] == [step["status"] for step in shown.json["report"]["steps"]]
    assert (1, "broken") == (failed.code, failed.json["failure"]["message"])


async def test_the_newest_plan(shell: Shell, client: Client) -> None:
    """A plan of a file is gone on by; one that no longer has the step is refused, and nothing starts."""
    Path("mended.py").write_text(
        "from tests.worker.test_rerun_commands import mended\nline = mended.build()\n",
    )
    run = await shell.fail("line", "two")
    newest = ("--plan", "newest", "--file", "mended.py")
    assert {"one": 1, "two": "mended", "four": 9} == await shell.result(client, "rerun", run, *newest)
    assert ["two", "four"] == CALLS

    CALLS.clear()
    later = await shell.fail("line", "three")
    refused = await shell("rerun", later, *newest)
    assert (2, []) == (refused.code, CALLS)
    assert "the newest plan of flow 'line' has no step 'three' (known: four, one, two)" in refused.said
    assert 2 == (await shell("rerun", later, "--file", "mended.py")).code


async def test_who_starts_it(shell: Shell) -> None:
    """Who starts a rerun does not decide its gates: --by, or else the user of the machine."""
    run = await shell.fail("asking", "one")
    again = (await shell("rerun", run, "--by", "ada", "--json")).json["run"]
    async with asyncio.timeout(PATIENCE):
        while again not in [each["run"] for each in (await shell("gates", "asking", "--json")).json]:
            await asyncio.sleep(0.05)
    refused = await shell("approve", again, "approve", "--by", "ada")
    approved = await shell("approve", again, "approve", "--by", "grace")

    assert (1, 0) == (refused.code, approved.code), approved.said
    assert "ada asks for what gate 'approve' decides, and may not decide it" in refused.said


async def test_a_failed_run_becomes_a_test(shell: Shell) -> None:
    """What is exported fails in a test as it failed, and a mended flow runs over the same answers without its nodes."""
    run = await shell.fail("line", "two", given={"x": 1})
    exported = await shell("export", run)
    Path("run.json").write_text(exported.printed)
    failed = await FlowTester.from_run("run.json").run()
    again = FlowTester.from_run("run.json")
    again.answer("two", "from the test")
    tester = FlowTester.from_run("run.json", flow=mended.build())
    tester.clear("two")

    assert ("two", "broken") == (failed.failure and (failed.failure.step, failed.failure.message))
    with pytest.raises(NoAnswerError, match=rf"run {run} has no answer for step 'three' .*which it never called"):
        await again.run()
    again.answer("three", 3)
    assert {"one": 1, "two": "from the test", "three": 3} == (await again.run()).result
    with pytest.raises(NoAnswerError, match=r"no answer for step 'four' .*tester.answer\('four', ...\)"):
        await tester.run()
    tester.clear("four")
    assert {"one": 1, "two": "mended", "four": 9} == (await tester.run()).result


async def test_what_is_exported_is_named_by_its_words(shell: Shell) -> None:
    """A run is one name, a flow follows the word flow, whatever either is called; what fits neither is refused."""
    Path("flows").mkdir(exist_ok=True)
    named = "from resolute import flow, manual\nfrom tests.worker.test_rerun_commands import work\n"
    Path("flows", "named.py").write_text(
        named + 'named = flow("flow").triggered_by(manual("go")).then(work(1).as_("one")).build()\n'
    )
    written = await shell("export", "flow", "flow", "flows")
    as_json = await shell("export", "flow", "flow", "--json")
    no_run = await shell("export", "flow")
    two = await shell("export", "one", "two")

    assert "\nname: flow\n" in written.printed
    assert "flow" == as_json.json["name"]
    assert (2, "Temporal knows no run 'flow'") == (no_run.code, no_run.said.partition(": ")[2][:28])
    assert (2, True) == (two.code, "one run at a time" in two.said)
    assert 2 == (await shell("export", "flow", "flow", "--run-id", "x")).code


async def test_two_runs_are_compared(shell: Shell) -> None:
    """The first step that differs is told by its id in the run, with its values; the exit code says if there is one."""
    failed = await shell.fail("polling", "poll#7.look")
    well, same = [(await shell("run", "polling", "--json")).json["run"] for _ in "12"]
    found = await shell("diff", failed, well, "--json")
    told = await shell("diff", failed, well)
    nothing = await shell("diff", well, same)
    unknown = await shell("diff", well, "nowhere")

    assert (1, 1, 0, 2) == (found.code, told.code, nothing.code, unknown.code)
    assert "poll#7.look" == found.json["first"]["step"]
    assert {"status": ("failed", "completed"), "output": (None, 7), "failure": ("TerminalError: broken", None)} == {
        change["at"]: (change["first"], change["second"]) for change in found.json["first"]["changes"]
    }
    assert ["poll#7.look", "poll#8.look", "poll", "told"] == found.json["steps"]
    assert "first step that differs: poll#7.look" in told.printed
    assert "came to the same, step by step" in nothing.printed


async def test_runs_of_other_plans_are_compared(shell: Shell) -> None:
    """Other plans and inputs are told before the steps."""
    one = (await shell("run", "line", "--input", '{"x": 1}', "--json")).json["run"]
    other = (await shell("run", "line", "--input", '{"x": 2}', "--json")).json["run"]
    plans = (await shell("diff", one, (await shell("run", "outer", "--json")).json["run"], "--json")).json
    inputs = (await shell("diff", one, other, "--json")).json

    assert (False, [{"at": "input.x", "first": 1, "second": 2}]) == (inputs["plans"]["differ"], inputs["given"])
    assert ("two", "input.value.x") == (inputs["first"]["step"], inputs["first"]["changes"][0]["at"])
    assert plans["plans"]["differ"]
    assert [line for line in plans["plans"]["changes"] if line.strip().startswith("+")]


async def test_a_gate_is_rejected(shell: Shell) -> None:
    """`resolute reject` fails the run with who rejected and why; a gate that has been decided is not decided again."""
    run = (await shell("run", "asking", "--no-wait", "--json")).json["run"]
    async with asyncio.timeout(PATIENCE):
        while run not in [each["run"] for each in (await shell("gates", "asking", "--json")).json]:
            await asyncio.sleep(0.05)
    rejected = await shell("reject", run, "approve", "--by", "grace", "--reason", "not on a Friday", "--json")
    again = await shell("reject", run, "approve", "--by", "edsger")
    async with asyncio.timeout(PATIENCE):
        while (shown := (await shell("show", run, "--json")).json)["status"] == "running":
            await asyncio.sleep(0.05)

    assert (0, False, "grace") == (rejected.code, rejected.json["approved"], rejected.json["by"])
    assert 0 != again.code
    assert ("failed", "grace rejected gate 'approve': not on a Friday") == (
        shown["status"],
        shown["report"]["failure"]["message"],
    )
