"""The open gates of runs: finds them, describes one, and decides it."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, cast

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from resolute.plan.plan import Plan
from resolute.plan.step import walk
from resolute.plan.values import Json, JsonObject
from resolute.running.messages import Message
from resolute.running.report import RunReport, StepReport
from resolute.temporal.history.histories import ReadRun
from resolute.temporal.history.reading import read_history
from resolute.temporal.history.replaying import replayed
from resolute.temporal.history.runs import RunDescription, describe_run
from resolute.temporal.trust.seals import PlanKeys
from resolute.temporal.wire.finding import RunKey, UnknownRunError, quoted
from resolute.temporal.wire.messages import ask_run
from resolute.temporal.wire.updates import PATIENCE

AT_ONCE: Final = 32
"""Runs that are read at the same time."""


@dataclass(frozen=True, kw_only=True)
class GateOfRun:
    """A gate of a run. `decisions` are what people have said so far, `form` is a JSON Schema."""

    workflow_id: str
    run_id: str
    flow: str
    gate: str
    status: str
    since: datetime | None
    until: datetime | None
    ask: str
    approvers: tuple[str, ...] | None
    quorum: int
    decisions: tuple[JsonObject, ...]
    form: JsonObject | None

    @property
    def is_open(self) -> bool:
        """Whether it can be decided."""
        return self.status == "running"


async def open_gates(client: Client, *, flow: str | None = None, limit: int = 200) -> list[GateOfRun]:
    """The gates that wait for somebody, those of the latest runs first; read from histories, so no worker is needed.

    Raises:
        temporalio.service.RPCError: Temporal refused, or did not answer.
    """
    query = "ExecutionStatus = 'Running'" + (f" AND WorkflowType = {quoted(flow)}" if flow else "")
    found: list[GateOfRun] = []
    batch: list[RunKey] = []
    async for run in client.list_workflows(query):
        batch.append(RunKey(run.id, run.run_id))
        if len(batch) == AT_ONCE:
            found += await _gates_of(client, batch)
            batch = []
            if len(found) >= limit:
                return found[:limit]
    return [*found, *await _gates_of(client, batch)][:limit]


async def _gates_of(client: Client, runs: list[RunKey]) -> list[GateOfRun]:
    groups = await asyncio.gather(*(open_gates_in(client, key) for key in runs))
    return [gate for group in groups for gate in group or ()]


async def open_gates_in(client: Client, key: RunKey) -> list[GateOfRun] | None:
    """The gates of one run that wait for somebody; None where its plan has no gate, so that it need not be asked again.

    Raises:
        temporalio.service.RPCError: Temporal refused, or did not answer.
    """
    try:
        history = await client.get_workflow_handle(key.workflow_id, run_id=key.run_id).fetch_history()
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            return []  # it has ended since
        raise
    recorded = await read_history([list(history.events)], client.data_converter)
    plan = recorded.start.plan or recorded.plan
    if plan is not None and not _has_gates(plan):
        return None
    return open_gates_read(ReadRun(recorded, await replayed(recorded)), key)


def open_gates_read(read: ReadRun, key: RunKey) -> list[GateOfRun] | None:
    """The same of a run that was read."""
    plan, report = read.plan, read.report
    if plan is None or report is None or read.recorded.has_ended:
        return []
    return [gate for gate in _gates(report, key, plan.name) if gate.is_open] if _has_gates(plan) else None


def _has_gates(plan: Plan) -> bool:
    return any(step.kind == "gate" for step in walk((*plan.steps, *plan.on_failure)))


def _gates(report: RunReport, key: RunKey, flow: str) -> list[GateOfRun]:
    return [_gate(step, key, flow) for step in report.steps if step.kind == "gate" and step.details]


def _gate(step: StepReport, key: RunKey, flow: str) -> GateOfRun:
    details: dict[str, Any] = dict(step.details)
    until, approvers = details.get("until"), details.get("approvers")
    return GateOfRun(
        workflow_id=key.workflow_id,
        run_id=key.run_id,
        flow=flow,
        gate=step.id,
        status=step.status,
        since=step.started_at,
        until=datetime.fromisoformat(until) if until else None,
        ask=str(details.get("ask") or ""),
        approvers=None if approvers is None else tuple(approvers),
        quorum=int(details.get("quorum", 1)),
        decisions=tuple(details.get("decisions", ())),
        form=cast("JsonObject | None", details.get("form")),
    )


async def gate_of_run(client: Client, workflow_id: str, first_run_id: str, gate: str) -> GateOfRun:
    """A gate of a run that began with a run id, in whatever history the run is now.

    A gate that is open stands in the latest history, so however long the run is, no more than that is read for it.

    Raises:
        UnknownRunError: there is no such run any more, or it has not come to the gate.
        temporalio.service.RPCError: Temporal refused, or did not answer.
    """
    gone = UnknownRunError("the run is not there any more")
    try:
        description = await client.get_workflow_handle(workflow_id).describe()
    except RPCError as error:
        if error.status in {RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT}:
            raise gone from None
        raise
    first = description.raw_description.workflow_execution_info.first_run_id or description.run_id
    if first != first_run_id:
        raise gone
    try:
        return gate_in(await describe_run(client, workflow_id, description.run_id, parts=1), gate)
    except UnknownRunError:
        return gate_in(await describe_run(client, workflow_id, description.run_id), gate)  # it was decided before


def gate_in(found: RunDescription, gate: str) -> GateOfRun:
    """A gate of a run that was described.

    Raises:
        UnknownRunError: the run has not come to the gate.
    """
    summary = found.summary
    latest = RunKey(summary.workflow_id, summary.run_id)
    for each in _gates(found.report, latest, summary.flow) if found.report else ():
        if each.gate == gate:
            return each
    raise UnknownRunError(f"the run is not at gate {gate!r}")


async def decide_gate(
    client: Client,
    key: RunKey,
    gate: str,
    *,
    approve: bool,
    by: str,
    reason: str = "",
    form: Json = None,
    keys: PlanKeys,
    patience: timedelta = PATIENCE,
) -> JsonObject:
    """Decides a gate, and gives what the run answers.

    Raises:
        MessageRefusedError: the run does not take the decision; says why.
        NotListeningError: the run has ended.
        NoAnswerYetError: the run has not answered within `patience`.
        temporalio.service.RPCError: Temporal refused, or did not answer.
    """
    data: dict[str, Json] = {"reason": reason}
    if form is not None:
        data["form"] = form
    word = "approve" if approve else "reject"
    message = Message(to=f"gate:{gate}", word=word, id=uuid.uuid4().hex, data=data, by=by)
    return cast("JsonObject", await ask_run(client, key, message, keys, patience=patience))
