"""While workers are replaced one by one: a run with its plan, whose local nodes only the newer ones have."""

import asyncio
import json
import uuid
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from temporalio.client import Client, WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, Worker

from resolute import FlowError, State, each, flow, input_data, manual, node
from resolute.execution.executor import NodeExecutor
from resolute.plan.errors import RunCancelledError
from resolute.temporal.activities.activities import Activities
from resolute.temporal.client.client import RunHandle
from resolute.temporal.history.runs import describe_run
from resolute.temporal.values.converting import PLAIN
from resolute.temporal.values.packing import packed
from resolute.temporal.wire.elsewhere import Waits
from resolute.temporal.wire.start import start_argument
from resolute.temporal.worker import temporal_worker
from resolute.temporal.workflows import newer, runtime
from resolute.temporal.workflows.workflow import FlowWorkflow
from resolute.writing.flow import Flow
from tests.contract.handing import handed_back
from tests.contract.nodes import echo, quick
from tests.keys import KEYS
from tests.patience import PATIENCE

START = manual("start")


@node(lane="local", effect="pure")
def novel(value: Any) -> Any:
    """A node that the newer release has."""
    return [value, "new"]


def is_novel(state: State) -> bool:
    """A decision of the newer release."""
    return state["one"] == 1


one = quick(1).as_("one")
late = novel(2).as_("late").retry(1)
EARLIER = flow("earlier").triggered_by(START).then(echo(1).as_("slow")).then(one).build()
SINGLE = flow("single").triggered_by(START).then(echo(1).as_("slow")).then(late).returns(late.output).build()
IN_TURN = flow("in-turn").triggered_by(START).then(one).then(late).returns(late.output).build()
items = each(input_data("numbers"), lambda number: novel(number)).as_("items")
BESIDE = flow("beside").triggered_by(START).then(items).returns(items.output).build()
decided = flow("decided").triggered_by(START).then(one).when(is_novel)
DECIDED = decided.then(quick("yes").as_("two")).end_when().returns("decided").build()
LATER = [SINGLE, IN_TURN, BESIDE, DECIDED]


def _worker(client: Client, task_queue: str, *flows: Flow) -> Worker:
    activities = Activities(flows, NodeExecutor.for_flows(flows), KEYS)
    return temporal_worker(client, activities, task_queue=task_queue, graceful_shutdown=timedelta(0))


async def _started(client: Client, task_queue: str, started: Flow) -> RunHandle:
    """A run with its plan, as a schedule starts it, whose tasks are given to the next worker after a second."""
    given = {"numbers": [1, 2]} if started is BESIDE else None
    handle = await client.start_workflow(
        started.name,
        packed(start_argument(started.plan, given, keys=KEYS)),
        id=uuid.uuid4().hex,
        task_queue=task_queue,
        task_timeout=timedelta(seconds=1),
    )
    return RunHandle(handle, started.name)


async def test_a_newer_worker_that_has_the_node_takes_over(temporal_client: Client) -> None:
    """A run waits for a worker that has its node, be it of one call, a trip, items or a decision, and says so."""
    task_queue = uuid.uuid4().hex
    newer_client = await Client.connect(temporal_client.service_client.config.target_host, data_converter=PLAIN)
    async with _worker(temporal_client, task_queue, EARLIER):
        starts = [partial(_started, temporal_client, task_queue, each) for each in LATER]
        runs = await asyncio.gather(*(handed_back(start) for start in starts))
        waiting = [await describe_run(temporal_client, run.workflow_id) for run in runs]
        newer_worker = _worker(newer_client, task_queue, EARLIER, *LATER)
        taking = asyncio.create_task(newer_worker.run())
    async with asyncio.timeout(PATIENCE):
        results = [await run.result() for run in runs]
    taken = [await describe_run(temporal_client, run.workflow_id) for run in runs]
    markers = [_markers(await run.handle.fetch_history()) for run in runs]
    await newer_worker.shutdown()
    await taking

    said = [each.handed_back for each in waiting]
    assert [[2, "new"], [2, "new"], [[1, "new"], [2, "new"]], "decided"] == results
    assert [("running", None)] * 4 == [(each.summary.status, each.failure) for each in waiting]
    assert ["UnknownNodeError"] * 4 == [each and each.error_type for each in said]
    assert said[0] is not None
    assert said[0].message.startswith("step 'late': no worker that was asked knows node ")
    assert "a run waits for a worker that has it until 5 minutes after its start, here " in said[0].message
    assert [None] * 4 == [each.handed_back for each in taken]
    assert not [each for each in markers if any("failure" in marker for marker in each)]  # what was lost is not kept


