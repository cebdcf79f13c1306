"""The plan of a run: the one that it came with, if that is believed, or the one that its first step records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import cast

from temporalio import workflow
from temporalio.common import RawValue, RetryPolicy
from temporalio.exceptions import ApplicationError, FailureError, is_cancelled_exception

from resolute.plan.errors import UnknownFlowError, UnsealedPlanError
from resolute.plan.limits import recorded_size
from resolute.plan.values import Json
from resolute.temporal.trust.seals import NO_KEYS, PlanKeys
from resolute.temporal.wire.elsewhere import is_elsewhere
from resolute.temporal.wire.start import RECORD_PLAN, Envelope, Record, open_record
from resolute.temporal.workflows.hearing import REFUSED
from resolute.temporal.workflows.newer import may_be_taken_over, taken_over_until


@dataclass(frozen=True)
class Carried:
    """What a run is to do: a plan as it was written down, and its input.

    `keys` seal what the run says to others: none where its plan is not believed. `recorded` are the bytes that its
    first step has recorded.
    """

    plan: Json
    input: Json
    keys: PlanKeys
    recorded: int = 0


async def carried(envelope: Envelope, keys: PlanKeys) -> Carried:
    """The plan with which a run was started, or, where it has none, the one that the worker has for its flow.

    Raises:
        UnsealedPlanError: the run came with a plan that is not sealed, and has just begun.
        UnknownFlowError: this worker has no such flow, and another one may be given the task.
        ApplicationError: no worker has no such flow, or the flow does not take the input.
    """
    if envelope.plan is not None:
        return Carried(envelope.plan, envelope.input, keys if _is_believed(envelope, keys) else NO_KEYS)
    record, info = await _recorded(envelope), workflow.info()
    believed = keys.verifies(record.seal, "record", info.workflow_type, info.workflow_id, record.plan)
    given = record.input_of(envelope.input)
    return Carried(record.plan, given, keys if believed else NO_KEYS, recorded_size(record.plan))


def argument_of(args: Sequence[RawValue]) -> Json:
    """What a run was started with. A start without any argument is one without input; other clients do that."""
    return workflow.payload_converter().from_payload(args[0].payload) if args else None


def _is_believed(envelope: Envelope, keys: PlanKeys) -> bool:
    """Whether the plan that the run came with is sealed.

    A run is refused in its first task or never: a key that is taken away later must not break a run in flight, so a
    replay refuses only what was refused before. That is what the mark says.
    """
    flow = workflow.info().workflow_type
    if envelope.is_sealed(keys, flow):
        return True
    if not keys and workflow.info().continued_run_id:
        return False  # nobody but the run itself can have continued it, and nobody here seals anything
    if not workflow.patched(REFUSED):
        return False
    if not keys:
        why = "this worker has no keys to verify it: set RESOLUTE_PLAN_KEYS for whoever starts runs and for workers"
    elif envelope.seal is None:
        why = "it is not sealed: start the run with `resolute run`, or without a plan and with its input alone"
    elif not keys.knows(envelope.seal):
        why = "it is sealed with a key that this worker does not have: compare RESOLUTE_PLAN_KEYS of both sides"
    else:
        why = "its seal does not fit this flow, this plan and this input: one of them was changed, or it is forged"
    raise UnsealedPlanError(f"the plan that came with this run of flow {flow!r} is not trusted: {why}")


async def _recorded(envelope: Envelope) -> Record:
    """What the run records at its first step: the plan that the worker has for the flow, and the input as it reads it.

    Raises:
        UnknownFlowError: this worker has no such flow, and another one may be given the task.
        ApplicationError: no worker has such a flow, or the flow does not take the input.
    """
    flow = workflow.info().workflow_type
    try:
        recorded = await workflow.execute_local_activity(
            RECORD_PLAN,
            {
                "flow": flow,
                **({"input": envelope.input} if envelope.unread else {}),
                **({"dry": True} if envelope.dry else {}),
            },
            activity_id=RECORD_PLAN,
            start_to_close_timeout=timedelta(seconds=10),
            retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=100), maximum_attempts=3),
            summary="record the plan",
        )
    except FailureError as error:
        if is_cancelled_exception(error):
            raise
        # What a local activity raised comes as it is, where that of another activity comes as a cause.
        cause = error if isinstance(error, ApplicationError) else error.cause
        if isinstance(cause, ApplicationError) and cause.non_retryable:
            raise _unknown(cause) if is_elsewhere(cause) else _refused(cause.message, cause.type) from None
        why = f"no worker gave the plan of flow {flow!r}: {cause or error}"
        raise _refused(why, UnknownFlowError.__name__) from None
    return open_record(cast("Json", recorded))


def _unknown(cause: ApplicationError) -> UnknownFlowError | ApplicationError:
    """What to raise where this worker does not have the flow: while workers are replaced, another one may have it.

    Releases that did not say so failed the run at once, and their histories do so again.
    """
    until = taken_over_until()
    if may_be_taken_over():
        return UnknownFlowError(f"{cause.message}; until {until} the run waits for a worker that has it")
    return _refused(f"{cause.message}; until {until} the run waited for a worker that has it", cause.type)


def _refused(message: str, kind: str | None) -> ApplicationError:
    return ApplicationError(message, type=kind, non_retryable=True)
