"""A run that takes another one up at one of its steps begins with what that one had come to before it."""

import asyncio
import uuid
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import Client

from resolute import branch, each, flow, gate, input_data, manual, node, output
from resolute.plan.errors import NodeFailedError, RunCancelledError, TerminalError
from resolute.running.messages import MessageRefusedError
from resolute.temporal.activities.activities import Activities
from resolute.temporal.client.client import RunHandle, start_run
from resolute.temporal.client.control import cancel_run
from resolute.temporal.client.gates import decide_gate, open_gates_in
from resolute.temporal.client.rerun import NotRerunError, prepare_rerun, start_rerun
from resolute.temporal.history.runs import describe_run, list_runs
from resolute.temporal.trust.seals import NO_KEYS
from resolute.temporal.wire.finding import RunKey
from resolute.temporal.worker import temporal_worker
from tests.contract.nodes import called, echo, hum, note
from tests.contract.runtimes import executor_of
from tests.keys import KEYS
from tests.patience import PATIENCE

START = manual("start")

BROKEN: list[str] = []
"""The steps that fail for good, as the test says."""

CALLS: list[str] = []


@node
async def work(value: Any) -> Any:
    """Gives its value, unless the test has broken the step."""
    step = note().step
    CALLS.append(step)
    if step in BROKEN:
        raise TerminalError("broken")
    return value


line = (
    flow("line")
    .triggered_by(START)
    .then(work(1).as_("one"))
    .when(output("one") == 1)
    .then(work(2).as_("two"))
    .then(work(3).as_("three"))
    .end_when()
    .then_parallel(branch().then(work(4).as_("left")).then(work(5).as_("left_too")), work(6).as_("right"))
    .then(work(input_data()).as_("last"))
    .build()
)
listed = work("").as_("inner")
hosts = each(["a", "b", "c"], lambda _: listed, at_once=1).as_("hosts")
fleet = flow("fleet").triggered_by(START).then(hosts).build()
saga = (
    flow("saga")
    .triggered_by(START)
    .then(work(1).as_("one"))
    .then(work(2).as_("two").on_failure(echo("undone").as_("undo_two")))
    .then(work(3).as_("three"))
    .build()
)
asking = flow("asking").triggered_by(START).then_parallel(gate("approve"), work(1).as_("beside")).build()
endless = flow("endless").triggered_by(START).then(hum().as_("at_work")).build()
FLOWS = (line, fleet, saga, asking, endless)


class Runs:
    """Runs on a worker of the test's own."""

    def __init__(self, client: Client, task_queue: str) -> None:
        self.client = client
        self.task_queue = task_queue

    async def fail(self, of: Any, *steps: str, input_data: Any = None) -> RunKey:
        """A run that has failed at the steps, which are mended afterwards."""
        BROKEN[:] = steps
        run = await start_run(self.client, of.plan, task_queue=self.task_queue, input_data=input_data, keys=KEYS)
        with pytest.raises(NodeFailedError):
            await run.result()
        BROKEN.clear()
        CALLS.clear()
        return RunKey(run.workflow_id, run.run_id or "")

    async def rerun(self, key: RunKey, step: str = "", **options: Any) -> RunHandle:
        """Takes a run up again."""
        only, person = options.pop("only", False), options.pop("person", "")
        prepared = await prepare_rerun(self.client, key, step, plan=options.get("plan"))
        given = options.get("input_data", prepared.input)
        return await start_rerun(self.client, prepared, keys=KEYS, input_data=given, only=only, person=person)

    async def decide(self, key: RunKey, by: str, refused: str) -> None:
        """Somebody approves, as soon as the gate is open; `refused` is the beginning of why that does not count."""
        why = ""
        async with asyncio.timeout(PATIENCE):
            while not await open_gates_in(self.client, key):
                await asyncio.sleep(0.05)
        try:
            await decide_gate(self.client, key, "approve", approve=True, by=by, keys=KEYS)
        except MessageRefusedError as error:
            why = str(error)
        assert refused == why[: len(refused)]
        assert bool(refused) is bool(why)