@pytest.mark.parametrize("unknown", [SINGLE, IN_TURN], ids=lambda each: each.name)
async def test_a_node_that_no_worker_has(
    temporal_client: Client, monkeypatch: pytest.MonkeyPatch, unknown: Flow
) -> None:
    """A run fails at the step whose node nobody has, after a while, and says what is wrong and until when it waited."""
    monkeypatch.setattr(newer, "TAKEN_OVER", timedelta(seconds=1))
    task_queue = uuid.uuid4().hex
    async with _worker(temporal_client, task_queue, EARLIER):
        run = await _started(temporal_client, task_queue, unknown)
        with pytest.raises(FlowError, match=r"no worker that was asked knows node .* a run waits .*, here .* UTC"):
            await run.result()
    described = await describe_run(temporal_client, run.workflow_id)

    assert ("failed", None) == (described.summary.status, described.handed_back)
    assert described.report is not None
    assert described.failure is not None
    assert ("late", "UnknownNodeError") == (described.failure.step, described.failure.error_type)
    assert described.failure == described.report.failure


@pytest.mark.parametrize("unknown", [SINGLE, IN_TURN], ids=lambda each: each.name)
async def test_a_run_that_waits_can_be_cancelled(temporal_client: Client, unknown: Flow) -> None:
    """Nobody has to wait for the end of a run that no worker can go on with."""
    task_queue = uuid.uuid4().hex
    async with _worker(temporal_client, task_queue, EARLIER):
        run = await handed_back(partial(_started, temporal_client, task_queue, unknown))
        await run.handle.cancel()
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(RunCancelledError):
                await run.result()
    described = await describe_run(temporal_client, run.workflow_id)

    assert ("cancelled", None) == (described.summary.status, described.handed_back)


@pytest.mark.parametrize("unknown", [SINGLE, IN_TURN], ids=lambda each: each.name)
async def test_what_was_failed_at_once_is_failed_again(
    temporal_client: Client, monkeypatch: pytest.MonkeyPatch, unknown: Flow
) -> None:
    """A run replays that an earlier release has failed at once, as what it recorded does not say to wait."""
    monkeypatch.setattr(runtime, "waiting", lambda: None)  # as earlier releases, which told a worker nothing of that
    history = await _failed(temporal_client, unknown)

    assert "UnknownNodeError" in json.dumps(history.to_json_dict())
    assert await _replay(history) is None


@pytest.mark.parametrize("unknown", [SINGLE, IN_TURN], ids=lambda each: each.name)
@pytest.mark.parametrize("late", [False, True], ids=["asked later", "asked before"])
async def test_what_was_failed_is_failed_again(
    temporal_client: Client, monkeypatch: pytest.MonkeyPatch, unknown: Flow, late: bool
) -> None:
    """A run replays that was failed in the end, even by an answer that came when it no longer waited."""
    monkeypatch.setattr(newer, "TAKEN_OVER", timedelta())
    if late:
        monkeypatch.setattr(runtime, "waiting", lambda: Waits(until="12:00:00 UTC", over=False).as_json())
    history = await _failed(temporal_client, unknown)
    own = await _replay(history)
    monkeypatch.undo()
    within = await _replay(history)

    assert own is None
    assert late == isinstance(within, BaseException)  # within its time such a run is not failed


async def _failed(client: Client, unknown: Flow) -> WorkflowHistory:
    task_queue = uuid.uuid4().hex
    async with _worker(client, task_queue, EARLIER):
        run = await _started(client, task_queue, unknown)
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(FlowError, match="UnknownNodeError"):
                await run.result()
    return await run.handle.fetch_history()


async def _replay(history: WorkflowHistory) -> Exception | None:
    replayer = Replayer(workflows=[FlowWorkflow], workflow_runner=UnsandboxedWorkflowRunner(), data_converter=PLAIN)
    return (await replayer.replay_workflow(history, raise_on_replay_failure=False)).replay_failure


def _markers(history: WorkflowHistory) -> list[dict[str, Any]]:
    return [
        event["markerRecordedEventAttributes"]
        for event in history.to_json_dict()["events"]
        if "markerRecordedEventAttributes" in event
    ]
