"""The interpreter's runtime on Temporal: calls become activities, the clock is the workflow's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final, cast

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import FailureError, is_cancelled_exception
from temporalio.workflow import ActivityCancellationType

from resolute.plan.errors import PayloadTooLargeError
from resolute.plan.limits import MESSAGE_LIMIT, recorded_size
from resolute.plan.policies import SIGN_OF_LIFE, Policy
from resolute.plan.values import Json
from resolute.running.runtime import CallRequest
from resolute.temporal.failures import node_failure

_TURNS: Final = 5
"""Turns of the event loop in which whatever a workflow task brought has arrived where it is waited for."""


def queue_of(task_queue: str, queue: str) -> str:
    """The task queue of a provider's queue, beside the one that runs are put on.

    >>> queue_of("alerting", "pagerduty")
    'alerting.pagerduty'
    """
    return f"{task_queue}.{queue}"


class TemporalRuntime:
    """Runs nodes as activities of the current workflow.

    `seal` gives the seal of a call, which travels beside its arguments; None where the run has none to give. With
    `waits`, a call that is given up ends when its node has ended; what interpreter 1 gave up ended at once.
    """

    def __init__(self, seal: Callable[[CallRequest], str | None] = lambda _: None, *, waits: bool = True) -> None:
        self._seal = seal
        self._cancellation = (
            ActivityCancellationType.WAIT_CANCELLATION_COMPLETED if waits else ActivityCancellationType.TRY_CANCEL
        )
        self._at_work: dict[str, workflow.ActivityHandle[Any]] = {}
        self._given_up: tuple[str, ...] | None = None
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
        handle: workflow.ActivityHandle[Any]
        if request.lane == "local":
            handle = workflow.start_local_activity(
                request.node,
                args=arguments,
                activity_id=request.step,
                start_to_close_timeout=timeout,
                schedule_to_close_timeout=within,
                retry_policy=retry,
                cancellation_type=self._cancellation,
                summary=request.step,
            )
        else:
            handle = workflow.start_activity(
                request.node,
                args=arguments,
                activity_id=request.step,
                task_queue=queue_of(workflow.info().task_queue, request.queue) if request.queue else None,
                start_to_close_timeout=timeout,
                schedule_to_close_timeout=within,
                heartbeat_timeout=_heartbeat_timeout(policy),
                retry_policy=retry,
                cancellation_type=self._cancellation,
                summary=request.step,
            )
        self._at_work[request.step] = handle
        try:
            return cast("Json", await handle)
        except FailureError as error:
            if is_cancelled_exception(error) and self._is_given_up(request):
                raise asyncio.CancelledError from None  # the run is cancelled, which is no failure of the step
            raise node_failure(request, error) from None
        finally:
            del self._at_work[request.step]

    def cancel(self) -> None:
        """Asks the nodes at work to end; see `Runtime.cancel`."""
        self._given_up = tuple(self._at_work)
        self._giving_up = asyncio.ensure_future(self._give_up())

    async def _give_up(self) -> None:
        # What ended in the same moment as the cancel came has ended: its result must not get lost.
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        for handle in tuple(self._at_work.values()):
            handle.cancel()

    def _is_given_up(self, request: CallRequest) -> bool:
        if self._given_up is None:  # as with interpreter 1, whose runs are cancelled as a whole
            return workflow.cancellation_reason() is not None
        return request.step in self._given_up

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
