"""Asks Temporal for runs: lists them, and describes one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

from temporalio.api.enums.v1 import PendingActivityState, PendingWorkflowTaskState, TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client, WorkflowExecution, WorkflowExecutionDescription, WorkflowExecutionStatus
from temporalio.common import SearchAttributeKey
from temporalio.exceptions import FailureError
from temporalio.service import RPCError, RPCStatusCode

from resolute.plan.plan import Mode, Plan
from resolute.running.report import Failure, RunReport, RunStatus, StepReport
from resolute.temporal.history.histories import ReadRun
from resolute.temporal.history.reading import read_history
from resolute.temporal.history.recorded import Recorded
from resolute.temporal.history.replaying import replayed
from resolute.temporal.wire.attempts import attempts_in, split
from resolute.temporal.wire.failures import ENDED, last_failure, run_failure_of
from resolute.temporal.wire.finding import UnknownRunError, quoted
from resolute.temporal.wire.ids import activity_id
from resolute.temporal.wire.memos import noted
from resolute.temporal.wire.parts import MOST_PARTS, NOT_CONTINUED, described, histories
from resolute.temporal.wire.start import BEGAN_AT, MODE, STARTED_BY
from resolute.temporal.wire.switches import SWITCHES
from resolute.temporal.workflows.beats import HEARTBEAT
from resolute.temporal.workflows.keeper import LINE
from resolute.temporal.workflows.runtime import STANDING
from resolute.temporal.workflows.shared import SHARED

_POLLS_AT_LEAST: Final = timedelta(seconds=75)
"""A poll takes at most a minute, so a worker that has not polled for longer is gone."""

_SCHEDULED: Final = SearchAttributeKey.for_keyword("TemporalScheduledById")

_STATUSES: Final[Mapping[WorkflowExecutionStatus, RunStatus]] = {
    WorkflowExecutionStatus.COMPLETED: "completed",
    WorkflowExecutionStatus.FAILED: "failed",
    WorkflowExecutionStatus.CANCELED: "cancelled",
    WorkflowExecutionStatus.TERMINATED: "terminated",
    WorkflowExecutionStatus.TIMED_OUT: "timed_out",
}
_NAMES: Final = {
    "running": "Running",
    "completed": "Completed",
    "failed": "Failed",
    "cancelled": "Canceled",
    "terminated": "Terminated",
    "timed_out": "TimedOut",
}


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """One run in a list. `started_by` is `schedule`, `webhook /path`, `agent` or `request`; empty where unknown.

    A run in a `mode` other than "live" writes nothing. `paused` and `stopped` are those of `StandingRun`.
    """

    workflow_id: str
    run_id: str
    flow: str
    status: RunStatus
    started_at: datetime
    ended_at: datetime | None
    task_queue: str
    started_by: str = ""
    mode: Mode = "live"
    paused: Mapping[str, Any] | None = None
    stopped: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class RunDescription:
    """One complete run. `plan` and `report` are None if the run has not started to run its plan.

    `unpolled` are the task queues that it waits for but no worker polls. `failure` says why the run itself ended, even
    if that was before it had a plan. `handed_back` says why it waits for another worker than the one that was given it.
    `trace_id` is that of its trace; empty where its history names none.
    """

    summary: RunSummary
    plan: Plan | None
    report: RunReport | None
    unpolled: tuple[str, ...] = ()
    failure: Failure | None = None
    handed_back: Failure | None = None
    trace_id: str = ""


async def list_runs(
    client: Client,
    *,
    flows: Sequence[str] = (),
    status: RunStatus | None = None,
    task_queue: str | None = None,
    limit: int = 50,
) -> list[RunSummary]:
    """The latest runs, newest first.

    Raises:
        temporalio.service.RPCError: Temporal refused or did not answer.
    """
    clauses: list[str] = []
    if status is None:
        clauses.append(NOT_CONTINUED)
    if flows:
        clauses.append("WorkflowType IN (" + ", ".join(quoted(flow) for flow in flows) + ")")
    else:
        # Which keep starts, switches, heartbeats and what runs share, and are no runs.
        clauses += [f"WorkflowType != {quoted(kind)}" for kind in (LINE, SWITCHES, HEARTBEAT, SHARED)]
    if status is not None:
        # Temporal counts as failed what ends by itself, with undo: the memo says that it was cancelled, or out of time.
        names = [_NAMES[status], *([_NAMES["failed"]] if status in ("cancelled", "timed_out") else [])]
        clauses.append("ExecutionStatus IN (" + ", ".join(quoted(name) for name in names) + ")")
    if task_queue is not None:
        clauses.append(f"TaskQueue = {quoted(task_queue)}")
    found: list[RunSummary] = []
    async for run in client.list_workflows(" AND ".join(clauses)):
        if len(found) == limit:
            break
        summary = await summary_of(run)
        if status in {None, summary.status}:
            found.append(summary)
    return found


async def describe_run(
    client: Client, workflow_id: str, run_id: str | None = None, *, parts: int = MOST_PARTS
) -> RunDescription:
    """The state of a run, read from the latest of its histories, so many of them: no worker is needed.

    Raises:
        UnknownRunError: Temporal knows no such run, or no longer.
        temporalio.service.RPCError: Temporal refused or did not answer.
    """
    try:
        description = await described(client, workflow_id, run_id)
        read = await histories(client, workflow_id, description.run_id, most=parts)
    except RPCError as error:
        if error.status in {RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT}:
            raise UnknownRunError(
                f"Temporal knows no run {workflow_id!r}, or no longer: see `resolute runs` for the ones it has"
            ) from None
        raise
    recorded = await read_history(read, client.data_converter)
    return await describe_read(client, description, ReadRun(recorded, await replayed(recorded)))


async def describe_read(client: Client, description: WorkflowExecutionDescription, read: ReadRun) -> RunDescription:
    """The state of a run whose histories were read.

    Raises:
        temporalio.service.RPCError: Temporal refused or did not answer.
    """
    recorded, report = read.recorded, read.report
    summary = await summary_of(description)
    if report is not None:
        update: dict[str, object] = {"status": summary.status}
        if report.failure is None:
            update["failure"] = run_failure_of(recorded.failure)
        report = report.model_copy(update=update)
        report = await _with_pending(client, report, description)
    unpolled = await _unpolled(client, description, recorded)
    return RunDescription(
        summary=summary,
        plan=read.plan,
        report=report,
        unpolled=unpolled,
        failure=run_failure_of(recorded.failure),
        handed_back=run_failure_of(recorded.handed_back),
        trace_id=recorded.trace_id,
    )


async def _unpolled(client: Client, description: WorkflowExecutionDescription, recorded: Recorded) -> tuple[str, ...]:
    """The task queues of waiting tasks that no worker polls."""
    raw = description.raw_description
    wanted: dict[tuple[str, TaskQueueType.ValueType], None] = {}
    answers = {activity_id(step): answer for step, answer in recorded.answers.items()}
    waiting = PendingWorkflowTaskState.PENDING_WORKFLOW_TASK_STATE_SCHEDULED
    if raw.HasField("pending_workflow_task") and raw.pending_workflow_task.state == waiting:
        wanted[description.task_queue, TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW] = None
    for pending in raw.pending_activities:
        answer = answers.get(pending.activity_id)
        if answer and answer.queue and pending.state == PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED:
            wanted[answer.queue, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY] = None
    return tuple(dict.fromkeys([name for name, kind in wanted if not await is_polled(client, name, kind)]))


async def is_polled(
    client: Client,
    task_queue: str,
    kind: TaskQueueType.ValueType = TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
) -> bool:
    """Whether a worker polls a task queue, as far as Temporal knows: a killed one counts for another minute."""
    answer = await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=client.namespace, task_queue=TaskQueue(name=task_queue), task_queue_type=kind
        )
    )
    recently = datetime.now(UTC) - _POLLS_AT_LEAST
    return any(poller.last_access_time.ToDatetime(tzinfo=UTC) > recently for poller in answer.pollers)


async def _with_pending(client: Client, report: RunReport, description: WorkflowExecutionDescription) -> RunReport:
    """Adds to running steps their attempt, and why the last one failed; an ended run has no running steps."""
    steps = {step.id: step for step in report.steps}
    known = {activity_id(step_id): step_id for step_id in steps}
    for pending in description.raw_description.pending_activities:
        step = steps.get(known.get(pending.activity_id, ""))
        if step is None:
            continue
        changes: dict[str, object] = {"status": "running", "attempt": pending.attempt}
        if pending.HasField("last_failure"):
            error = await client.data_converter.decode_failure(pending.last_failure)
            changes |= {"failure": last_failure(step.id, step.node or "", error), "attempts": attempts_in(error)}
            changes["trace"] = error.failure.stack_trace if isinstance(error, FailureError) and error.failure else ""
        if pending.HasField("heartbeat_details"):
            details = await client.data_converter.decode(list(pending.heartbeat_details.payloads))
            changes["heartbeat"] = split(details)[0]
        steps[step.id] = step.model_copy(update=changes)
    ended = report.status != "running"
    ordered: tuple[StepReport, ...] = tuple(
        step.model_copy(update={"status": "cancelled"}) if ended and step.status in ("running", "held") else step
        for step in (steps[each.id] for each in report.steps)
    )
    return report.model_copy(update={"steps": ordered})


async def summary_of(run: WorkflowExecution) -> RunSummary:
    """A run as a list shows it, of what Temporal lists or describes."""
    running = run.status == WorkflowExecutionStatus.RUNNING
    standing: Mapping[str, Any] = (await noted(run, STANDING, None) or {}) if running else {}
    return RunSummary(
        workflow_id=run.id,
        run_id=run.run_id,
        flow=run.workflow_type,
        status=await status_of(run),
        started_at=await _began_at(run),
        ended_at=run.close_time,
        task_queue=run.task_queue,
        started_by=await _started_by(run),
        mode=await _mode(run),
        paused=standing.get("paused"),
        stopped=standing.get("stopped"),
    )


async def _started_by(run: WorkflowExecution) -> str:
    if run.typed_search_attributes.get(_SCHEDULED) is not None:
        return "schedule"
    return str(await noted(run, STARTED_BY, ""))


async def _mode(run: WorkflowExecution) -> Mode:
    said = await noted(run, MODE)
    return cast("Mode", said) if said in ("dry", "shadow") else "live"


async def _began_at(run: WorkflowExecution) -> datetime:
    """When the run began, also where it was continued in a new history since."""
    said = await noted(run, BEGAN_AT)
    try:
        return datetime.fromisoformat(str(said)) if said else run.start_time
    except ValueError:  # another client's memo of that name
        return run.start_time


async def status_of(run: WorkflowExecution) -> RunStatus:
    """The status of a run as people call it, also of one that Temporal calls failed because it undid its work first."""
    status: RunStatus = _STATUSES.get(run.status or WorkflowExecutionStatus.RUNNING, "running")
    if status == "failed" and (ended := await noted(run, ENDED, None)) in ("cancelled", "timed_out"):
        return cast("RunStatus", ended)
    return status
