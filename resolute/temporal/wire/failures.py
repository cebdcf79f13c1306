"""One shape for every failure, live and replayed, local and on the queue.

The SDK raises a local activity's timeout as `ActivityError` when it happens and as a bare `TimeoutError` when it is
replayed; an application failure of a local activity is never wrapped. Code that distinguished these would behave
differently live and in a replay, so everything is caught as `FailureError` and unwrapped to a `NodeFailedError` here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from temporalio.api.failure.v1 import Failure as FailureMessage
from temporalio.converter import DefaultFailureConverter, PayloadConverter
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    CancelledError,
    ChildWorkflowError,
    FailureError,
    TerminatedError,
    TimeoutType,
    WorkflowAlreadyStartedError,
)
from temporalio.exceptions import (
    TimeoutError as TemporalTimeoutError,
)

from resolute.plan.errors import FlowError, InternalError, NodeFailedError, RunCancelledError
from resolute.plan.failing import Failure
from resolute.plan.policies import QUEUE_PATIENCE, SIGN_OF_LIFE
from resolute.plan.texts import shortened, text_of
from resolute.plan.values import JsonObject
from resolute.running.recall import Memory
from resolute.running.runtime import CallRequest, ChildFailedError
from resolute.running.state import failure_of
from resolute.temporal.wire.left import left_in

ENDED: Final = "resolute.ended"
"""The memo of a run that was cancelled and ended with a failure, so that lists can show it as cancelled."""


_MOST: Final = 20
"""How many failures of undo and on_failure steps a run's own failure lists; the run's report has all of them."""


def node_failure(request: CallRequest, error: FailureError) -> NodeFailedError:
    """What the interpreter gets when an activity failed permanently."""
    cause = error.cause if isinstance(error, ActivityError) else error
    made = left_in(error, request.made)
    if isinstance(cause, TemporalTimeoutError):
        if isinstance(cause.cause, ApplicationError):
            cause = cause.cause
        else:
            return NodeFailedError(
                step=request.step,
                node=request.node,
                error_type="TimeoutError",
                reason=_timeout(cause, request),
                made=made,
            )
    if isinstance(cause, ApplicationError):
        return NodeFailedError(
            step=request.step,
            node=request.node,
            error_type=cause.type or "ApplicationError",
            reason=cause.message,
            retryable=not cause.non_retryable,
            attempts=_attempts(cause),
            trace=cause.failure.stack_trace if cause.failure else "",
            made=made,
        )
    return NodeFailedError(
        step=request.step,
        node=request.node,
        error_type=type(cause or error).__name__,
        reason=text_of(cause or error),
        made=made,
    )


def run_failure(
    error: FlowError, to: PayloadConverter, memory: Memory | None = None, failed_as_well: Sequence[Failure] = ()
) -> ApplicationError:
    """What a run ends with when its flow has failed: never retried, with the facts and the memory as details.

    `failed_as_well` are undo and on_failure steps.
    """
    details: list[JsonObject] = [failure_of(error).model_dump()] if isinstance(error, NodeFailedError) else []
    message = text_of(error)
    if failed_as_well:
        message += "; what failed afterwards: " + "; ".join(_spoken(failure) for failure in failed_as_well[:_MOST])
        details.append({"failed_as_well": [failure.model_dump() for failure in failed_as_well[:_MOST]]})
    if memory is not None:
        details.append(memory.as_detail())
    trace = error.trace if isinstance(error, (NodeFailedError, InternalError)) else ""
    said = ApplicationError(shortened(message), *details, type=type(error).__name__, non_retryable=True)
    return traced(said, trace, to)


def with_memory(error: ApplicationError, memory: Memory | None) -> ApplicationError:
    """A failure that passes on a memory."""
    details = [*error.details, *([] if memory is None else [memory.as_detail()])]
    return ApplicationError(error.message, *details, type=error.type, non_retryable=error.non_retryable)


def traced(error: ApplicationError, trace: str, to: PayloadConverter) -> ApplicationError:
    """An error with our own stack trace: the SDK would record the frames that raised it here, unmasked."""
    failure = FailureMessage()
    DefaultFailureConverter().to_failure(error, to, failure)
    failure.stack_trace = trace
    error._failure = failure  # pyright: ignore[reportPrivateUsage]  # the SDK records this as it is, if it exists
    return error


def child_failure(error: BaseException, *, given_up: bool = False) -> ChildFailedError:
    """What the interpreter is told when a run that a step started did not complete; `error` is as Temporal says it.

    `given_up` says that the step was cancelled, and so the run where it ended by that.
    """
    cause = error.cause if isinstance(error, ChildWorkflowError) else error
    if isinstance(cause, ApplicationError):
        said = cast("list[Any]", [each for detail in cause.details for each in _failed_as_well(detail)])
        return ChildFailedError(
            run_failure_of(cause) or _ended(cause, cause.message),
            trace=cause.failure.stack_trace if cause.failure else "",
            failed_as_well=tuple(Failure.model_validate(each) for each in said),
            given_up=given_up and cause.type == RunCancelledError.__name__,
        )
    if isinstance(cause, CancelledError):
        return ChildFailedError(_ended(RunCancelledError(), str(RunCancelledError())), given_up=given_up)
    if isinstance(cause, TerminatedError):
        return ChildFailedError(_ended(cause, "its run was terminated"))
    if isinstance(cause, TemporalTimeoutError):
        return ChildFailedError(_ended(cause, "its run was not done in time"))
    if isinstance(cause, WorkflowAlreadyStartedError):
        return ChildFailedError(_ended(cause, f"a run with the id {cause.workflow_id!r} is going on already"))
    return ChildFailedError(_ended(cause or error, text_of(cause or error)))


def _failed_as_well(detail: object) -> list[object]:
    held = cast("Mapping[str, Any]", detail).get("failed_as_well") if isinstance(detail, Mapping) else None
    return list(cast("list[object]", held)) if isinstance(held, list) else []


def _ended(error: BaseException, message: str) -> Failure:
    return Failure(step="", node="", error_type=type(error).__name__, message=message)


def last_failure(step: str, node: str, error: BaseException) -> Failure:
    """Why the last attempt of a step that is still being retried failed."""
    cause = error
    if isinstance(error, TemporalTimeoutError):
        return Failure(step=step, node=node, error_type="TimeoutError", message=error.message)
    if isinstance(cause, ApplicationError):
        return Failure(step=step, node=node, error_type=cause.type or "ApplicationError", message=cause.message)
    return Failure(step=step, node=node, error_type=type(cause).__name__, message=str(cause))


def run_failure_of(error: BaseException | None) -> Failure | None:
    """Why a run failed, if no step says so."""
    if not isinstance(error, ApplicationError):
        return None
    if error.type == NodeFailedError.__name__ and error.details and isinstance(error.details[0], Mapping):
        return Failure.model_validate(error.details[0])
    return Failure(step="", node="", error_type=error.type or "ApplicationError", message=error.message)


def _spoken(failure: Failure) -> str:
    return f"step {failure.step!r} ({failure.node}): {failure.error_type}: {failure.message}"


def _attempts(cause: ApplicationError) -> int | None:
    for detail in cause.details:
        if isinstance(detail, Mapping):
            attempt = cast("Mapping[str, object]", detail).get("attempt")
            return attempt if isinstance(attempt, int) else None
    return None


def _timeout(cause: TemporalTimeoutError, request: CallRequest) -> str:
    policy = request.policy
    match cause.type:
        case TimeoutType.HEARTBEAT:
            if policy.heartbeat is None:
                return f"the worker that ran it was lost: no sign of life within {SIGN_OF_LIFE:g} s"
            return f"no heartbeat within {policy.heartbeat:g} s"
        case TimeoutType.SCHEDULE_TO_START:
            return (
                f"no worker polls the task queue of {request.queue!r}, or it cannot keep up: not begun within "
                f"{QUEUE_PATIENCE / 3600:g} h; start a worker that has the provider of this node"
            )
        case TimeoutType.SCHEDULE_TO_CLOSE if policy.within is not None:
            return f"not done within {policy.within:g} s"
        case _:
            return f"no answer within {policy.timeout:g} s"
