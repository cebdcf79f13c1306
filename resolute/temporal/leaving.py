"""How a worker leaves its task queue without taking along what the server is just giving it.

When a worker of the SDK is told to stop, it hangs up on its open polls. A workflow task that the server is handing to
one of them is then lost, and its run stands still until the task times out, 10 s later (seen in temporalio 1.35; with
the server's own way to end polls, as many are lost). Nearly all of these tasks follow from what the worker has just
answered itself. So it holds its answers back for a moment, takes what is on its way, and answers while it stops.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Final

from temporalio.worker import Worker

HELD: Final = 0.5
"""Seconds for which a worker holds back its answers: many times what a server needs to hand out a task."""

_TO_STOP: Final = 0.05
"""Seconds from when a worker is told to stop until it has hung up."""

Answer = Callable[..., Coroutine[Any, Any, None]]


async def leave(workers: Iterable[Worker], running: asyncio.Task[None]) -> None:
    """Tells workers to stop, which a task runs. One that has no open run stops at once."""
    there, leaves = list(workers), asyncio.Event()
    if not any(_has_runs(worker) for worker in there):
        running.cancel()
        return
    for worker in there:
        _hold_back(worker, leaves)
    await asyncio.sleep(HELD)
    running.cancel()
    await asyncio.sleep(_TO_STOP)
    leaves.set()


def _has_runs(worker: Worker) -> bool:
    within: Any = worker
    return bool(within._workflow_worker and within._workflow_worker._running_workflows)


def _hold_back(worker: Worker, leaves: asyncio.Event) -> None:
    # The SDK has no hook where its answers are sent.
    within: Any = worker
    bridge = within._bridge_worker
    bridge.complete_workflow_activation = _held(bridge.complete_workflow_activation, leaves)
    bridge.complete_activity_task = _held(bridge.complete_activity_task, leaves)


def _held(answer: Answer, leaves: asyncio.Event) -> Answer:
    async def later(completion: object) -> None:
        await leaves.wait()
        await answer(completion)

    return later
