"""What the line of a key needs of the worker: starts are handed in, and runs that it has not started waited for."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from temporalio import activity
from temporalio.client import WorkflowExecutionStatus
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from resolute.plan.errors import PayloadTooLargeError
from resolute.plan.values import Json, JsonObject
from resolute.running.line import LineFullError, start_from
from resolute.running.messages import MessageRefusedError
from resolute.temporal.client.keyed import hand_in
from resolute.temporal.trust.seals import PlanKeys

_PATIENCE: Final = timedelta(seconds=10)


async def hand_over(arguments: JsonObject, keys: PlanKeys) -> Json:
    """Hands the start of a run in."""
    info = activity.info()
    start = start_from(arguments["start"])
    try:
        handed = await hand_in(
            activity.client(),
            info.workflow_type or "",
            str(arguments["run"]),
            start,
            task_queue=info.task_queue,
            keys=keys,
            patience=_PATIENCE,
        )
    except (LineFullError, MessageRefusedError, PayloadTooLargeError) as error:
        raise ApplicationError(str(error), type=type(error).__name__, non_retryable=True) from None
    return handed.as_json()


async def await_run(arguments: JsonObject) -> None:
    """Ends when no run with a workflow id goes on; until then it fails and is tried again."""
    run = str(arguments["run"])
    try:
        found = await activity.client().get_workflow_handle(run).describe()
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            return
        raise
    if found.status == WorkflowExecutionStatus.RUNNING:
        raise ApplicationError(f"run {run} goes on", type="RunGoesOn")