@pytest.fixture
async def runs(temporal_client: Client) -> AsyncGenerator[Runs]:
    """A worker that has the flows."""
    queue = f"rerun-{uuid.uuid4().hex[:8]}"
    activities = Activities(FLOWS, executor_of(FLOWS), KEYS)
    async with temporal_worker(temporal_client, activities, task_queue=queue, graceful_shutdown=timedelta(0)):
        yield Runs(temporal_client, queue)


@pytest.mark.parametrize(
    ("step", "again"),
    [
        ("", ["three", "left", "left_too", "right", "last"]),
        ("three", ["three", "left", "left_too", "right", "last"]),
        ("two", ["two", "three", "left", "left_too", "right", "last"]),
        ("one", ["one", "two", "three", "left", "left_too", "right", "last"]),
    ],
)
async def test_what_is_before_the_step_is_kept(runs: Runs, step: str, again: list[str]) -> None:
    """Steps before it are not called again, also around it; it and all that comes after it are."""
    key = await runs.fail(line, "three", input_data={"x": 1})
    run = await runs.rerun(key, step)
    result = await run.result()

    assert {"one": 1, "two": 2, "three": 3, "left": 4, "left_too": 5, "right": 6, "last": {"x": 1}} == result
    assert sorted(again) == sorted(CALLS)


async def test_what_is_beside_it_is_kept(runs: Runs) -> None:
    """What has completed in a parallel branch beside the step is not called again; another input is read from there."""
    key = await runs.fail(line, "left_too")
    run = await runs.rerun(key, input_data={"x": 2})

    assert {"x": 2} == (await run.result())["last"]  # type: ignore[index,call-overload]  # a JSON object
    assert ["left_too", "last"] == CALLS


async def test_items_beside_it_are_kept(runs: Runs) -> None:
    """The items of a list that have completed are not called again."""
    key = await runs.fail(fleet, "hosts[1].inner")
    await (await runs.rerun(key, "hosts[1].inner")).result()

    assert ["hosts[1].inner", "hosts[2].inner"] == CALLS


async def test_it_is_linked_and_can_be_taken_up_again(runs: Runs) -> None:
    """A list says what the run was a rerun of; a rerun that fails can be rerun."""
    key = await runs.fail(line, "two")
    BROKEN[:] = ["last"]
    second = await runs.rerun(key)
    with pytest.raises(NodeFailedError):
        await second.result()
    BROKEN.clear()
    CALLS.clear()
    third = await runs.rerun(RunKey(second.workflow_id, second.run_id or ""))
    await third.result()
    async with asyncio.timeout(PATIENCE):
        while len(listed := await list_runs(runs.client, task_queue=runs.task_queue)) < 3:
            await asyncio.sleep(0.05)  # Temporal's list lags behind, and announces nothing

    assert ["last"] == CALLS
    assert f"rerun of {key.workflow_id} from two" in [run.started_by for run in listed]


async def test_one_step_alone(runs: Runs) -> None:
    """A try runs the one step, with all that it reads, and nothing behind it; undoing is the other run's own."""
    key = await runs.fail(line, "left_too")
    tried = await runs.rerun(key, "two", only=True)

    assert 2 == await tried.result()
    assert ["two"] == CALLS

    key = await runs.fail(saga, "three")
    CALLS.clear()
    BROKEN[:] = ["two"]
    with pytest.raises(NodeFailedError, match="step 'two'"):
        await (await runs.rerun(key, "two", only=True)).result()
    BROKEN.clear()

    assert ["two"] == CALLS


async def test_who_starts_it_decides_no_gate(runs: Runs) -> None:
    """Who starts a rerun may not decide its gates, and who asked at a gate that goes on may not either."""
    BROKEN[:] = ["beside"]
    first = await start_run(runs.client, asking.plan, task_queue=runs.task_queue, keys=KEYS, person="ada")
    key = RunKey(first.workflow_id, first.run_id or "")
    await runs.decide(key, "ada", "ada asks for what gate 'approve' decides")
    await cancel_run(runs.client, key)
    with pytest.raises(RunCancelledError):
        await first.result()
    BROKEN.clear()
    run = await runs.rerun(key, "beside", person="grace")
    again = RunKey(run.workflow_id, run.run_id or "")
    await runs.decide(again, "ada", "ada asks for what gate 'approve' decides")
    await runs.decide(again, "grace", "grace asks for what gate 'approve' decides")
    await runs.decide(again, "edsger", "")

    assert 1 == (await run.result())["beside"]  # type: ignore[index,call-overload]  # a JSON object


