"""More branches than Temporal lets be at work at the same time."""

from datetime import timedelta
from typing import Final
from uuid import uuid4

import pytest
from temporalio.client import Client

from resolute import flow, manual, node
from resolute.temporal.activities.activities import Activities
from resolute.temporal.client.client import start_run
from resolute.temporal.worker import temporal_worker
from tests.contract.runtimes import executor_of
from tests.keys import KEYS

BRANCHES: Final = 2_100

pytestmark = pytest.mark.soak


@node
async def double(number: int) -> int:
    return 2 * number


async def test_more_branches_than_temporal_takes(temporal_client: Client) -> None:
    """All of them run, a bounded number at a time, and each has its result."""
    branches = (double(number).as_(f"at_{number}") for number in range(BRANCHES))
    wide = flow("wide").triggered_by(manual("start")).then_parallel(*branches).build()
    queue = f"wide-{uuid4().hex[:8]}"
    activities = Activities([wide], executor_of([wide]), KEYS)
    async with temporal_worker(temporal_client, activities, task_queue=queue, graceful_shutdown=timedelta(0)):
        run = await start_run(temporal_client, wide.plan, task_queue=queue, keys=KEYS)
        result = await run.result()

    assert {f"at_{number}": 2 * number for number in range(BRANCHES)} == result
