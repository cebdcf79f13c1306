"""A step deep inside of loops has a longer id than Temporal takes, and is run, shown and retried like any other."""

import uuid
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import Client

from resolute import each, flow, manual, node
from resolute.plan.errors import NodeError, NodeFailedError, TerminalError
from resolute.temporal.activities.activities import Activities
from resolute.temporal.client.client import start_run
from resolute.temporal.client.control import retry_run
from resolute.temporal.history.runs import describe_run
from resolute.temporal.wire.finding import RunKey
from resolute.temporal.wire.ids import activity_id
from resolute.temporal.worker import temporal_worker
from resolute.writing.kinds.each import EachStep
from tests.contract.nodes import note
from tests.contract.runtimes import executor_of
from tests.keys import KEYS

BROKEN: list[str] = []

LETTERS = "abcdef"


@node
async def work(value: str) -> str:
    """Fails once by chance, and for good where the test has broken it."""
    call = note()
    if value in BROKEN:
        raise TerminalError("broken")
    if call.attempt == 1:
        raise NodeError("once more")
    return value


def nested(lane: str) -> EachStep[Any]:
    """Six loops of long names around a call; its ids are longer than 1,000 characters."""
    call = work("x").retry(attempts=2, initial=timedelta(milliseconds=1)).as_("w" * 90)
    step: EachStep[Any] = each(["a", "b"], lambda _: call if lane == "activity" else call.lane("local")).as_("a" * 200)
    for number in range(1, 6):
        step = each(["c"], lambda _, inner=step: inner).as_(LETTERS[number] * 200)
    return step


FLOWS = {
    "activity": flow("deep-activities").triggered_by(manual("start")).then(nested("activity")).build(),
    "local": flow("deep-local").triggered_by(manual("start")).then(nested("local")).build(),
}
PATH = "".join(f"{LETTERS[number] * 200}[0]." for number in (5, 4, 3, 2, 1))


@pytest.fixture
async def task_queue(temporal_client: Client) -> AsyncGenerator[str]:
    """The task queue of a worker that has the flows."""
    queue = f"long-{uuid.uuid4().hex[:8]}"
    activities = Activities(list(FLOWS.values()), executor_of(list(FLOWS.values())), KEYS)
    async with temporal_worker(temporal_client, activities, task_queue=queue, graceful_shutdown=timedelta(0)):
        yield queue


@pytest.mark.parametrize("lane", ["activity", "local"])
async def test_a_long_id(temporal_client: Client, task_queue: str, lane: str) -> None:
    """Each item's step runs, is sealed and tried again under an id of its own, and is shown by its whole name."""
    run = await start_run(temporal_client, FLOWS[lane].plan, task_queue=task_queue, keys=KEYS)
    result = await run.result()
    report = (await describe_run(temporal_client, run.workflow_id)).report
    assert report is not None
    steps = [report.step(f"{PATH}{'a' * 200}[{number}].{'w' * 90}") for number in (0, 1)]

    assert 1000 < len(steps[0].id)
    assert {"f" * 200: [[[[[["x", "x"]]]]]]} == result
    assert [("completed", {"value": "x"}, "x")] * 2 == [(step.status, step.arguments, step.output) for step in steps]
    assert [1, 1] == [len(step.attempts) for step in steps]


async def test_a_long_id_is_retried(temporal_client: Client, task_queue: str) -> None:
    """A run that failed at such a step goes on from there, and names the step whole."""
    BROKEN.append("x")
    run = await start_run(temporal_client, FLOWS["activity"].plan, task_queue=task_queue, keys=KEYS)
    with pytest.raises(NodeFailedError):
        await run.result()
    BROKEN.clear()
    key, step = await retry_run(temporal_client, RunKey(run.workflow_id, run.run_id or ""))
    result = await temporal_client.get_workflow_handle(key.workflow_id, run_id=key.run_id).result()

    # Whichever of the two has failed first.
    assert step in [f"{PATH}{'a' * 200}[{number}].{'w' * 90}" for number in (0, 1)]
    assert {"f" * 200: [[[[[["x", "x"]]]]]]} == result


def test_ids_that_fit_are_left_alone() -> None:
    """An id of up to 1,000 bytes is the step's own, for old histories; a longer one is told from all others."""
    fits, long, other = "a" * 1000, "ü" * 501, "ü" * 502

    assert fits == activity_id(fits)
    assert activity_id(long) != activity_id(other)
    assert len(activity_id(long).encode()) <= 1000
    assert activity_id(long) == activity_id(activity_id(long))
