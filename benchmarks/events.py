"""How many history events each kind of step costs, beyond those of a workflow of the same shape by hand."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import uuid
from collections import Counter
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from benchmarks.figures import Figure
from benchmarks.servers import tuned
from benchmarks.shapes import HAND_WRITTEN, KEYS, NOTHING, Handle, Shape, hand_add, shapes
from resolute.execution.executor import NodeExecutor
from resolute.temporal.activities.activities import Activities
from resolute.temporal.client.client import start_run
from resolute.temporal.worker import temporal_worker

_TASK = "EVENT_TYPE_WORKFLOW_TASK_"
_WAKES = {
    EventType.Name(each)
    for each in (
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
        EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED,
        EventType.EVENT_TYPE_TIMER_FIRED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED,
        EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED,
        EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED,
    )
}
"""What gives a run something to do; nothing else is worth a workflow task."""


@dataclass(frozen=True)
class Cost:
    """What is in the history of a run and of those that it started.

    `events` are those that do not depend on how quick anything is. How many workflow tasks there are does: what comes
    at the same time is told in one. There are at most as many as something `wakes` the run.
    """

    events: Counter[str]
    tasks: int
    wakes: int

    def beyond(self, other: Cost) -> Counter[str]:
        """The events that are more than in another history, by their type."""
        return self.events - other.events


class Costs:
    """A worker for every shape, and one for those by hand."""

    def __init__(self, client: Client, queue: str) -> None:
        self._client = client
        self._queue = queue

    async def ours(self, shape: Shape) -> Cost:
        """The cost of the flow."""
        run = (await start_run(self._client, shape.flow.plan, task_queue=self._queue, keys=KEYS)).handle
        if shape.say is not None:
            await _has(run, shape.after)
            await shape.say(self._client, shape.flow.name, run)
        await run.result()
        return await self._cost(run)

    async def by_hand(self, shape: Shape) -> Cost:
        """The cost of the workflow by hand."""
        arguments = [] if shape.argument is NOTHING else [shape.argument]
        run: Handle = await self._client.start_workflow(
            shape.by_hand.run, args=arguments, id=uuid.uuid4().hex, task_queue=f"{self._queue}-hand"
        )
        if shape.say_by_hand is not None:
            await _has(run, shape.after)
            await shape.say_by_hand(run)
        await run.result()
        return await self._cost(run)

    async def _cost(self, run: Handle) -> Cost:
        seen: Counter[str] = Counter()
        waiting = [run]
        while waiting:
            for event in (await waiting.pop().fetch_history()).events:
                seen[EventType.Name(event.event_type)] += 1
                if event.HasField("child_workflow_execution_started_event_attributes"):
                    started = event.child_workflow_execution_started_event_attributes.workflow_execution
                    waiting.append(self._client.get_workflow_handle(started.workflow_id, run_id=started.run_id))
        events = Counter({name: count for name, count in seen.items() if not name.startswith(_TASK)})
        wakes = sum(count for name, count in seen.items() if name in _WAKES)
        return Cost(events, seen[f"{_TASK}COMPLETED"], wakes)


async def _has(run: Handle, events: int) -> None:
    while (await run.describe()).history_length < events:  # noqa: ASYNC110  # the server tells nobody of it
        await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def costs(client: Client) -> AsyncGenerator[Costs]:
    """Workers, for the length of the block."""
    queue, flows = f"shapes-{uuid.uuid4().hex[:8]}", [shape.flow for shape in shapes()]
    hand = Worker(
        client,
        task_queue=f"{queue}-hand",
        workflows=HAND_WRITTEN,
        activities=[hand_add],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    async with (
        hand,
        temporal_worker(client, Activities(flows, NodeExecutor.for_flows(flows), KEYS), task_queue=queue),
    ):
        yield Costs(client, queue)


async def measure() -> list[Figure]:
    """The figures."""
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="resolute-bench-") as folder:
        async with tuned(Path(folder) / "tuned") as client, costs(client) as both:
            for shape in shapes():
                ours, hand = await asyncio.gather(both.ours(shape), both.by_hand(shape))
                beyond = ours.beyond(hand).total() + max(0, ours.tasks - ours.wakes)
                told = f"{ours.events.total()} by hand {hand.events.total()}, beyond: {beyond}"
                figures.append(Figure(shape.name, told, "0", not beyond))
    return figures
