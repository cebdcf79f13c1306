"""Where a node failed: the author's file, line and code, on every runtime, without a secret."""

import uuid
from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client

from resolute import Flow, TerminalError, flow, manual, node, secret
from resolute.plan.policies import Lane
from resolute.temporal.activities.activities import Activities
from resolute.temporal.client.client import start_run
from resolute.temporal.history.runs import describe_run
from resolute.temporal.worker import temporal_worker
from resolute.testing import FlowTester
from tests.contract.nodes import ENVIRONMENT
from tests.contract.runtimes import executor_of
from tests.keys import KEYS


def _find(metrics: dict[str, float]) -> float:
    return metrics["nope"]


@node
def look(token: str) -> float:
    try:
        return _find({})
    except KeyError as error:
        raise TerminalError(f"no such metric, asked with {token}") from error


def _failing(lane: Lane) -> Flow:
    looking = look(secret("TOKEN")).lane(lane).as_("looking")
    return flow(f"failing-{lane}").triggered_by(manual("start")).then(looking).build()


FAILING = (_failing("activity"), _failing("local"))


@pytest.fixture(scope="module")
async def task_queue(temporal_client: Client) -> AsyncIterator[str]:
    """The queue of a worker that has the flows above."""
    queue = f"traces-{uuid.uuid4().hex[:8]}"
    async with temporal_worker(temporal_client, Activities(FAILING, executor_of(FAILING), KEYS), task_queue=queue):
        yield queue


def _is_whole(trace: str) -> None:
    lines = trace.splitlines()

    assert "tests/contract/test_traces.py" in lines[0]
    assert lines[0].endswith("in look")
    assert '    raise TerminalError(f"no such metric, asked with {token}") from error' == lines[1]
    assert "caused by KeyError: 'nope'" in lines
    assert '    return metrics["nope"]' == lines[-1]
    assert ENVIRONMENT["TOKEN"] not in trace


@pytest.mark.parametrize("failing", FAILING, ids=["activity", "local"])
async def test_the_authors_lines_are_recorded(temporal_client: Client, task_queue: str, failing: Flow) -> None:
    """The history, and whatever is read of it, says which line of the author's failed, and what it came from."""
    run = await start_run(temporal_client, failing.plan, task_queue=task_queue, keys=KEYS)
    with pytest.raises(Exception, match="no such metric"):
        await run.result()
    described = await describe_run(temporal_client, run.workflow_id)
    history = await run.handle.fetch_history()
    failed = history.events[-1].workflow_execution_failed_event_attributes.failure

    assert described.report is not None
    _is_whole(described.report.step("looking").trace)
    _is_whole(failed.stack_trace)
    assert not [event for event in history.events if ENVIRONMENT["TOKEN"].encode() in event.SerializeToString()]


@pytest.mark.parametrize("failing", FAILING, ids=["activity", "local"])
async def test_a_tester_shows_the_error_itself(failing: Flow) -> None:
    """In a test, the step has the same lines, and the node's own error is the cause of the run's."""
    tester = FlowTester(failing, env=ENVIRONMENT)
    run = await tester.run()

    assert run.error is not None
    assert isinstance(run.error.__cause__, TerminalError)
    assert "no such metric" in str(run.error.__cause__)
    assert '    return metrics["nope"]' == run.step("looking").trace.splitlines()[-1]
