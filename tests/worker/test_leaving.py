"""A worker leaves its task queue in the middle of the work: what the server is just giving it is not lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from functools import reduce
from typing import Final
from uuid import uuid4

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from temporalio.worker import Worker

from resolute import current_call, flow, manual, node
from resolute.execution.executor import NodeExecutor
from resolute.temporal.activities.activities import Activities
from resolute.temporal.client.client import RunHandle, start_run
from resolute.temporal.leaving import leave
from resolute.temporal.worker import temporal_worker
from tests.keys import KEYS
from tests.patience import PATIENCE

RUNS: Final = 16
STEPS: Final = 20
LEAVES: Final = 3

calls: Counter[tuple[str, str]] = Counter()


@node
async def count(number: int) -> int:
    """One more."""
    calls[current_call().workflow_id, current_call().step] += 1
    return number + 1


busy = reduce(
    lambda made, number: made.then(count(number).as_(f"count_{number}")),
    range(STEPS),
    flow("busy").triggered_by(manual("go")),
).build()


async def test_no_task_is_lost_when_a_worker_leaves(temporal_client: Client) -> None:
    """Workers leave one after the other while runs hurry on: hardly a task is lost, and no node is called twice.

    Without the moment in which they hold back their answers each of them takes several tasks along. On a machine that
    is very busy something may still be on its way after that.
    """
    queue = uuid4().hex
    workers = [await _at_work(temporal_client, queue) for _ in range(2)]
    runs = [await start_run(temporal_client, busy.plan, task_queue=queue, keys=KEYS) for _ in range(RUNS)]
    for _ in range(LEAVES):
        before = sum(calls.values())
        async with asyncio.timeout(PATIENCE):
            while sum(calls.values()) < before + RUNS:  # all are at work, and go on for long enough
                await asyncio.sleep(0.01)
        worker, running = workers.pop(0)
        await leave([worker], running)
        await asyncio.wait([running])
        workers.append(await _at_work(temporal_client, queue))
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(run.result() for run in runs))
    lost = await _timed_out(runs)
    for worker, running in workers:
        await leave([worker], running)
    await asyncio.wait([running for _, running in workers])

    assert len(lost) <= LEAVES, lost
    assert {1} == set(calls.values())


async def _at_work(client: Client, queue: str) -> tuple[Worker, asyncio.Task[None]]:
    # Of a client of its own, as in a process of its own: the SDK takes two workers of one client for a mistake.
    own = await Client.connect(client.service_client.config.target_host)
    activities = Activities([busy], NodeExecutor.for_flows([busy]), KEYS)
    worker = temporal_worker(own, activities, task_queue=queue)
    return worker, asyncio.create_task(worker.run())


async def _timed_out(runs: Sequence[RunHandle]) -> list[str]:
    return [
        f"{run.workflow_id}: {EventType.Name(event.event_type)}"
        for run in runs
        for event in (await run.handle.fetch_history()).events
        if event.event_type
        in (EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT, EventType.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT)
    ]
