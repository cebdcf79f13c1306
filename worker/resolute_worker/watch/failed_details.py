"""What became of a failed run, for a flow that is told of it."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Final

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHistoryEventFilterType
from temporalio.service import RPCError

from resolute.plan.errors import ResoluteError
from resolute.plan.failed_runs import FailedRun
from resolute.plan.texts import shortened
from resolute.running.report import Failure
from resolute.temporal.history.runs import RunDescription, describe_run
from resolute_worker.paging import paging
from resolute_worker.watch.ended_badly import Ended

LONGEST_MESSAGE: Final = 500


async def details_of(client: Client, ended: Ended, mask: Callable[[str], str]) -> FailedRun:
    """What the flow is told. Of a run whose record cannot be read any more, that it has failed.

    Raises:
        temporalio.service.RPCError: Temporal refused or did not answer.
    """
    run = FailedRun(
        flow=ended.flow,
        run=ended.run,
        run_id=ended.run_id,
        status=ended.status,
        ended_at=ended.at,
        show=f"resolute show {shlex.quote(ended.run)}",
    )
    try:
        found = await describe_run(client, ended.run, ended.run_id)
        failure = await _failure(client, ended, found)
    except RPCError:
        raise
    except Exception as error:  # whatever it holds: a run that has failed must be told of
        told = f"its record cannot be read: {error}" if isinstance(error, ResoluteError) else "its record is damaged"
        return run.model_copy(update={"message": shortened(mask(told), LONGEST_MESSAGE)})
    steps = found.report.steps if found.report else ()
    return run.model_copy(
        update={
            "step": failure.step,
            "error_type": failure.error_type,
            "message": shortened(mask(failure.message), LONGEST_MESSAGE),
            "started_at": found.summary.started_at,
            "started_by": found.summary.started_by,
            "paged": any(step.status == "completed" and paging(step) == "paged" for step in steps),
        }
    )


async def _failure(client: Client, ended: Ended, found: RunDescription) -> Failure:
    known = (found.report.failure if found.report else None) or found.failure
    if known is not None:
        return known
    if ended.status == "terminated":
        why = await _termination(client, ended)
        return Failure(
            step="", node="", error_type="TerminatedError", message=f"the run was terminated{why and ': '}{why}"
        )
    return Failure(step="", node="", error_type="TimeoutError", message="the run was not done in time")


async def _termination(client: Client, ended: Ended) -> str:
    handle = client.get_workflow_handle(ended.run, run_id=ended.run_id)
    async for event in handle.fetch_history_events(event_filter_type=WorkflowHistoryEventFilterType.CLOSE_EVENT):
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED:
            return event.workflow_execution_terminated_event_attributes.reason
    return ""
