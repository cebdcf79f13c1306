"""What waits on Temporal for a worker that has a place free: runs and nodes that are accepted, and not begun."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Final

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue, TaskQueueStats
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from resolute.temporal.wire.activity import queue_of
from resolute.temporal.workflows.meters import Meters

log = logging.getLogger(__name__)

LATE: Final = 10.0
"""Seconds from which on something counts as waiting."""

_EVERY: Final = 10.0
_AGAIN: Final = 60.0
_PATIENCE: Final = 2.0


@dataclass(frozen=True)
class Waiting:
    """One kind of task in one task queue: `what` waits there, and what `advice` there is if it waits for long."""

    task_queue: str
    kind: TaskQueueType.ValueType
    what: str
    advice: str


def waiting_places(task_queue: str, queues: Iterable[tuple[str, float]], most: int) -> list[Waiting]:
    """Where a worker's runs and nodes wait: its own task queue, and each queue of a provider with its rate limit.

    `most` is how many nodes run at a time on this worker.
    """
    places = f"this worker runs at most {most} at a time (RESOLUTE_MAX_ACTIVITIES): raise that, or start another worker"
    nodes = TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY
    return [
        Waiting(
            task_queue,
            TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
            "runs",
            "the worker or Temporal is busy: start another worker, or give the server more processor time",
        ),
        Waiting(task_queue, nodes, "nodes", places),
        *(
            Waiting(
                queue_of(task_queue, queue),
                nodes,
                f"nodes of {queue}",
                f"Temporal begins at most {per_second:g} of them in a second, on all workers together, and {places}",
            )
            for queue, per_second in queues
        ),
    ]


class Backlog:
    """Says in the log when accepted runs or nodes wait for long, and when they no longer do.

    Args:
        client: a connection to Temporal.
        places: where to look.
        late: seconds of waiting from which on it is said.
        clock: tells the time between two lines of a kind.
        meters: where it is measured how many wait.
    """

    def __init__(
        self,
        client: Client,
        places: Sequence[Waiting],
        *,
        late: float = LATE,
        clock: Callable[[], float] = monotonic,
        meters: Meters | None = None,
    ) -> None:
        self._client = client
        self._places = places
        self._late = late
        self._clock = clock
        self._said: dict[Waiting, float] = {}
        self._meters = meters or Meters()

    async def watch(self) -> None:
        """Looks every ten seconds; never ends."""
        while True:
            await asyncio.sleep(_EVERY)
            await self.look()

    async def look(self) -> None:
        """Looks once. Where Temporal does not answer, `Health` says so."""
        for place in self._places:
            try:
                async with asyncio.timeout(_PATIENCE):
                    stats = await self._stats(place)
            except (RPCError, TimeoutError):
                continue
            kind = "runs" if place.kind == TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW else "nodes"
            waiting = stats.approximate_backlog_count
            self._meters.set("resolute_waiting", waiting, task_queue=place.task_queue, kind=kind)
            self._say(
                place, stats.approximate_backlog_count, stats.approximate_backlog_age.ToTimedelta().total_seconds()
            )

    async def _stats(self, place: Waiting) -> TaskQueueStats:
        request = DescribeTaskQueueRequest(
            namespace=self._client.namespace,
            task_queue=TaskQueue(name=place.task_queue),
            task_queue_type=place.kind,
            report_stats=True,
        )
        return (await self._client.workflow_service.describe_task_queue(request)).stats

    def _say(self, place: Waiting, count: int, age: float) -> None:
        if not count or age < self._late:
            if self._said.pop(place, None) is not None:
                log.info("%s no longer wait in task queue %s", place.what, place.task_queue)
            return
        now = self._clock()
        if now - self._said.get(place, -_AGAIN) < _AGAIN:
            return
        self._said[place] = now
        log.warning(
            "about %d %s wait in task queue %s, the first for %.0f s: %s",
            *(count, place.what, place.task_queue, age, place.advice),
        )
