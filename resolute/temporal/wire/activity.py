"""A call of a node as an activity of Temporal's: its lane, its policy, and what travels beside its arguments."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityCancellationType

from resolute.plan.policies import QUEUE_PATIENCE, SIGN_OF_LIFE, Policy
from resolute.plan.values import Json
from resolute.running.runtime import CallRequest
from resolute.temporal.wire.ids import activity_id, summary_of
from resolute.temporal.wire.start import FLOWS_ABOVE

GRACE: Final = timedelta(seconds=0.5)
"""How much longer the SDK waits for a local activity than its attempts do (see `temporal.activities.local`)."""


ASK_SWITCHES: Final = "resolute.Switches"
"""The activity type that asks a worker what now stops a call that was stopped. It runs in the local lane alone."""


def queue_of(task_queue: str, queue: str) -> str:
    """The task queue of a provider's queue, next to the runs' own.

    >>> queue_of("alerting", "pagerduty")
    'alerting.pagerduty'
    """
    return f"{task_queue}.{queue}"


def activity(
    request: CallRequest, seal: str | None, cancellation: ActivityCancellationType, waits: Json = None
) -> workflow.ActivityHandle[Any]:
    """Starts the activity of a call, whose id and summary are the step's (see `ids`).

    `waits` tells the worker of a local call until when the run waits for another one (see `elsewhere.Waits`).
    """
    policy = request.left
    retry, timeout, within = _temporal_policy(policy)
    arguments = [request.arguments, *_beside(request, seal, waits if request.lane == "local" else None)]
    if request.lane == "local":
        return workflow.start_local_activity(
            request.node,
            args=arguments,
            activity_id=request.step,
            start_to_close_timeout=timeout if within is None or timeout < within else within + GRACE,
            schedule_to_close_timeout=None if within is None else within + GRACE,
            retry_policy=retry,
            cancellation_type=cancellation,
            summary=request.step,
        )
    return workflow.start_activity(
        request.node,
        args=arguments,
        activity_id=activity_id(request.step),
        task_queue=queue_of(workflow.info().task_queue, request.queue) if request.queue else None,
        start_to_close_timeout=timeout,
        schedule_to_close_timeout=within,
        schedule_to_start_timeout=timedelta(seconds=QUEUE_PATIENCE) if request.queue else None,
        heartbeat_timeout=_heartbeat_timeout(policy),
        retry_policy=retry,
        cancellation_type=cancellation,
        summary=summary_of(request.step),
    )


def _beside(request: CallRequest, seal: str | None, waits: Json) -> list[Json]:
    """What a node's worker is told beside the arguments.

    The seal, in a later part of a run which run it is, in a dry run that it is one, and then what decides whether a
    switch stops the call, and until when the run waits for another worker, where there is something to say of that.
    """
    info = workflow.info()
    first = info.first_execution_run_id
    about: dict[str, Json] = {}
    if flows := flows_above():
        about["flows"] = flows
    if request.made:
        about["made"] = request.made.as_json()
    if request.lifted:
        about["lifted"] = True
    if waits is not None:
        about["waits"] = waits
    is_later = first != info.run_id
    told: list[Json] = [seal, first if is_later or request.dry else None, request.dry or None, about or None]
    while told and told[-1] is None:
        told.pop()
    return told


def flows_above() -> list[Json]:
    """The flows of the runs that have started this one, the first one first."""
    return list(workflow.memo_value(FLOWS_ABOVE, []))


def _heartbeat_timeout(policy: Policy) -> timedelta:
    """The heartbeat timeout for Temporal. Its length tells the worker whether to send the heartbeats itself."""
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
