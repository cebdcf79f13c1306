"""A Temporal worker that runs flows."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from datetime import timedelta
from typing import Any, Final, cast

from temporalio.client import Client
from temporalio.worker import (
    Interceptor,
    PollerBehaviorAutoscaling,
    UnsandboxedWorkflowRunner,
    Worker,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)

from resolute.temporal.activities.activities import Activities
from resolute.temporal.passes import leave_out_passes
from resolute.temporal.trust.seals import PlanKeys
from resolute.temporal.versions import Build
from resolute.temporal.wire.activity import queue_of
from resolute.temporal.wire.heartbeats import THROTTLE
from resolute.temporal.wire.tracing import TRACER, TracedCalls, TracedRun, Tracer
from resolute.temporal.workflows.at_hand import FULL, KEYS, METERS, PINNED, REACHED
from resolute.temporal.workflows.beats import HeartbeatWorkflow
from resolute.temporal.workflows.keeper import LineWorkflow
from resolute.temporal.workflows.meters import Meters
from resolute.temporal.workflows.reached import Reached
from resolute.temporal.workflows.shared import SharedWorkflow
from resolute.temporal.workflows.workflow import FlowWorkflow

POLLERS: Final = PollerBehaviorAutoscaling(minimum=5, initial=5, maximum=40)
"""How many calls wait for tasks of a kind at a time, as the server requests them.

A server under load takes up to a second to return a task. Five calls then mean five tasks a second: far fewer than the
runs it starts, which would pile up until no more are started.
"""


class AtHand(Interceptor):
    """Passes the worker's keys to its runs, which must not read them from the environment themselves.

    Beside them it passes where they tell which bounds they have reached.
    """

    def __init__(
        self,
        keys: PlanKeys,
        full: Callable[[int], bool] | None,
        *,
        reached: Reached | None = None,
        meters: Meters | None = None,
        pinned: bool = False,
        tracer: Tracer | None = None,
    ) -> None:
        self._tracer = tracer
        self._keys = keys
        self._reached = reached or Reached()
        self._meters = meters or Meters()
        self._full = full
        self._pinned = pinned

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: A002  # the SDK's name
    ) -> type[WorkflowInboundInterceptor] | None:
        """Adds what runs need, and carries their trace where there is one."""
        functions = cast("MutableMapping[str, Callable[..., object]]", input.unsafe_extern_functions)  # pyright: ignore[reportUnknownMemberType]  # the SDK's own types
        functions[KEYS] = lambda: self._keys
        functions[REACHED] = lambda: self._reached
        functions[METERS] = lambda: self._meters
        if self._full is not None:
            functions[FULL] = self._full
        if self._pinned:
            functions[PINNED] = lambda: True
        if self._tracer is None:
            return None
        functions[TRACER] = lambda: self._tracer
        return TracedRun


def temporal_worker(
    client: Client,
    activities: Activities,
    *,
    task_queue: str,
    graceful_shutdown: timedelta = timedelta(seconds=20),
    max_concurrent_activities: int = 100,
    max_cached_workflows: int = 1000,
    full: Callable[[int], bool] | None = None,
    build: Build | None = None,
) -> Worker:
    """A worker that polls a task queue for runs and nodes, with the keys of its activities.

    `graceful_shutdown` is how long running nodes may take to finish when the worker stops; then they are cancelled, and
    another worker retries them. `full` says, by the number of steps that have ended in a history, when the run is
    continued in another one; without it Temporal says when. Every worker of a task queue has to say the same. With
    `build` the runs that begin here stay with workers of that build.
    """
    worker = Worker(
        client,
        task_queue=task_queue,
        workflows=[FlowWorkflow, LineWorkflow, SharedWorkflow, HeartbeatWorkflow],
        activities=[activities.run],
        interceptors=[
            AtHand(
                activities.keys,
                full,
                reached=activities.reached,
                meters=activities.meters,
                pinned=build is not None,
                tracer=activities.tracer,
            ),
            *_traced(activities),
        ],
        workflow_runner=UnsandboxedWorkflowRunner(),
        graceful_shutdown_timeout=graceful_shutdown,
        max_concurrent_activities=max_concurrent_activities,
        max_heartbeat_throttle_interval=THROTTLE,
        max_cached_workflows=max_cached_workflows,
        deployment_config=build.config if build else None,
        workflow_task_poller_behavior=POLLERS,
        activity_task_poller_behavior=POLLERS,
    )
    _bear_with_slow_tasks(worker)
    leave_out_passes()
    return worker


def _traced(activities: Activities) -> list[Interceptor]:
    return [] if activities.tracer is None else [TracedCalls()]


def _bear_with_slow_tasks(worker: Worker) -> None:
    """Has the SDK give up no workflow task because it takes long; the server gives it to another worker after 10 s.

    After 2 s the SDK throws an error into the thread of a task, wherever that stands: the run is stuck in that worker
    for ever then, because what it was doing can no longer be ended. It has no option for this. No author's code that
    could hang runs there, and a machine that is busy, or stands still for a moment, takes longer.
    """
    within: Any = worker
    within._workflow_worker._deadlock_timeout_seconds = None


def queue_worker(
    client: Client,
    activities: Activities,
    *,
    task_queue: str,
    queue: str,
    per_second: float,
    graceful_shutdown: timedelta = timedelta(seconds=20),
    max_concurrent_activities: int = 100,
    build: Build | None = None,
) -> Worker:
    """A worker that polls one queue of a provider, in addition to `temporal_worker` for the runs' task queue.

    `per_second` is how many nodes start, on all workers of the queue together: Temporal's server enforces that limit.
    """
    return Worker(
        client,
        task_queue=queue_of(task_queue, queue),
        activities=[activities.run],
        interceptors=_traced(activities),
        graceful_shutdown_timeout=graceful_shutdown,
        max_concurrent_activities=max_concurrent_activities,
        max_heartbeat_throttle_interval=THROTTLE,
        max_task_queue_activities_per_second=per_second,
        deployment_config=build.config if build else None,
        activity_task_poller_behavior=POLLERS,
    )
