"""A Temporal worker that runs flows."""

from __future__ import annotations

from datetime import timedelta

from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from resolute.temporal.activities import Activities
from resolute.temporal.workflow import FlowWorkflow


def temporal_worker(
    client: Client,
    activities: Activities,
    *,
    task_queue: str,
    graceful_shutdown: timedelta = timedelta(seconds=20),
    max_concurrent_activities: int = 100,
    max_task_queue_activities_per_second: float | None = None,
    max_cached_workflows: int = 1000,
) -> Worker:
    """A worker that polls a task queue for runs and nodes.

    `graceful_shutdown` is how long nodes at work may take to end when the worker stops; then they are cancelled, and
    another worker tries them again. `max_task_queue_activities_per_second` is a limit that the server keeps for all
    workers of the queue together.
    """
    return Worker(
        client,
        task_queue=task_queue,
        workflows=[FlowWorkflow],
        activities=[activities.run],
        workflow_runner=UnsandboxedWorkflowRunner(),
        graceful_shutdown_timeout=graceful_shutdown,
        max_concurrent_activities=max_concurrent_activities,
        max_task_queue_activities_per_second=max_task_queue_activities_per_second,
        max_cached_workflows=max_cached_workflows,
    )