async def test_a_plan_that_was_mended(runs: Runs) -> None:
    """By the newest plan, steps that are new before the step are run, and completed ones are not called again."""
    newest = (
        flow("line")
        .triggered_by(START)
        .then(work(1).as_("one"))
        .then(work("new").as_("new"))
        .then(work(output("one")).as_("two"))
        .build()
    )
    key = await runs.fail(line, "two")
    run = await runs.rerun(key, "two", plan=newest.plan)

    assert {"one": 1, "new": "new", "two": 1} == await run.result()
    assert ["new", "two"] == CALLS


async def test_what_was_undone_cannot_be_kept(runs: Runs) -> None:
    """A run that has undone a step is taken up from there, or not at all."""
    key = await runs.fail(saga, "three")
    with pytest.raises(NotRerunError, match=r"has undone 'two', .* --from two"):
        await prepare_rerun(runs.client, key)
    await (await runs.rerun(key, "two")).result()

    assert ["two", "three"] == CALLS


async def test_what_cannot_be_taken_up(runs: Runs, temporal_client: Client) -> None:
    """Each reason has its error, and nothing is started."""
    key = await runs.fail(line, "two")
    removed = flow("line").triggered_by(START).then(work(1).as_("one")).build().plan
    changed = flow("line").triggered_by(START).then_parallel(work(3).as_("x"), work(2).as_("two")).build().plan
    parallel = changed.steps[0].model_copy(update={"id": "one"})
    for step, plan, said in (
        ("four", None, "has no step 'four'"),
        ("last", None, "never came to step 'last'; it failed at 'two'"),
        ("two", removed, "the newest plan of flow 'line' has no step 'two'"),
        (
            "two",
            changed.model_copy(update={"steps": (parallel,)}),
            "step 'one' was a call in the run and is a parallel",
        ),
    ):
        with pytest.raises(NotRerunError, match=said):
            await prepare_rerun(runs.client, key, step, plan=plan)
    undone = await runs.fail(saga, "three")
    with pytest.raises(NotRerunError, match="name the step that it belongs to"):
        await prepare_rerun(runs.client, undone, "undo_two")
    with pytest.raises(NotRerunError, match="set RESOLUTE_PLAN_KEYS"):
        await start_rerun(runs.client, await prepare_rerun(runs.client, key), keys=NO_KEYS, input_data=None)
    going = await start_run(temporal_client, endless.plan, task_queue=runs.task_queue, keys=KEYS)
    await called(going.run_id or "", "at_work")
    with pytest.raises(NotRerunError, match="is still running: wait until it ends, or cancel it first"):
        await prepare_rerun(runs.client, RunKey(going.workflow_id, going.run_id or ""), "at_work")
    await going.handle.terminate()

    assert [] == CALLS


async def test_a_dry_run_is_taken_up_dry(runs: Runs) -> None:
    """What a dry run made up never reaches a run that writes, whichever plan it is taken up with."""
    CALLS.clear()
    dry = await start_run(runs.client, saga.plan.in_mode("dry"), task_queue=runs.task_queue, keys=KEYS)
    await dry.result()
    run = await runs.rerun(RunKey(dry.workflow_id, dry.run_id or ""), "three", plan=saga.plan)
    await run.result()
    described = await describe_run(runs.client, run.workflow_id)

    assert described.report is not None
    assert ("dry", []) == (described.report.mode, CALLS)


async def test_a_live_run_is_taken_up_dry(runs: Runs) -> None:
    """A dry rerun begins with what the run came to, and writes nothing from there on."""
    key = await runs.fail(line, "three")
    prepared = await prepare_rerun(runs.client, key)
    dry = replace(prepared, plan=prepared.plan.in_mode("dry"))
    run = await start_rerun(runs.client, dry, keys=KEYS, input_data=prepared.input)
    await run.result()
    report = (await describe_run(runs.client, run.workflow_id)).report

    assert report is not None
    assert (2, []) == (report.step("two").output, CALLS)
    assert {"three", "left", "left_too", "right", "last"} == {step.id for step in report.steps if step.not_done}
