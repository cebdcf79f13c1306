"""A run that is out of time on Temporal, also where each task replays it and where it is continued."""

import asyncio
import uuid
from datetime import timedelta

import pytest
from temporalio.client import Client

from resolute import flow, manual, sleep
from resolute.plan.errors import RunTimedOutError
from resolute.temporal.activities.activities import Activities
from resolute.temporal.client.client import start_run
from resolute.temporal.history.runs import describe_run
from resolute.temporal.worker import temporal_worker
from tests.contract.nodes import echo, hum
from tests.contract.runtimes import executor_of
from tests.keys import KEYS

slow = (
    flow("slow-on-temporal", within=timedelta(seconds=10))
    .triggered_by(manual("go"))
    .then(echo("first").as_("first").on_failure(echo("undone").as_("undo_first")))
    .then(sleep(timedelta(milliseconds=10)).as_("short"))
    .then_parallel(hum().as_("at_work"), sleep(timedelta(hours=1)).as_("long"))
    .on_failure(echo("told").as_("told"))
    .build()
)


async def test_a_run_out_of_time(temporal_client: Client) -> None:
    """It ends as timed out with its own error, gives up what is at work, and undoes what has completed."""
    # All at the same time: each has the whole time of its run to come to what is given up, on a busy machine too.
    await asyncio.gather(
        _out_of_time(temporal_client, cached=1000, ended=99),
        _out_of_time(temporal_client, cached=0, ended=99),
        _out_of_time(temporal_client, cached=1000, ended=1),
    )


async def _out_of_time(temporal_client: Client, *, cached: int, ended: int) -> None:
    queue = f"within-{uuid.uuid4().hex[:8]}"
    worker = temporal_worker(
        temporal_client,
        Activities([slow], executor_of([slow]), KEYS),
        task_queue=queue,
        graceful_shutdown=timedelta(0),
        max_cached_workflows=cached,
        full=lambda count: count > ended,
    )
    async with worker:
        run = await start_run(temporal_client, slow.plan, task_queue=queue, keys=KEYS)
        with pytest.raises(RunTimedOutError, match="the run was not done within 0:00:10"):
            await run.result()
    described = await describe_run(temporal_client, run.workflow_id)

    assert described.report is not None
    assert ("timed_out", "timed_out") == (described.summary.status, described.report.status)
    assert {
        "first": "completed",
        "undo_first": "completed",
        "short": "completed",
        "parallel": "cancelled",
        "at_work": "cancelled",
        "long": "cancelled",
        "told": "completed",
    } == {step.id: step.status for step in described.report.steps}
