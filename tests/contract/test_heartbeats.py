"""Signs of life on a real server: nodes that are well are left alone, and those that nobody waits for hear of it."""

import asyncio
import math
import threading
import time
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import Client

from resolute import Flow, FlowError, NodeError, Retry, current_call, flow, manual, node
from resolute.execution.executor import NodeExecutor
from resolute.memory.runtime import run_in_memory
from resolute.plan.context import CallContext
from resolute.plan.values import Json, JsonObject
from resolute.temporal.activities.activities import Activities
from resolute.temporal.activities.loops import NodeLoops
from resolute.temporal.client.client import RunHandle, start_run
from resolute.temporal.wire import activity, heartbeats
from resolute.temporal.worker import temporal_worker
from resolute.writing.node import Node
from tests.patience import PATIENCE

SILENT = 4.0
"""Seconds after which a worker counts as lost here: long beside the time for which a busy machine stands still."""


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker counts as lost after 4 seconds, so that a test shows it in little more."""
    for module in (heartbeats, activity):
        monkeypatch.setattr(module, "SIGN_OF_LIFE", SILENT)
    for name, value in (("EVERY", 0.3), ("_LATE", 0.5), ("_LOOK", 0.1)):
        monkeypatch.setattr(heartbeats, name, value)


@asynccontextmanager
async def started(
    client: Client, step: Node[Any], *, apart: bool = True, executor: type[NodeExecutor] = NodeExecutor
) -> AsyncGenerator[RunHandle]:
    """A run of one step, with a worker for it. Nodes run on loops of their own (`apart`), or on that of the test."""
    written: Flow = flow(f"alive-{uuid.uuid4().hex[:6]}").triggered_by(manual("go")).then(step.as_("step")).build()
    queue = uuid.uuid4().hex
    async with asyncio.timeout(PATIENCE), NodeLoops() as loops:
        served = Activities([written], executor.for_flows([written]), loops=loops if apart else None)
        async with temporal_worker(client, served, task_queue=queue, graceful_shutdown=timedelta(0)):
            yield await start_run(client, written.plan, task_queue=queue)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("kind", ["async", "plain"])
async def test_a_cancelled_run_reaches_its_nodes(temporal_client: Client, kind: str) -> None:
    """A node that asks for no heartbeat is cancelled with its run: a coroutine where it waits, a thread as it beats."""
    begun, told = threading.Event(), threading.Event()

    @node(name="linger")
    async def linger_async() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            told.set()
            raise

    @node(name="linger")
    def linger() -> None:
        begun.set()
        try:
            while not threading.Event().wait(0.05):
                current_call().heartbeat()
        except asyncio.CancelledError:
            told.set()
            raise

    step = linger_async() if kind == "async" else linger()
    async with started(temporal_client, step.timeout(timedelta(hours=1))) as run:  # no timeout is what cancels it
        await asyncio.to_thread(begun.wait)
        await run.handle.cancel()
        with pytest.raises(FlowError, match="cancelled"):
            await run.result()

        assert await asyncio.to_thread(told.wait, PATIENCE)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("apart", [True, False], ids=["apart", "together"])
async def test_a_blocked_event_loop_is_no_dead_worker(temporal_client: Client, apart: bool) -> None:
    """A coroutine that blocks a loop for longer than a worker may be silent is called once all the same."""
    attempts: list[int] = []

    @node
    async def block() -> str:
        attempts.append(current_call().attempt)
        time.sleep(SILENT + 2)  # the mistake that this is about
        return "done"

    async with started(temporal_client, block(), apart=apart) as run:
        assert {"step": "done"} == await run.result()
    assert [1] == attempts


@pytest.mark.parametrize("where", ["memory", "temporal"])
async def test_an_attempt_knows_whether_the_one_before_it_was_heard_of(temporal_client: Client, where: str) -> None:
    """One that hung has said nothing of its end, one that failed has; and all of them share one clock."""
    seen: list[tuple[int, bool, float]] = []

    @node(timeout=timedelta(seconds=4), retry=Retry(attempts=3, initial=0.1, maximum=0.1))
    async def try_again() -> None:
        call = current_call()
        seen.append((call.attempt, call.unheard, time.monotonic() + call.clock_offset))
        if call.attempt == 1:
            await asyncio.Event().wait()
        if call.attempt == 2:
            raise NodeError("not yet")

    step = try_again()
    if where == "temporal":
        async with started(temporal_client, step) as run:
            await run.result()
    else:
        written = flow("try-again").triggered_by(manual("go")).then(step.as_("step")).build()
        await run_in_memory(written.plan, NodeExecutor.for_flows([written]))

    clock = [at for _, _, at in seen]
    assert [(1, False), (2, True), (3, False)] == [(attempt, unheard) for attempt, unheard, _ in seen]
    assert sorted(clock) == clock


async def test_a_worker_without_the_node_hears_nothing_of_the_attempt_before(temporal_client: Client) -> None:
    """An attempt whose worker does not know the node leaves the doubt about the one before it to the next one."""
    seen: list[tuple[int, bool]] = []
    gone = False

    @node(timeout=timedelta(seconds=3), retry=Retry(attempts=3, initial=0.1, maximum=0.1))
    async def try_again() -> None:
        seen.append((current_call().attempt, current_call().unheard))
        if current_call().attempt == 1:
            await asyncio.Event().wait()

    class Older(NodeExecutor):
        async def execute(self, call: CallContext, arguments: JsonObject) -> Json:
            nonlocal gone
            if call.attempt == 2:
                gone = True
                return await NodeExecutor([]).execute(call, arguments)
            return await super().execute(call, arguments)

    async with started(temporal_client, try_again(), executor=Older) as run:
        await run.result()

    assert gone
    assert [(1, False), (3, True)] == seen


@pytest.mark.usefixtures("quick")
async def test_what_a_node_said_last_is_said_again_for_it(temporal_client: Client) -> None:
    """The worker's own signs of life do not overwrite what the next attempt is to know, also where it said nothing."""

    @node
    async def walk() -> list[Any]:
        call = current_call()
        if call.attempt == 1:
            call.heartbeat("page", 7)
        if call.attempt < 3:
            await asyncio.sleep(1)  # a few signs of life long
            raise RuntimeError("interrupted")
        return list(call.last_heartbeat)

    async with started(temporal_client, walk().retry(3, initial=timedelta(milliseconds=10))) as run:
        assert {"step": ["page", 7]} == await run.result()


@pytest.mark.usefixtures("quick")
async def test_the_silence_of_a_node_with_a_heartbeat_of_its_own_counts(temporal_client: Client) -> None:
    """The worker says nothing for a node that promised to say something, also where that is the worker's own length."""

    @node
    async def silent() -> None:
        await asyncio.Event().wait()

    async with started(temporal_client, silent().timeout(heartbeat=timedelta(seconds=SILENT)).retry(1)) as run:
        with pytest.raises(FlowError, match="no heartbeat within 4 s"):
            await run.result()


async def test_a_node_knows_how_long_it_is_waited_for(temporal_client: Client) -> None:
    """The deadline of an attempt is its timeout, or what is left of the time of all attempts."""
    left: list[float] = []

    @node
    async def look() -> None:
        call = current_call()
        left.extend(each - time.monotonic() for each in (call.deadline, call.last_deadline))

    async with started(temporal_client, look().timeout(timedelta(hours=3))) as run:
        await run.result()
    async with started(temporal_client, look().timeout(timedelta(hours=3), within=timedelta(hours=2))) as run:
        await run.result()

    assert [3, math.inf, 2, 2] == [each if math.isinf(each) else round(each / 3600) for each in left]
