"""How a run ends on Temporal: what it fails with, what it hands on, and the line in the log."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime
from typing import cast

from temporalio import workflow
from temporalio.common import SearchAttributeKey

from resolute.plan.errors import FlowError, RunCancelledError, RunTimedOutError
from resolute.plan.texts import text_of
from resolute.running.interpreter import Interpreter
from resolute.running.recall import Memory
from resolute.running.report import RunStatus
from resolute.temporal.wire.failures import ENDED, run_failure
from resolute.temporal.wire.start import BEGAN_AT, SCHEDULED_FOR, STARTED_BY
from resolute.temporal.wire.tracing import trace_at_hand
from resolute.temporal.workflows.at_hand import meters_at_hand
from resolute.temporal.workflows.meters import Meters

log = logging.getLogger(__name__)

_SCHEDULE = SearchAttributeKey.for_keyword("TemporalScheduledById")


def end_of(error: FlowError, interpreter: Interpreter | None, given: Memory | None) -> BaseException:
    """What a run that did not complete ends with; `given` is what it knew of earlier runs.

    A run that Temporal counts as cancelled hands nothing on, to its schedule or to people, and Temporal counts only
    the history so that was asked to end. So a run that has something to hand on, or undid its work in a later
    history, ends by a failure that says that it was cancelled.
    """
    failed_as_well = interpreter.state.compensation_failures if interpreter else ()
    memory = _handed_on(interpreter, given)
    if isinstance(error, RunCancelledError):
        memory = memory if _is_scheduled() else None
        if memory is None and not failed_as_well and workflow.cancellation_reason() is not None:
            return asyncio.CancelledError()
        workflow.upsert_memo({ENDED: "cancelled"})
    if isinstance(error, RunTimedOutError):
        workflow.upsert_memo({ENDED: "timed_out"})
    return run_failure(error, workflow.payload_converter(), memory, failed_as_well)


def outcome_of(error: FlowError) -> str:
    """What people call it."""
    if isinstance(error, RunTimedOutError):
        return "timed out"
    return "cancelled" if isinstance(error, RunCancelledError) else "failed"


def tell_end(outcome: str, why: str = "", interpreter: Interpreter | None = None) -> None:
    """Measures a run when it ends, and says so in one line of the log; neither where its history is only read again."""
    if workflow.unsafe.is_replaying():
        return
    info = workflow.info()
    about = {"flow": info.workflow_type, "run": info.workflow_id, "outcome": outcome}
    if by := workflow.memo_value(STARTED_BY, ""):
        about["started_by"] = str(by)
    due = info.typed_search_attributes.get(SCHEDULED_FOR)
    late = None if due is None else (info.workflow_start_time - due).total_seconds()
    lasted = (workflow.now() - _began_at(info)).total_seconds()
    meters = meters_at_hand()
    if interpreter is not None and meters:
        began = info.workflow_start_time
        _check(meters, interpreter, cast("RunStatus", outcome.replace(" ", "_")), due or began, began)
    if (found := trace_at_hand()) is not None:
        tracer, trace = found
        about["trace_id"] = trace.own.trace_id
        tracer.ended(trace, about, _began_at(info), workflow.now(), failed=outcome in ("failed", "timed out"))
    meters.ended(info.workflow_type, outcome.replace(" ", "_"), lasted, late)
    log.log(
        logging.WARNING if outcome in ("failed", "timed out") else logging.INFO,
        f"run {outcome}%s",
        why and f": {why}",
        extra=about,
    )


def _check(meters: Meters, interpreter: Interpreter, status: RunStatus, at: datetime, began: datetime) -> None:
    """Measures what the ledger says of a run."""
    try:
        report = interpreter.state.report().model_copy(update={"status": status})
        meters.checked(interpreter.state.plan, report, at, began)
    except Exception as error:  # the run must end, whatever its providers say of its steps
        workflow.logger.warning("what the run came to is not measured: %s", text_of(error))


def _handed_on(interpreter: Interpreter | None, given: Memory | None) -> Memory | None:
    # A run that could not begin hands on what it was given, or the next one would know nothing.
    if interpreter is None:
        return given
    try:
        return interpreter.handed_on()
    except Exception as error:  # the run has failed already, and must end
        workflow.logger.warning("the next run knows only what this one knew: %s", text_of(error))
        return given


def _began_at(info: workflow.Info) -> datetime:
    """When the run began, also where it was continued in a new history since."""
    noted = workflow.memo_value(BEGAN_AT, "")
    try:
        return datetime.fromisoformat(str(noted)) if noted else info.workflow_start_time
    except ValueError:  # another client's memo of that name
        return info.workflow_start_time


def _is_scheduled() -> bool:
    return workflow.info().typed_search_attributes.get(_SCHEDULE) is not None
