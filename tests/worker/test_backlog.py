"""Runs and nodes that are accepted and wait are told of in the log."""

import asyncio
import logging
import threading
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client

from resolute import Flow, flow, manual, node
from resolute.temporal.client.client import start_run
from resolute_worker import Settings, Worker
from resolute_worker.backlog import Backlog, waiting_places
from tests.patience import PATIENCE

FREE, HELD = threading.Event(), threading.Event()


@node
def hold() -> str:
    HELD.set()
    FREE.wait(PATIENCE)
    return "done"


def holding() -> Flow:
    return flow("holding").triggered_by(manual("hold")).then(hold().as_("held")).build()


@asynccontextmanager
async def serving(client: Client, task_queue: str) -> AsyncGenerator[None]:
    """A worker with a place for one node."""
    ready, stop = asyncio.Event(), asyncio.Event()
    settings = Settings(task_queue=task_queue, http_port=0, max_activities=1)
    worker = Worker(flows=[holding()], settings=settings)
    task = asyncio.create_task(worker.serve(ready=lambda _: ready.set(), stop=stop, client=client))
    await ready.wait()
    try:
        yield
    finally:
        FREE.set()
        stop.set()
        await task


async def wait(client: Client, task_queue: str, kind: TaskQueueType.ValueType, count: int) -> None:
    """Waits until so many tasks wait: Temporal puts them there one after the other."""
    asked = DescribeTaskQueueRequest(
        namespace="default", task_queue=TaskQueue(name=task_queue), task_queue_type=kind, report_stats=True
    )
    async with asyncio.timeout(PATIENCE):
        while (await client.workflow_service.describe_task_queue(asked)).stats.approximate_backlog_count != count:
            await asyncio.sleep(0.05)


async def lines(backlog: Backlog, caplog: pytest.LogCaptureFixture, level: int, words: str) -> list[str]:
    """The lines of a level with these words, once there are any."""
    async with asyncio.timeout(PATIENCE):
        while not (found := [r.getMessage() for r in caplog.records if r.levelno == level and words in r.getMessage()]):
            await backlog.look()
            await asyncio.sleep(0.1)  # Temporal announces nothing
    return found


async def test_nodes_that_wait_for_a_place_are_said(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """More nodes than a worker has places for: one line says how many wait, since when and what helps; one the end."""
    caplog.set_level(logging.INFO, "resolute_worker.backlog")
    task_queue = f"backlog-{uuid.uuid4().hex[:8]}"
    backlog = Backlog(client, waiting_places(task_queue, [], 1), late=1.0, clock=lambda: 0.0)
    FREE.clear()
    HELD.clear()
    async with serving(client, task_queue):
        runs = [await start_run(client, holding().plan, task_queue=task_queue) for _ in range(3)]
        assert await asyncio.to_thread(HELD.wait, PATIENCE)
        await wait(client, task_queue, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY, 2)
        (waiting,) = await lines(backlog, caplog, logging.WARNING, "nodes wait")
        await backlog.look()
        FREE.set()
        for run in runs:
            await run.result()
        (over,) = await lines(backlog, caplog, logging.INFO, "no longer")

    assert f"about 2 nodes wait in task queue {task_queue}, the first for " in waiting
    assert waiting.endswith(
        "this worker runs at most 1 at a time (RESOLUTE_MAX_ACTIVITIES): raise that, or start another worker"
    )
    assert f"nodes no longer wait in task queue {task_queue}" == over
    assert 2 == len([record for record in caplog.records if record.name == "resolute_worker.backlog"])


async def test_runs_that_wait_for_a_worker_are_said(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """Runs that nobody begins are counted as well."""
    caplog.set_level(logging.INFO, "resolute_worker.backlog")
    task_queue = f"backlog-{uuid.uuid4().hex[:8]}"
    backlog = Backlog(client, waiting_places(task_queue, [], 1), late=0.5)
    for _ in range(2):
        await start_run(client, holding().plan, task_queue=task_queue)
    await wait(client, task_queue, TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, 2)

    (waiting,) = await lines(backlog, caplog, logging.WARNING, "runs wait")

    assert f"about 2 runs wait in task queue {task_queue}, the first for " in waiting


def test_a_queue_with_a_rate_limit_says_its_limit() -> None:
    """Nodes of a provider may wait for its rate, which the line names."""
    (*_, place) = waiting_places("alerting", [("pagerduty", 12.5)], 100)

    assert ("alerting.pagerduty", "nodes of pagerduty") == (place.task_queue, place.what)
    assert place.advice.startswith("Temporal begins at most 12.5 of them in a second, on all workers together")
