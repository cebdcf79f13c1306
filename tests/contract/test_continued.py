"""A run that goes on in a new history after every single step ends as it would in one history."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from resolute.memory.runtime import run_in_memory
from resolute.plan.errors import FlowError
from resolute.plan.failing import Failure
from resolute.plan.values import Json
from resolute.running.interpreter import Interpreter
from resolute.running.report import RunReport
from resolute.temporal.activities import Activities
from resolute.temporal.client import start_run
from resolute.temporal.runs import describe_run
from resolute.temporal.worker import temporal_worker
from tests.contract import repeats
from tests.contract.nodes import ALL_ATTEMPTS, called
from tests.contract.runtimes import executor_of
from tests.contract.scenario import Scenario, in_order_of
from tests.keys import KEYS

_BLOCKS = ("repeat-nested", "repeat-fails", "repeat-cancelled", "repeat-beside")
SCENARIOS = tuple(each for each in repeats.SCENARIOS if each.flow.name not in _BLOCKS)

every_scenario = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.flow.name)


def _after_each_step(ended: int) -> bool:
    return ended >= 1


@pytest.fixture(scope="module", params=[1000, 0], ids=["cached", "replaying"])
async def task_queue(request: pytest.FixtureRequest, temporal_client: Client) -> AsyncIterator[str]:
    """A worker that ends every history after one step; the replaying one keeps no run between two tasks."""
    flows = [scenario.flow for scenario in SCENARIOS]
    name = f"continued-{uuid.uuid4().hex[:8]}"
    worker = temporal_worker(
        temporal_client,
        Activities(flows, executor_of(flows), KEYS),
        task_queue=name,
        graceful_shutdown=timedelta(0),
        max_cached_workflows=request.param,
        full=_after_each_step,
    )
    async with worker:
        yield name


@every_scenario
async def test_in_memory(scenario: Scenario) -> None:
    """In memory."""
    (expected,) = scenario.expected
    begun: list[Interpreter] = []
    run_id = uuid.uuid4().hex
    going = asyncio.create_task(
        run_in_memory(
            scenario.flow.plan,
            executor_of([scenario.flow]),
            input_data=scenario.input,
            run_id=run_id,
            begun=begun.append,
            full=_after_each_step,
        )
    )
    for steps in expected.cancelled_at:
        await asyncio.gather(*(called(run_id, step) for step in steps))
        begun[-1].cancel()
    run = await going

    assert len(begun) >= min(len(expected.calls), 2)
    _as_expected(scenario, run.report, run.report.result, ALL_ATTEMPTS[run_id])


@every_scenario
async def test_on_temporal(temporal_client: Client, task_queue: str, scenario: Scenario) -> None:
    """On a server, where each history hands all that is needed to the next."""
    (expected,) = scenario.expected
    run = await start_run(
        temporal_client, scenario.flow.plan, task_queue=task_queue, input_data=scenario.input, keys=KEYS
    )
    result: Json = None
    async with asyncio.timeout(30):
        for steps in expected.cancelled_at:
            await asyncio.gather(*(called(run.workflow_id, step) for step in steps))
            await run.handle.cancel()
        try:
            result = await run.result()
        except FlowError as error:
            failed: FlowError | None = error
        else:
            failed = None
    described = await describe_run(temporal_client, run.workflow_id)
    first = await temporal_client.get_workflow_handle(run.workflow_id, run_id=run.run_id).fetch_history()

    assert described.report is not None
    assert (expected.failure is None) is (failed is None)
    _as_expected(scenario, described.report, result, ALL_ATTEMPTS[run.workflow_id])
    if len(expected.calls) > 1:
        assert EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW == first.events[-1].event_type


def _as_expected(scenario: Scenario, report: RunReport, result: Json, attempts: list[str]) -> None:
    (expected,) = scenario.expected
    told: Failure | None = report.failure

    assert (expected.status, expected.failure, expected.result) == (report.status, told, result)
    assert list(expected.calls) == in_order_of(expected.calls, list(dict.fromkeys(attempts)))
    assert expected.compensation_failures == report.compensation_failures
