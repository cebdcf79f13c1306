"""A worker leaves its task queue in the middle of the work: what the server is just giving it is not lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import reduce
from pathlib import Path
from typing import Final
from uuid import uuid4

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import ListWorkersRequest
from temporalio.client import Client
from temporalio.runtime import Runtime, TelemetryConfig
from temporalio.worker import Worker

from resolute import current_call, flow, manual, node
from resolute.execution.executor import NodeExecutor
from resolute.temporal.activities.activities import Activities
from resolute.temporal.client.client import RunHandle, start_run
from resolute.temporal.leaving import leave, leaving_within
from resolute.temporal.worker import temporal_worker
from resolute_worker.embedded import EmbeddedServer
from tests.keys import KEY, KEYS
from tests.patience import PATIENCE
from tests.servers import frozen
from tests.worker.processes import started

RUNS: Final = 16
STEPS: Final = 20
LEAVES: Final = 3
PAUSE: Final = 0.02
"""Seconds between the starts of brief runs."""

SAID: Final = """
from resolute import flow, manual, node

@node
async def say() -> str:
    return "hello"

said = flow("said").triggered_by(manual("say")).then(say().as_("said")).build()
"""

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

brief = flow("brief").triggered_by(manual("go")).then(count(0).as_("count")).build()


@pytest.fixture(scope="module")
async def client(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    """A client of a server as a worker embeds it, which ends the polls of workers that leave."""
    async with EmbeddedServer(tmp_path_factory.mktemp("state"), port=0) as server:
        yield await Client.connect(server.address)


async def test_no_task_is_lost_when_a_worker_leaves(client: Client) -> None:
    """Workers leave one after the other while runs hurry on, and others begin: no task is lost, no node called twice.

    On a machine that is very busy something may still be on its way after a worker has left: one task may be lost.
    """
    queue = uuid4().hex
    workers = [await _at_work(client, queue) for _ in range(2)]
    runs = [await start_run(client, busy.plan, task_queue=queue, keys=KEYS) for _ in range(RUNS)]
    over = asyncio.Event()
    beginning = asyncio.create_task(_begin(client, queue, over))
    for _ in range(LEAVES):
        before = sum(calls.values())
        async with asyncio.timeout(PATIENCE):
            while sum(calls.values()) < before + RUNS:  # all are at work, and go on for long enough
                await asyncio.sleep(0.01)
        worker, running = workers.pop(0)
        await _is_known(worker)
        answers = await leave([worker], running, within=PATIENCE)
        await asyncio.wait([running])
        workers.append(await _at_work(client, queue))
        assert answers
    over.set()
    runs += await beginning
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(run.result() for run in runs))
    lost = await _timed_out(runs)
    for worker, running in workers:
        await leave([worker], running)
    await asyncio.wait([running for _, running in workers])

    assert len(lost) <= 1, lost
    assert {1} == set(calls.values())


async def test_a_worker_ends_whose_server_is_away(tmp_path: Path) -> None:
    """Nobody ends the polls of a worker whose server is gone: it waits for nothing, and leaves nothing behind."""
    (tmp_path / "flows.py").write_text(SAID)
    async with AsyncExitStack() as stack:
        async with EmbeddedServer(tmp_path / "state", port=0) as server:
            place = {"TEMPORAL_ADDRESS": server.address, "RESOLUTE_HTTP_PORT": "0", "RESOLUTE_PLAN_KEYS": KEY}
            worker = await stack.enter_async_context(started("worker", "flows.py", folder=tmp_path, **place))
            await worker.url()
        code = await worker.stopped()

    assert 0 == code
    assert "abandoned" not in worker.output


async def test_a_worker_waits_no_longer_than_it_may(tmp_path: Path) -> None:
    """A server that stands still does not take the time that the nodes at work have to end."""
    async with EmbeddedServer(tmp_path / "state", port=0) as server:
        worker, running = await _at_work(await Client.connect(server.address), uuid4().hex)
        await _is_known(worker)
        async with frozen(server.pid or 0), asyncio.timeout(PATIENCE):
            answers = await leave([worker], running, within=leaving_within(1))
        await asyncio.wait([running])

    assert not answers


async def _begin(client: Client, queue: str, over: asyncio.Event) -> list[RunHandle]:
    """Runs that begin one after the other, until it is over."""
    runs: list[RunHandle] = []
    while not over.is_set():
        runs.append(await start_run(client, brief.plan, task_queue=queue, keys=KEYS))
        await asyncio.sleep(PAUSE)
    return runs


async def _at_work(client: Client, queue: str) -> tuple[Worker, asyncio.Task[None]]:
    # Of a client of its own, as in a process of its own: the SDK takes two workers of one client for a mistake.
    runtime = Runtime(telemetry=TelemetryConfig(), worker_heartbeat_interval=timedelta(seconds=1))
    own = await Client.connect(client.service_client.config.target_host, identity=uuid4().hex, runtime=runtime)
    activities = Activities([busy, brief], NodeExecutor.for_flows([busy, brief]), KEYS)
    worker = temporal_worker(own, activities, task_queue=queue)
    return worker, asyncio.create_task(worker.run())


async def _is_known(worker: Worker) -> None:
    """Waits until the server knows a worker by its name, as it does one that has run for a while."""
    asked = ListWorkersRequest(namespace="default", query=f"WorkerIdentity = '{worker.client.identity}'")
    async with asyncio.timeout(PATIENCE):
        while not (await worker.client.workflow_service.list_workers(asked)).workers_info:
            await asyncio.sleep(0.05)


async def _timed_out(runs: Sequence[RunHandle]) -> list[str]:
    return [
        f"{run.workflow_id}: {EventType.Name(event.event_type)}"
        for run in runs
        for event in (await run.handle.fetch_history()).events
        if event.event_type
        in (EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT, EventType.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT)
    ]
