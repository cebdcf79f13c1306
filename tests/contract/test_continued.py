"""A run that is continued in further histories is one run to everybody who asks for it."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from temporalio.client import Client

from resolute import branch, failure, flow, manual, output, previous
from resolute.memory.runtime import run_in_memory
from resolute.running.outcomes import outcomes_from
from resolute.temporal.activities.activities import Activities
from resolute.temporal.client.client import RunHandle, start_run
from resolute.temporal.client.control import NotRetriedError, cancel_run, retry_run
from resolute.temporal.client.rerun import prepare_rerun
from resolute.temporal.history.runs import RunDescription, RunSummary, describe_run, list_runs
from resolute.temporal.trust.seals import NO_KEYS, PlanKeys
from resolute.temporal.wire.finding import find_run
from resolute.temporal.wire.parts import histories
from resolute.temporal.worker import temporal_worker
from resolute.writing.flow import Flow
from tests.contract.conftest import behind_every_step
from tests.contract.ends import MEGABYTE
from tests.contract.nodes import ATTEMPTS, called, count, double, echo, hum, inflate, quick, refuse, stumble
from tests.contract.runtimes import executor_of
from tests.contract.scenario import BY_HAND
from tests.keys import KEYS
from tests.patience import PATIENCE

START = manual("start")
OTHER = PlanKeys((SecretStr("the-key-that-came-after-the-first-one"), *KEYS.keys))

steps = (
    flow("continued")
    .triggered_by(START)
    .then(double(1).as_("first").on_failure(echo("1").as_("undo_first")))
    .then(stumble(1).as_("second"))
    .when(output("second") == 2)
    .then(quick("three").as_("third"))
    .end_when()
    .build()
)
endless = (
    flow("continued-and-cancelled")
    .triggered_by(START)
    .then(double(1).as_("first").on_failure(echo(failure().message).as_("undo_first")))
    .then_parallel(hum().as_("one"), hum().as_("two"))
    .build()
)
heavy = (
    flow("too-heavy-to-carry")
    .triggered_by(START)
    .then(inflate(MEGABYTE).as_("one"))
    .then(inflate(MEGABYTE + 200_000).as_("two"))
    .then(echo("x").as_("three"))
    .returns(output("three"))
    .build()
)
refused = (
    flow("continued-and-refused")
    .triggered_by(START)
    .then(double(1).as_("first").on_failure(echo("1").as_("undo_first"), echo("2").as_("undo_first_too")))
    .then_parallel(refuse("no").as_("left"), double(2).as_("right").on_failure(echo("3").as_("undo_right")))
    .build()
)
beside = (
    flow("continued-beside-a-failure")
    .triggered_by(START)
    .then_parallel(refuse("no").as_("left"), branch().then(double(1).as_("one")).then(double(2).as_("two")))
    .build()
)
FLOWS = (steps, endless, heavy, refused, beside)


@asynccontextmanager
async def continuing(
    client: Client, task_queue: str, keys: PlanKeys = KEYS, flows: Sequence[Flow] = FLOWS
) -> AsyncGenerator[None]:
    """A worker that continues each run behind every step."""
    activities = Activities(flows, executor_of(flows), keys)
    async with temporal_worker(
        client, activities, task_queue=task_queue, graceful_shutdown=timedelta(0), full=behind_every_step
    ):
        yield


async def _run(client: Client, task_queue: str, started: Flow, keys: PlanKeys = KEYS) -> RunHandle:
    return await start_run(client, started.plan, task_queue=task_queue, keys=keys, started_by="a test")


async def _parts(client: Client, run: RunHandle) -> list[str]:
    """The run ids of a run's histories, which say it themselves: Temporal's list lags behind."""
    latest = (await client.get_workflow_handle(run.workflow_id).describe()).run_id
    parts = await histories(client, run.workflow_id, latest, most=100)
    return [part[0].workflow_execution_started_event_attributes.original_execution_run_id for part in parts]


async def test_it_is_listed_and_found_once(temporal_client: Client) -> None:
    """Lists hold the run once, with who started it and when it first began; each of its run ids finds it whole."""
    queue = f"continued-{uuid.uuid4().hex[:8]}"
    async with continuing(temporal_client, queue):
        run = await _run(temporal_client, queue, steps)
        await run.result()
        found: list[RunDescription] = []
        parts = await _parts(temporal_client, run)
        for run_id in parts:
            key = await find_run(temporal_client, run.workflow_id, run_id)
            found.append(await describe_run(temporal_client, key.workflow_id, key.run_id))
        listed = await _listed(temporal_client, queue)
        first = await temporal_client.get_workflow_handle(run.workflow_id, run_id=run.run_id).describe()

    assert 3 <= len(parts)
    assert [("completed", "a test")] == [(each.status, each.started_by) for each in listed]
    assert 1 == len({each.summary.run_id for each in found})
    assert first.start_time == listed[0].started_at == found[0].summary.started_at


async def test_it_is_shown_whole(temporal_client: Client) -> None:
    """What steps of earlier histories were given, how often they were tried and what conditions saw is shown."""
    queue = f"continued-{uuid.uuid4().hex[:8]}"
    async with continuing(temporal_client, queue):
        run = await _run(temporal_client, queue, steps)
        await run.result()
        report = (await describe_run(temporal_client, run.workflow_id)).report

    assert report is not None
    assert {"number": 1} == report.step("first").arguments
    assert [1] == [attempt.number for attempt in report.step("second").attempts]
    assert [{"second": 2}] == [dict(step.compared) for step in report.steps if step.kind == "when"]
    assert "three" == report.step("third").output


async def _listed(client: Client, queue: str) -> list[RunSummary]:
    """The runs of a queue as they are listed once all of them are listed as ended: a list is behind what it lists."""
    async with asyncio.timeout(PATIENCE):
        while not (found := await list_runs(client, task_queue=queue)) or "running" in [run.status for run in found]:
            await asyncio.sleep(0.05)
    return found


async def test_a_cancel_finds_it(temporal_client: Client) -> None:
    """A run is cancelled by the run id that it was started with, and counts as cancelled when it has been undone."""
    queue = f"continued-{uuid.uuid4().hex[:8]}"
    async with continuing(temporal_client, queue):
        run = await _run(temporal_client, queue, endless)
        for step in ("one", "two"):
            await called(run.run_id or "", step)
        await cancel_run(temporal_client, await find_run(temporal_client, run.workflow_id, run.run_id))
        await _ended(run)
        (listed,) = await _listed(temporal_client, queue)
        report = (await describe_run(temporal_client, run.workflow_id)).report

    assert report is not None
    assert "cancelled" == listed.status == report.status
    assert "completed" == report.step("undo_first").status


async def test_a_failed_run_is_undone_in_further_histories(temporal_client: Client) -> None:
    """Undo steps run once each, last first, wherever the history ends between them."""
    queue = f"continued-{uuid.uuid4().hex[:8]}"
    async with continuing(temporal_client, queue):
        run = await _run(temporal_client, queue, refused)
        await _ended(run)

    assert ["undo_right", "undo_first", "undo_first_too"] == [
        step for step in ATTEMPTS[run.run_id or ""] if step.startswith("undo")
    ]


async def test_what_failed_in_an_earlier_history(temporal_client: Client) -> None:
    """A step that failed before the run was continued cannot be tried again in it: a rerun is, and is named."""
    queue = f"continued-{uuid.uuid4().hex[:8]}"
    async with continuing(temporal_client, queue):
        run = await _run(temporal_client, queue, beside)
        await _ended(run)
        key = await find_run(temporal_client, run.workflow_id)
        with pytest.raises(
            NotRetriedError, match=rf"failed at step 'left' before the run was .* `resolute rerun {key.workflow_id}`"
        ):
            await retry_run(temporal_client, key)
        assert key == await find_run(temporal_client, run.workflow_id)
        assert "left" == (await prepare_rerun(temporal_client, key)).step


async def test_a_key_is_replaced_meanwhile(temporal_client: Client) -> None:
    """A run that began with one key goes on with the next: each history is sealed by the newest key of its worker."""
    queue = f"continued-{uuid.uuid4().hex[:8]}"
    run = await _run(temporal_client, queue, steps)
    async with continuing(temporal_client, queue, OTHER):
        assert {"first": 2, "second": 2, "third": "three"} == await run.result()
        last = await temporal_client.get_workflow_handle(run.workflow_id).fetch_history()
        payload = last.events[0].workflow_execution_started_event_attributes.input.payloads[0]
        (argument,) = await temporal_client.data_converter.decode([payload])

    assert OTHER.sealing_id == argument["resolute"]["seal"].partition(":")[0]


async def test_without_keys(temporal_client: Client) -> None:
    """A run of workers without keys is continued by the plan that it began with."""
    queue = f"continued-{uuid.uuid4().hex[:8]}"
    run = await _run(temporal_client, queue, steps, NO_KEYS)
    async with continuing(temporal_client, queue, NO_KEYS):
        assert {"first": 2, "second": 2, "third": "three"} == await run.result()
    assert 3 <= len(await _parts(temporal_client, run))


async def test_a_stranger_cannot_pretend_to_continue(temporal_client: Client) -> None:
    """Without keys a start that brings a plan and outcomes of its own is refused: it continues nothing."""
    queue = f"continued-{uuid.uuid4().hex[:8]}"
    carried = steps.plan.model_dump(mode="json")
    forged = {"plan": carried, "seal": None, "earlier": {"outcomes": {"kept": {"outputs": {"first": 9}}}}}
    async with continuing(temporal_client, queue, NO_KEYS):
        handle: Any = await temporal_client.start_workflow(
            "continued", {"resolute": forged, "input": None}, id=f"forged-{uuid.uuid4().hex}", task_queue=queue
        )
        error = await _ended(RunHandle(handle, "continued"))

    assert "UnsealedPlanError" in error


async def test_what_is_too_large_to_carry(temporal_client: Client) -> None:
    """A run whose outcomes Temporal would not take keeps its history, and ends as every other run."""
    queue = f"continued-{uuid.uuid4().hex[:8]}"
    async with continuing(temporal_client, queue):
        run = await _run(temporal_client, queue, heavy)

        assert "x" == await run.result()
    assert ["one", "two", "three"] == ATTEMPTS[run.run_id or ""]


async def test_a_choice_is_made_once() -> None:
    """A `when` that a run has passed keeps to its choice, and its steps are told as they were."""
    chosen = (
        flow("chosen")
        .triggered_by(START)
        .then(double(1).as_("one"))
        .when(output("one") == 2)
        .then(double(2).as_("two"))
        .otherwise()
        .then(double(3).as_("three"))
        .end_when()
        .then(double(4).as_("four"))
        .build()
    )
    run = await run_in_memory(chosen.plan, executor_of([chosen]), full=behind_every_step)

    assert ["one", "two", "four"] == [call.step for call in run.calls]
    assert [("when", "completed", "then"), ("three", "skipped", None)] == [
        (step.id, step.status, step.taken) for step in run.report.steps if step.id in {"when", "three"}
    ]


async def test_memory_without_an_earlier_run() -> None:
    """The first run of a schedule knows of none before it in all of its histories."""
    counted = count(None).as_("counted")
    remembers = (
        flow("remembers-nothing-yet")
        .triggered_by(BY_HAND)
        .then(counted)
        .then(echo(previous(counted.output)).as_("before"))
        .build()
    )
    run = await run_in_memory(remembers.plan, executor_of([remembers]), full=behind_every_step)

    assert {"counted": 1, "before": None} == run.report.result
    assert run.memory is not None
    assert 1 == run.memory.run


def test_outcomes_are_read_as_they_were_written() -> None:
    """What a run is continued with survives being written down and read, twice."""
    written: dict[str, Any] = {
        "kept": {"outputs": {"a": 1}, "done": ["when"], "parts": {"when": True}, "inner": {"each[3]": {"done": ["x"]}}},
        "told": {"a": {"status": "completed"}},
        "undo": [],
        "ending": {
            "error": {"type": "PayloadTooLargeError", "message": "too much", "trace": ""},
            "done": 1,
            "failed": [],
        },
        "warnings": ["w"],
    }
    once = outcomes_from(written).as_json()

    assert {key: value for key, value in written.items() if value} == once == outcomes_from(once).as_json()


async def _ended(run: RunHandle) -> str:
    try:
        await run.result()
    except Exception as error:
        return str(error)
    raise AssertionError("it completed")
