"""What only a server can show: other clients, cancellation, and which worker knows what."""

import asyncio
import uuid
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from temporalio.client import WorkflowHandle

from resolute import flow, manual
from resolute.plan.plan import INTERPRETER, Plan
from resolute.running import interpreter
from resolute.temporal.client.client import RunHandle
from resolute.temporal.history.runs import describe_run
from resolute.temporal.wire.start import RECORD_PLAN, start_argument
from resolute.temporal.workflows import newer
from tests.contract.catalogue import SCENARIOS
from tests.contract.handing import handed_back
from tests.contract.nodes import called, double, echo, hang, inflate, quick
from tests.contract.runtimes import TemporalScenarios
from tests.keys import KEYS
from tests.patience import PATIENCE

START = manual("start")

waiting = (
    flow("waiting")
    .triggered_by(START)
    .then(double(1).as_("before").on_failure(echo("undone").as_("undo")))
    .then_parallel(hang().as_("one"), hang().as_("other"), quick(2).as_("beside"))
    .then(echo("never").as_("after"))
    .build()
)


heavy = (
    flow("heavy")
    .triggered_by(START)
    .then(inflate(1_000_000).as_("one"))
    .then(inflate(1_000_000).as_("two"))
    .then(inflate(1_000_000).as_("three"))
    .returns("done")
    .build()
)


def _plan(name: str) -> Plan:
    return next(scenario.flow.plan for scenario in SCENARIOS if scenario.flow.name == name)


async def _started_elsewhere(temporal: TemporalScenarios, flow_name: str, *arguments: Any) -> RunHandle:
    handle: WorkflowHandle[Any, Any] = await temporal.client.start_workflow(
        flow_name, args=arguments, id=f"elsewhere-{uuid.uuid4().hex}", task_queue=temporal.task_queue
    )
    return RunHandle(handle, flow_name)


async def test_a_run_without_a_plan(temporal: TemporalScenarios) -> None:
    """A run that another client starts with its input alone records its plan, and ends like every other."""
    contact = {"name": "Ada", "phones": ["110"]}
    given = {"contact": contact, "at": "2026-01-01T00:00:00Z", "extra": {"floor": 1}}
    outcome = await temporal.outcome(await _started_elsewhere(temporal, "typed-input", given))
    markers = [event for event in outcome.events if event.HasField("marker_recorded_event_attributes")]

    assert outcome.report.result == {"greeting": "hello Ada", "called": contact}
    assert _plan("typed-input").fingerprint == outcome.report.fingerprint
    assert RECORD_PLAN.encode() in markers[0].SerializeToString()


async def test_a_run_without_anything(temporal: TemporalScenarios) -> None:
    """A run that another client starts without an argument is a run without input."""
    outcome = await temporal.outcome(await _started_elsewhere(temporal, "named"))

    assert "completed" == outcome.report.status


async def test_a_plan_of_a_newer_engine(temporal: TemporalScenarios, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of a plan that no worker can run fails after a while and says what to do, and runs nothing of it."""
    monkeypatch.setattr(newer, "TAKEN_OVER", timedelta(seconds=1))
    outcome = await temporal.outcome(await _started_impatiently(temporal, _newer("sequence")))

    assert f"needs interpreter 99, this worker has {INTERPRETER}: deploy the newer worker" in str(outcome.error)
    assert [] == outcome.attempts


async def test_a_newer_worker_takes_over(temporal: TemporalScenarios, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of a plan that a worker cannot run waits for a newer worker to replace it, and completes there."""
    run = await handed_back(partial(_started_impatiently, temporal, _newer("sequence")))
    monkeypatch.setattr(interpreter, "INTERPRETER", 99)
    outcome = await temporal.outcome(run)

    assert outcome.error is None
    assert "completed" == outcome.report.status


def _newer(name: str) -> Plan:
    return _plan(name).model_copy(update={"interpreter": 99})


async def _started_impatiently(temporal: TemporalScenarios, plan: Plan) -> RunHandle:
    """A run whose tasks are given to the next worker after a second, and not after ten."""
    handle = await temporal.client.start_workflow(
        plan.name,
        start_argument(plan, None, keys=KEYS),
        id=uuid.uuid4().hex,
        task_queue=temporal.task_queue,
        task_timeout=timedelta(seconds=1),
    )
    return RunHandle(handle, plan.name)


async def test_a_cancelled_run(temporal: TemporalScenarios) -> None:
    """A cancelled run ends in seconds, however long its steps would take: nothing more is called but what undoes."""
    run = await temporal.start(waiting.plan)
    assert run.run_id
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(called(run.run_id, step) for step in ("one", "other", "beside")))
        await run.handle.cancel()
        outcome = await temporal.outcome(run)

    assert "the run was cancelled" == str(outcome.error)
    assert "cancelled" == outcome.report.status
    assert {
        "before": "completed",
        "undo": "completed",
        "parallel": "cancelled",
        "one": "cancelled",
        "other": "cancelled",
        "after": "pending",
    } == {step.id: step.status for step in outcome.report.steps if step.id != "beside"}
    assert {"before", "one", "other", "beside", "undo"} == set(outcome.first_calls)


async def test_a_run_at_work(temporal: TemporalScenarios) -> None:
    """While a run goes on, its history and the run itself say the same of what has happened and what is at work."""
    run = await temporal.start(waiting.plan)
    assert run.run_id
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(called(run.run_id, step) for step in ("one", "other", "beside")))
        described = await describe_run(temporal.client, run.workflow_id)
        queried = await run.handle.query("status")
        await run.handle.terminate("the test has seen enough")
        ended = await describe_run(temporal.client, run.workflow_id)

    assert described.report is not None
    assert ended.report is not None
    assert "running" == described.report.status
    for step in ("before", "one", "other", "after"):
        assert described.report.step(step).status == _queried_status(queried, step)
    assert ("running", "cancelled") == (described.report.step("one").status, ended.report.step("one").status)
    assert "terminated" == ended.report.status


async def test_a_run_with_large_outputs(temporal: TemporalScenarios) -> None:
    """A run whose outputs are together larger than an answer of Temporal's still says how its steps stand."""
    outcome = await temporal.outcome(await temporal.start(heavy.plan))

    assert "done" == outcome.report.result
    assert outcome.queried is not None
    assert ["completed"] * 3 == [_queried_status(outcome.queried, step) for step in ("one", "two", "three")]
    assert 1_000_000 == len(str(outcome.report.step("three").output))


def _queried_status(queried: Any, step_id: str) -> str:
    return next(step["status"] for step in queried["steps"] if step["id"] == step_id)
