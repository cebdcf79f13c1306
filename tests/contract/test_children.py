"""Runs that steps start: what a server and people see of them, and what becomes of them when their run is cancelled."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from io import StringIO
from typing import cast

import pytest
from rich.console import Console
from temporalio.client import Client, WorkflowExecutionStatus

from resolute import Flow, FlowError, child, flow, manual
from resolute.plan.failing import Failure
from resolute.plan.policies import ParentClose
from resolute.temporal.activities.activities import Activities
from resolute.temporal.client.client import RunHandle, start_deployed, start_run
from resolute.temporal.history.runs import describe_run
from resolute.temporal.trust.seals import NO_KEYS, PlanKeys
from resolute.temporal.worker import temporal_worker
from resolute.temporal.workflows.child import child_id
from resolute_worker.cli.showing import rendered_run
from tests.contract.children import broken, drain
from tests.contract.nodes import ALL_ATTEMPTS, called, echo, hang, refuse
from tests.contract.runtimes import executor_of
from tests.keys import KEYS
from tests.patience import PATIENCE

START = manual("start")

slow = (
    flow("slow-drain")
    .triggered_by(manual("slow"))
    .then(echo("done").as_("done").on_failure(echo("undone").as_("undo")))
    .then(hang().as_("hanging"))
    .build()
)
stuck = (
    flow("stuck-drain")
    .triggered_by(manual("stuck"))
    .then(echo("done").as_("done").on_failure(refuse("it stays").as_("undo")))
    .then(hang().as_("hanging"))
    .build()
)


def _running(other: Flow, name: str, parent_close: ParentClose = "cancel") -> Flow:
    return (
        flow(name)
        .triggered_by(START)
        .then(echo("before").as_("before").on_failure(echo("undone").as_("undo_before")))
        .then(child(other, parent_close=parent_close).as_("drain"))
        .build()
    )


cancelling = _running(slow, "cancels-child")
stuck_below = _running(stuck, "cancels-stuck-child")
abandoning = _running(slow, "abandons-child", "abandon")
terminating = _running(slow, "terminates-child", "terminate")
failing = _running(broken, "fails-by-child")
keyless = flow("keyless").triggered_by(START).then(child(drain, {"name": "a"}).as_("drain")).build()
FLOWS = (cancelling, stuck_below, abandoning, terminating, failing, keyless)


@asynccontextmanager
async def _worker(client: Client, keys: PlanKeys, cached: int = 1000) -> AsyncGenerator[str]:
    name = f"children-{uuid.uuid4().hex[:8]}"
    worker = temporal_worker(
        client,
        Activities(FLOWS, executor_of(FLOWS), keys),
        task_queue=name,
        graceful_shutdown=timedelta(0),
        max_cached_workflows=cached,
    )
    async with worker:
        yield name


@pytest.fixture(scope="module", params=[1000, 0], ids=["cached", "replaying"])
async def task_queue(request: pytest.FixtureRequest, temporal_client: Client) -> AsyncIterator[str]:
    """A worker of these flows."""
    async with _worker(temporal_client, KEYS, request.param) as name:
        yield name


async def _cancelled(client: Client, task_queue: str, of: Flow) -> RunHandle:
    """A run that was cancelled while the run of its step was at work."""
    run = await start_run(client, of.plan, task_queue=task_queue, keys=KEYS)
    async with asyncio.timeout(PATIENCE):
        await called(f"{run.workflow_id}/drain", "hanging")
        await run.handle.cancel()
        with pytest.raises(FlowError, match="the run was cancelled"):
            await run.result()
    return run


async def _status(client: Client, workflow_id: str) -> WorkflowExecutionStatus | None:
    return (await client.get_workflow_handle(workflow_id).describe()).status


async def test_cancelled_with_its_run(temporal_client: Client, task_queue: str) -> None:
    """A run that is cancelled cancels the run of its step, and waits until that has undone its work."""
    run = await _cancelled(temporal_client, task_queue, cancelling)
    inner = f"{run.workflow_id}/drain"
    described = await describe_run(temporal_client, run.workflow_id)

    assert WorkflowExecutionStatus.CANCELED == await _status(temporal_client, inner)
    assert ["done", "hanging", "undo"] == ALL_ATTEMPTS[inner]
    assert ["before", "undo_before"] == ALL_ATTEMPTS[run.workflow_id]
    assert described.report is not None
    assert ("cancelled", inner) == (described.report.step("drain").status, described.report.step("drain").run)


async def test_what_could_not_be_undone(temporal_client: Client, task_queue: str) -> None:
    """A run that is cancelled still counts as that, and says what the run of its step could not undo."""
    run = await _cancelled(temporal_client, task_queue, stuck_below)
    described = await describe_run(temporal_client, run.workflow_id)
    below = await describe_run(temporal_client, f"{run.workflow_id}/drain")

    assert described.report is not None
    assert below.report is not None
    assert ("cancelled", "cancelled") == (described.report.status, described.report.step("drain").status)
    told = Failure(step="undo", node="refuse", error_type="TerminalError", message="it stays")
    assert (told,) == below.report.compensation_failures
    assert (told.model_copy(update={"step": "drain.undo"}),) == described.report.compensation_failures


async def test_abandoned(temporal_client: Client, task_queue: str) -> None:
    """A run that is to be abandoned goes on when the run of its step is cancelled, and that does not wait for it."""
    run = await _cancelled(temporal_client, task_queue, abandoning)
    inner = f"{run.workflow_id}/drain"

    assert WorkflowExecutionStatus.RUNNING == await _status(temporal_client, inner)
    await temporal_client.get_workflow_handle(inner).terminate("the test has seen enough")


async def test_cut_off(temporal_client: Client, task_queue: str) -> None:
    """A run that is to be terminated is cut off when the run of its step ends, and undoes nothing."""
    run = await _cancelled(temporal_client, task_queue, terminating)
    inner = f"{run.workflow_id}/drain"
    with pytest.raises(FlowError, match="terminated"):
        await RunHandle(temporal_client.get_workflow_handle(inner), "slow-drain").result()

    assert ["done", "hanging"] == ALL_ATTEMPTS[inner]


async def test_terminated_by_hand(temporal_client: Client, task_queue: str) -> None:
    """A run that somebody terminates fails the step that started it."""
    run = await start_run(temporal_client, cancelling.plan, task_queue=task_queue, keys=KEYS)
    async with asyncio.timeout(PATIENCE):
        await called(f"{run.workflow_id}/drain", "hanging")
        await temporal_client.get_workflow_handle(f"{run.workflow_id}/drain").terminate("by hand")
        with pytest.raises(FlowError, match="TerminatedError: in flow 'slow-drain': its run was terminated"):
            await run.result()
    described = await describe_run(temporal_client, run.workflow_id)

    assert described.report is not None
    assert "failed" == described.report.step("drain").status
    assert ["before", "undo_before"] == ALL_ATTEMPTS[run.workflow_id]


async def test_shown(temporal_client: Client, task_queue: str) -> None:
    """`resolute show` names the run that a step started, and why it failed; that run says who started it."""
    run = await start_run(temporal_client, failing.plan, task_queue=task_queue, keys=KEYS)
    with pytest.raises(FlowError, match="in flow 'broken-drain', step 'refused': no"):
        await run.result()
    console = Console(file=StringIO(), width=200)
    console.print(rendered_run(await describe_run(temporal_client, run.workflow_id)))
    shown = cast("StringIO", console.file).getvalue()
    inner = await describe_run(temporal_client, f"{run.workflow_id}/drain")

    assert f"its run: {run.workflow_id}/drain" in shown
    assert "in flow 'broken-drain', step 'refused': no" in shown
    assert run.workflow_id == inner.summary.started_by


async def test_without_keys(temporal_client: Client) -> None:
    """Without keys a run records the plan of the flow that its step runs as its worker has it, by name alone."""
    async with _worker(temporal_client, NO_KEYS) as name:
        run = await start_deployed(temporal_client, "keyless", task_queue=name)

        assert {"drain": {"host": "a", "weight": 3}} == await run.result()


def test_ids() -> None:
    """The id of a run that a step starts is made of both names, and stays one where they are long."""
    long = child_id("run/1", "a" * 900)

    assert "run/1/drains[3].drain" == child_id("run/1", "drains[3].drain")
    assert len(long) < 200
    assert long != child_id("run/1", "a" * 901)
    assert len(child_id("é" * 400, "b" * 400).encode()) < 1000
