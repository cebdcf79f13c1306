"""A workflow task that takes long, as on a machine that is busy, is not given up and done again."""

from __future__ import annotations

import asyncio
import time
import uuid
from datetime import timedelta

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from resolute import flow, manual
from resolute.temporal.activities.activities import Activities
from resolute.temporal.client.client import start_run
from resolute.temporal.worker import temporal_worker
from tests.contract.nodes import echo
from tests.contract.runtimes import executor_of
from tests.keys import KEYS
from tests.patience import PATIENCE

slow = flow("slow").triggered_by(manual("go")).then(echo("said")).then(echo("said again").as_("again")).build()

LONG = 2.3  # the SDK's own limit is 2


async def test_a_task_that_takes_long(temporal_client: Client) -> None:
    """What the SDK takes for a deadlock after 2 seconds is a slow machine: the run goes on, where it was stuck."""
    slept: list[int] = []

    def full(ended: int) -> bool:
        if not slept:
            slept.append(ended)
            time.sleep(LONG)  # as code of a run that waits for its processor
        return False

    worker = temporal_worker(
        temporal_client,
        Activities([slow], executor_of([slow]), KEYS),
        task_queue=(queue := uuid.uuid4().hex),
        graceful_shutdown=timedelta(0),
        full=full,
    )
    async with worker, asyncio.timeout(PATIENCE):
        run = await start_run(temporal_client, slow.plan, task_queue=queue, keys=KEYS)
        await run.result()
        history = await run.handle.fetch_history()

    assert slept
    assert EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED not in [event.event_type for event in history.events]
