"""How a worker leaves its task queues without taking along what the server is just giving it.

When a worker of the SDK is told to stop, it reads no more of what its open polls are answered with (temporalio 1.35). A
workflow task that the server has just handed to one of them is then lost, and its run stands still until the task times
out, 10 s later; an activity's waits for as long as its step may take. So the server is asked first to end the worker's
polls, and whatever it has handed out by then arrives and is taken. A server that cannot do that, which not every one
does, is given no reason to hand out anything: most tasks follow from what the worker has just answered itself, and it
holds its answers back until it has stopped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from itertools import islice
from time import monotonic
from typing import Any, Final

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import TaskQueueKind, TaskQueueType
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    GetWorkflowExecutionHistoryReverseRequest,
    ListWorkersRequest,
    ShutdownWorkerRequest,
)
from temporalio.service import RPCError
from temporalio.worker import Worker

from resolute.temporal.client.client import is_unreachable
from resolute.temporal.wire.finding import quoted

_HELD: Final = 0.5
"""Seconds for which a worker holds back its answers: many times what a server needs to hand out a task."""

_ARRIVES: Final = 0.25
"""Seconds in which a task arrives that was handed out before the polls ended."""

_ARRIVES_AT_MOST: Final = 2.0
_SLOWER: Final = 6
"""So many times as long as it took to ask for it: where all takes longer, so does what is on its way."""

_TO_STOP: Final = 0.05
"""Seconds from when a worker is told to stop until it has hung up."""

_LONGEST: Final = 4.0
"""Seconds of a worker's grace period that leaving may take, however slow its server is."""

_SHARE: Final = 0.25
"""Of a grace period: the nodes at work have the rest."""

_LEAST: Final = 1.0
"""Seconds of a grace period below which a worker stops without further ado."""

_RUNS_READ: Final = 3
_EVENTS_READ: Final = 20

Answer = Callable[..., Coroutine[Any, Any, None]]


def leaving_within(grace: float) -> float:
    """Seconds that a worker may take to leave, of the seconds that it has to stop; none where these are too few."""
    return min(grace * _SHARE, _LONGEST) if grace >= _LEAST else 0.0


async def leave(workers: Iterable[Worker], running: asyncio.Task[None], *, within: float = _LONGEST) -> bool:
    """Tells workers to stop, which a task runs, after so many seconds at most.

    Gives whether their server answers, without which polls may not end.
    """
    there, leaves = list(workers) if within else [], asyncio.Event()
    for worker in there:
        _hold_back(worker, leaves)
    busy = any(_runs_of(worker) for worker in there)
    until = monotonic() + within
    try:
        await asyncio.sleep(min(_HELD, within / 2) if busy else 0)
        began = monotonic()
        async with asyncio.timeout(until - began):
            ended = [await _polls_end(worker) for worker in there]
        if any(ended):
            arrived = min(_ARRIVES + _SLOWER * (monotonic() - began), _ARRIVES_AT_MOST)
            await asyncio.sleep(min(arrived, until - monotonic()))
    except (RPCError, TimeoutError):
        return False
    else:
        return True
    finally:
        running.cancel()
        await asyncio.sleep(_TO_STOP if busy else 0)
        leaves.set()


def _runs_of(worker: Worker) -> dict[str, Any]:
    """The runs that a worker has at hand, by their run ids."""
    within: Any = worker
    return within._workflow_worker._running_workflows if within._workflow_worker else {}


async def _polls_end(worker: Worker) -> bool:
    """Whether the server has ended the polls of a worker, and hands out nothing to it any more."""
    service, namespace, identity = worker.client.workflow_service, worker.client.namespace, worker.client.identity
    described = await service.describe_namespace(DescribeNamespaceRequest(namespace=namespace))
    if not described.namespace_info.capabilities.worker_poll_complete_on_shutdown:
        return False
    try:
        known = await service.list_workers(
            ListWorkersRequest(namespace=namespace, query=f"WorkerIdentity = {quoted(identity)}")
        )
        keys = [
            info.worker_heartbeat.worker_instance_key
            for info in known.workers_info
            if info.worker_heartbeat.task_queue == worker.task_queue
        ]
        sticky = await _own_queue(worker)
        for key in keys:
            await service.shutdown_worker(
                ShutdownWorkerRequest(
                    namespace=namespace,
                    identity=identity,
                    worker_instance_key=key,
                    task_queue=worker.task_queue,
                    task_queue_types=[TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY],
                    sticky_task_queue=sticky,
                    reason="stops",
                )
            )
    except RPCError as error:
        if is_unreachable(error):
            raise
        return False
    return bool(keys)


async def _own_queue(worker: Worker) -> str:
    """The queue for further tasks of the runs that a worker has at hand, as their histories name it; "" without any."""
    for run_id, run in islice([*_runs_of(worker).items()], _RUNS_READ):
        read = await worker.client.workflow_service.get_workflow_execution_history_reverse(
            GetWorkflowExecutionHistoryReverseRequest(
                namespace=worker.client.namespace,
                execution=WorkflowExecution(workflow_id=run.workflow_id, run_id=run_id),
                maximum_page_size=_EVENTS_READ,
            )
        )
        for event in read.history.events:
            queue = event.workflow_task_scheduled_event_attributes.task_queue
            if queue.kind == TaskQueueKind.TASK_QUEUE_KIND_STICKY and queue.name.startswith(worker.client.identity):
                return queue.name
    return ""


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
