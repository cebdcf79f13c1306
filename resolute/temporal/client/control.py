"""Cancels a run, and retries the failed step of a failed run."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType, ResetReapplyType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client, WorkflowExecutionStatus

from resolute.plan.errors import ConfigurationError
from resolute.plan.kinds.call import calls_in
from resolute.running.outcomes import outcomes_from
from resolute.temporal.history.reading import read_history
from resolute.temporal.history.runs import describe_run
from resolute.temporal.wire.finding import RunKey
from resolute.temporal.wire.ids import activity_id
from resolute.temporal.wire.parts import described


class NotRetriedError(ConfigurationError):
    """A run cannot retry its failed step."""


class NotRunningError(ConfigurationError):
    """A run has already ended, so it cannot be stopped."""


async def cancel_run(client: Client, key: RunKey) -> None:
    """Cancels a run: its running steps are cancelled, and what must be undone is undone.

    Raises:
        NotRunningError: it has already ended.
        temporalio.service.RPCError: Temporal refused, or did not answer.
    """
    found = await described(client, key.workflow_id, key.run_id)
    if found.status != WorkflowExecutionStatus.RUNNING:
        raise NotRunningError(f"run {key.workflow_id} has already ended: there is nothing to cancel")
    # By its first history, so that the cancel finds the run wherever it has been continued meanwhile.
    first = found.raw_description.workflow_execution_info.first_run_id or found.run_id
    await client.get_workflow_handle(key.workflow_id, first_execution_run_id=first).cancel()


async def is_running(client: Client, key: RunKey) -> bool:
    """Whether a run has not ended yet.

    Raises:
        temporalio.service.RPCError: Temporal refused, or did not answer.
    """
    described = await client.get_workflow_handle(key.workflow_id, run_id=key.run_id).describe()
    return described.status in (WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.CONTINUED_AS_NEW)


async def retry_run(client: Client, key: RunKey, step: str | None = None) -> tuple[RunKey, str]:
    """Resumes a failed run at the step that failed, with everything before it unchanged.

    `step`, where it is given, has to be that step.

    Temporal calls this a reset. The run continues with the plan that it started with, under the same workflow id and a
    new run id. Returns the new run, and the step that is retried.

    Raises:
        NotRetriedError: the run did not fail at a step, failed in a history that it was continued from since, or its
            undo steps have already run.
        temporalio.service.RPCError: Temporal refused, or did not answer.
    """
    run = await describe_run(client, key.workflow_id, key.run_id)
    report, plan = run.report, run.plan
    if run.summary.status != "failed" or report is None or plan is None:
        raise NotRetriedError(f"run {key.workflow_id} is {run.summary.status}: only a failed run can be retried")
    if report.failure is None or not report.failure.step:
        raise NotRetriedError(f"run {key.workflow_id} did not fail at a step: start a new run")
    if step not in (None, report.failure.step):
        raise NotRetriedError(
            f"run {key.workflow_id} failed at step {report.failure.step!r}, not at {step!r}: only the former can be "
            "tried again"
        )
    undo = {step.id for call in calls_in(plan.steps) for step in call.undo}
    undone = [step.id for step in report.steps if step.id in undo and step.status == "completed"]
    if undone:
        raise NotRetriedError(
            f"run {key.workflow_id} has been undone ({', '.join(undone)}), so it cannot go on from step "
            f"{report.failure.step!r}: `resolute rerun {key.workflow_id} --from STEP` starts a new run from what was "
            "undone on"
        )
    history = await client.get_workflow_handle(key.workflow_id, run_id=key.run_id).fetch_history()
    recorded = await read_history([list(history.events)], client.data_converter)
    taken = recorded.start.earlier.outcomes
    if taken is not None and outcomes_from(taken).has_failed_at(report.failure.step):
        raise NotRetriedError(
            f"run {key.workflow_id} failed at step {report.failure.step!r} before the run was continued in another "
            f"history, to which Temporal cannot go back: start a new run from that step with `resolute rerun "
            f"{key.workflow_id}`"
        )
    answer = await client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=key.workflow_id, run_id=key.run_id),
            reason=f"step {report.failure.step} is tried again (resolute retry)",
            workflow_task_finish_event_id=_task_of(report.failure.step, list(history.events)),
            request_id=str(uuid.uuid4()),
            reset_reapply_type=ResetReapplyType.RESET_REAPPLY_TYPE_NONE,
        )
    )
    return RunKey(key.workflow_id, answer.run_id), report.failure.step


def _task_of(step: str, events: Sequence[HistoryEvent]) -> int:
    """The workflow task that started a step, to which Temporal resets; the last one if it started nothing."""
    last = 0
    for event in events:
        match event.event_type:
            case EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
                last = event.event_id
            case EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
                scheduled = event.activity_task_scheduled_event_attributes
                if scheduled.activity_id == activity_id(step):
                    return scheduled.workflow_task_completed_event_id
            case EventType.EVENT_TYPE_MARKER_RECORDED:
                marker = event.marker_recorded_event_attributes
                data = marker.details["data"].payloads if "data" in marker.details else ()
                if data and json.loads(data[0].data).get("activity_id") == step:
                    return marker.workflow_task_completed_event_id
            case _:
                pass
    return last
