"""What a heartbeat needs of the worker: whether beats could be heard, and that a run's start is handed in."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from temporalio import activity
from temporalio.client import WorkflowExecutionStatus
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from resolute.plan.errors import UnknownFlowError
from resolute.plan.values import Json, JsonObject
from resolute.running.beats import Ended
from resolute.running.line import Start
from resolute.running.shared.asking import Asking
from resolute.running.shared.attendance import ATTENDANCE, DEAF
from resolute.temporal.client.keyed import hand_in
from resolute.temporal.client.sharing import ask_shared_once
from resolute.temporal.history.runs import status_of
from resolute.temporal.trust.seals import PlanKeys
from resolute.temporal.wire.start import without_plan
from resolute.writing.flow import Flow

_PATIENCE: Final = timedelta(seconds=10)


async def listened(arguments: JsonObject, keys: PlanKeys) -> Json:
    """For how long nobody could hear beats around a time; null if somebody always could."""
    asking = Asking(step="heartbeat", of=ATTENDANCE, word=DEAF, data=arguments)
    return await ask_shared_once(activity.client(), activity.info().task_queue, asking, keys=keys)


async def start_overdue(arguments: JsonObject, flow: Flow | None, keys: PlanKeys) -> Json:
    """Hands the start of a run in to the line of its heartbeat, which starts one run after the other.

    Raises:
        ApplicationError: this worker does not know the flow; another one may, so it is tried again.
    """
    name, path = str(arguments["flow"]), str(arguments["path"])
    if flow is None:
        message = f"no flow {name!r} on this worker, and a heartbeat wants a run of it: resolute beats delete"
        raise ApplicationError(message, type=UnknownFlowError.__name__)
    start = Start(
        id=str(arguments["id"]),
        argument=without_plan(arguments["input"]),
        while_running="queue",
        by=f"heartbeat {path}",
    )
    info = activity.info()
    # A line of their own: no shadow waits for a live run.
    run = overdue_run(name, path) + ("/shadow" if flow.plan.is_dry else "")
    handed = await hand_in(
        activity.client(), name, run, start, task_queue=info.task_queue, keys=keys, patience=_PATIENCE
    )
    return handed.as_json()


async def overdue_ended(arguments: JsonObject, flow: Flow | None) -> Ended:
    """What became of the latest run that a heartbeat has started. One that a person ended is done."""
    run = overdue_run(str(arguments["flow"]), str(arguments["path"]))
    run += "/shadow" if flow is not None and flow.plan.is_dry else ""
    try:
        found = await activity.client().get_workflow_handle(run).describe()
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            return "done"
        raise
    if found.status == WorkflowExecutionStatus.RUNNING:
        return "running"
    return "failed" if await status_of(found) in ("failed", "timed_out") else "done"


def overdue_run(flow: str, path: str) -> str:
    """The workflow id of the runs that a heartbeat starts."""
    return f"{flow}/heartbeat{path}"
