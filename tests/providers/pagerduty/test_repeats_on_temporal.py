"""Every write once more, as a step of a run: the answer is lost, Temporal tries the step again, there is one effect."""

from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from temporalio.client import Client

from resolute import flow, manual
from resolute.execution.executor import NodeExecutor
from resolute.temporal.activities.activities import Activities
from resolute.temporal.client.client import start_run
from resolute.temporal.history.runs import describe_run
from resolute.temporal.worker import queue_worker, temporal_worker
from resolute_pagerduty import PagerDuty
from resolute_pagerduty.simulator import Simulator
from tests.providers.pagerduty.harness import Bench, config_for
from tests.providers.pagerduty.test_every_node import GIVEN
from tests.providers.pagerduty.test_repeats import BY_NAME, EFFECTS, lose_the_answer


@pytest.mark.parametrize("name", EFFECTS)
async def test_temporal_tries_a_lost_write_again(sim: Simulator, tmp_path: Path, temporal_client: Client, name: str):
    """It was carried out, the answer was lost, Temporal tried the step again: there is one of it, the run completes."""
    async with PagerDuty(config_for(sim, settle_seconds=0.1)) as provider:
        await _try_a_lost_write_again(Bench(sim, provider), tmp_path, temporal_client, name)


async def _try_a_lost_write_again(bench: Bench, tmp_path: Path, temporal_client: Client, name: str):
    step = BY_NAME[name](**GIVEN[name](bench.sim, tmp_path)).retry(5, initial=timedelta(milliseconds=50)).as_("write")
    written = flow(f"write-{name}").triggered_by(manual("write")).then(step).build()
    activities = Activities([written], NodeExecutor.for_flows([written], [bench.provider]))
    before = EFFECTS[name](bench.sim)
    lose_the_answer(bench, BY_NAME[name], "reset")
    task_queue = uuid4().hex

    async with AsyncExitStack() as stack:
        await stack.enter_async_context(temporal_worker(temporal_client, activities, task_queue=task_queue))
        for queue, rate in bench.provider.queues().items():
            worker = queue_worker(temporal_client, activities, task_queue=task_queue, queue=queue, per_second=rate)
            await stack.enter_async_context(worker)
        run = await start_run(temporal_client, written.plan, task_queue=task_queue)
        await run.result()
        described = await describe_run(temporal_client, run.workflow_id)

    assert described.report is not None
    assert "completed" == described.report.step("write").status
    assert [] == bench.sim.faults.pending()
    assert before + 1 == EFFECTS[name](bench.sim)
