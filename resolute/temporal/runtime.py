"""The interpreter's runtime on Temporal: calls become activities, the clock is the workflow's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import cast

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import FailureError, is_cancelled_exception

from resolute.plan.errors import PayloadTooLargeError
from resolute.plan.limits import MESSAGE_LIMIT, recorded_size
from resolute.plan.policies import SIGN_OF_LIFE, Policy
from resolute.plan.values import Json
from resolute.running.runtime import CallRequest
from resolute.temporal.failures import node_failure


def queue_of(task_queue: str, queue: str) -> str:
    """The task queue of a provider's queue, beside the one that runs are put on.

    >>> queue_of("alerting", "pagerduty")
    'alerting.pagerduty'
    """
    return f"{task_queue}.{queue}"


class TemporalRuntime:
    """Runs nodes as activities of the current workflow.

    `seal` gives the seal of a call, which travels beside its arguments; None where the run has none to give.
    """

    def __init__(self, seal: Callable[[CallRequest], str | None] = lambda _: None) -> None:
        self._seal = seal
        self._task = -1
        self._scheduled = 0

    def now(self) -> datetime:
        """The workflow's clock."""
        return workflow.now()

    async def call(self, request: CallRequest) -> Json:
        """Runs a node as an activity whose id is the step's name; see `Runtime.call`."""
        self._check_task(request)
        policy = request.policy
        retry, timeout, within = _temporal_policy(policy)
        seal = self._seal(request)
        arguments = [request.arguments] if seal is None else [request.arguments, seal]
        try:
            if request.lane == "local":
                return cast(
                    "Json",
                    await workflow.execute_local_activity(
                        request.node,
                        args=arguments,
                        activity_id=request.step,
                        start_to_close_timeout=timeout,
                        schedule_to_close_timeout=within,
                        retry_policy=retry,
                        summary=request.step,
                    ),
                )
            return cast(
                "Json",
                await workflow.execute_activity(
                    request.node,
                    args=arguments,
                    activity_id=request.step,
                    task_queue=queue_of(workflow.info().task_queue, request.queue) if request.queue else None,
                    start_to_close_timeout=timeout,
                    schedule_to_close_timeout=within,
                    heartbeat_timeout=_heartbeat_timeout(policy),
                    retry_policy=retry,
                    summary=request.step,
                ),
            )
        except FailureError as error:
            if is_cancelled_exception(error) and workflow.cancellation_reason() is not None:
                raise asyncio.CancelledError from None  # the run is cancelled, which is no failure of the step
            raise node_failure(request, error) from None

    def _check_task(self, request: CallRequest) -> None:
        # Parallel branches schedule in one workflow task; together they must fit into one message, or the server
        # would end the run without a word of why.
        task, size = workflow.info().get_current_history_length(), recorded_size(request.arguments)
        self._scheduled = size + (self._scheduled if task == self._task else 0)
        self._task = task
        if self._scheduled > MESSAGE_LIMIT:
            raise PayloadTooLargeError(
                what=f"the input of step {request.step!r} ({request.node}), with what runs beside it,",
                size=self._scheduled,
                limit=MESSAGE_LIMIT,
            )


def _heartbeat_timeout(policy: Policy) -> timedelta:
    """The silence that Temporal bears. The worker knows by its length whether it is to break the silence itself."""
    if policy.heartbeat is None:
        return timedelta(seconds=SIGN_OF_LIFE)
    if policy.heartbeat == SIGN_OF_LIFE:
        return timedelta(seconds=SIGN_OF_LIFE, milliseconds=1)
    return timedelta(seconds=policy.heartbeat)


def _temporal_policy(policy: Policy) -> tuple[RetryPolicy, timedelta, timedelta | None]:
    retry = policy.retry
    return (
        RetryPolicy(
            initial_interval=timedelta(seconds=retry.initial),
            backoff_coefficient=retry.coefficient,
            maximum_interval=timedelta(seconds=max(retry.maximum, retry.initial)),
            maximum_attempts=retry.attempts,
        ),
        timedelta(seconds=policy.timeout),
        timedelta(seconds=policy.within) if policy.within else None,
    )
