"""Reads the ledger from Temporal: what each run of a flow came to, and which times of its schedule had no run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, cast

from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus
from temporalio.service import RPCError

from resolute.plan.errors import UnknownFlowError
from resolute.plan.triggers import Schedule
from resolute.running.ledger import Check, Paging, check_of
from resolute.temporal.history.histories import ReadRun
from resolute.temporal.history.reading import SCHEDULED_FOR, read_history
from resolute.temporal.history.replaying import replayed
from resolute.temporal.history.runs import RunSummary, status_of, summary_of
from resolute.temporal.schedules.control import describe_schedule
from resolute.temporal.wire.finding import quoted
from resolute.temporal.wire.parts import NOT_CONTINUED, histories

log = logging.getLogger(__name__)

MOST: Final = 10_000
"""Runs of one flow that are read at a time."""

_AT_ONCE: Final = 8
"""Histories that Temporal is asked for at the same time."""

_MARGIN: Final = timedelta(minutes=2)
"""How long after its time a run may still come that has not begun."""

_OURS: Final = "resolute."
"""How the types of the small workflows begin that keep something for flows, and are no runs of any."""

_PARTS: Final = 1000
"""Times of a schedule that are asked for at once."""


@dataclass
class Ledger:
    """The checks of one flow, newest first. `cut` is set where there were more than are read at a time.

    `going` runs have not ended. Of those that had to do with what was looked for, `running` says which, newest first;
    `unread` of the runs that were looked through could not be read.
    """

    flow: str
    checks: list[Check] = field(default_factory=list[Check])
    cut: bool = False
    going: int = 0
    running: list[RunSummary] = field(default_factory=list[RunSummary])
    unread: int = 0


async def ledger(
    client: Client,
    flow: str,
    *,
    since: datetime,
    until: datetime | None = None,
    paging: Paging = lambda _: "",
    naming: str = "",
) -> Ledger:
    """Every check of a flow since a time: its runs, and the times at which its schedule started none.

    Runs that have not ended count only where they wait for a person. A time without a run counts up to `until`, by
    default two minutes ago: until then a run may still come. With `naming` only those runs count that were given that
    text, or in which a step was given it or gave it; and those that are still going on whenever they began.

    Raises:
        temporalio.service.RPCError: Temporal refused or did not answer.
    """
    found, until = Ledger(flow), until or datetime.now(UTC) - _MARGIN
    query = f"WorkflowType = {quoted(flow)} AND {_since(since, or_going=bool(naming))} AND {NOT_CONTINUED}"
    runs = [run async for run in client.list_workflows(query, limit=MOST + 1)]
    found.cut, runs = len(runs) > MOST, runs[:MOST]
    places = asyncio.Semaphore(_AT_ONCE)

    async def read(run: WorkflowExecution) -> Check | None:
        async with places:
            try:
                known = await _read(client, run)
            except RPCError:
                raise
            except Exception as error:
                if not naming:
                    raise
                # It is none of ours: a workflow of others may hold anything.
                log.info("run %s of %s cannot be read: %s", run.id, flow, type(error).__name__)
                found.unread += 1
                return None
            said = await checked(run, known, paging=paging, naming=naming)
            is_open = run.status == WorkflowExecutionStatus.RUNNING
            if said is None and naming and is_open and names(known, naming):
                found.running.append(await summary_of(run))
            return said

    checks = await asyncio.gather(*(read(run) for run in runs))
    found.checks = [each for each in checks if each is not None]
    found.going = sum(run.close_time is None for run in runs)
    if not found.cut and not naming:
        found.checks += await _without_run(client, flow, runs, since=since, until=until)
    found.checks.sort(key=lambda each: (each.at, each.run), reverse=True)
    found.running.sort(key=_began, reverse=True)
    return found


def _began(run: RunSummary) -> tuple[datetime, str]:
    return run.started_at, run.workflow_id


def _since(since: datetime, *, or_going: bool = False) -> str:
    """The query for runs that began since a time; with `or_going` also for earlier ones that are still going on."""
    began = f"StartTime >= '{since.isoformat()}'"
    return f"({began} OR ExecutionStatus = 'Running')" if or_going else began


async def _read(client: Client, run: WorkflowExecution) -> ReadRun:
    recorded = await read_history(await histories(client, run.id, run.run_id), client.data_converter)
    return ReadRun(recorded, await replayed(recorded))


async def check(client: Client, run: WorkflowExecution, *, paging: Paging = lambda _: "") -> Check | None:
    """What one run came to; see `checked`.

    Raises:
        temporalio.service.RPCError: Temporal refused or did not answer.
    """
    return await checked(run, await _read(client, run), paging=paging)


async def checked(
    run: WorkflowExecution, read: ReadRun, *, paging: Paging = lambda _: "", naming: str = ""
) -> Check | None:
    """What one run came to; None where it has not ended, and waits for nobody, or has nothing to do with `naming`."""
    status = await status_of(run)
    recorded, report, plan = read.recorded, read.report, read.plan
    at = recorded.scheduled_for or recorded.began_at
    if report is None or plan is None:
        if status == "running" or naming:
            return None
        return Check(flow=run.workflow_type, outcome="broken", at=at, run=run.id, run_id=run.run_id, said=_ended(run))
    if status == "running" and not any(step.status == "held" for step in report.steps):
        return None
    if naming and not names(read, naming):
        return None
    return check_of(
        plan,
        report.model_copy(update={"status": status}),
        at=at,
        began_at=recorded.began_at,
        ended_at=run.close_time,
        run=run.id,
        run_id=run.run_id,
        paging=paging,
    )


def names(read: ReadRun, text: str) -> bool:
    """Whether a run was given a text, or a step of it was given it or gave it."""
    steps = read.report.steps if read.report is not None else ()
    given = (each for step in steps for each in (step.arguments, step.output))
    return any(_names(value, text) for value in (read.recorded.start.input, *given))


def _names(value: object, text: str) -> bool:
    match value:
        case Mapping():
            return any(_names(each, text) for each in cast("Mapping[str, object]", value).values())
        case list() | tuple():
            return any(_names(each, text) for each in cast("Sequence[object]", value))
        case _:
            return value == text


def _ended(run: WorkflowExecution) -> str:
    how = run.status.name.lower().replace("_", " ") if run.status is not None else "ended"
    return f"{how} before its first step"


async def _without_run(
    client: Client, flow: str, runs: Sequence[WorkflowExecution], *, since: datetime, until: datetime
) -> list[Check]:
    """The times at which the flow's schedule had a run due, and none started."""
    try:
        schedule = await describe_schedule(client, flow)
    except UnknownFlowError:
        return []
    if schedule.trigger is None or schedule.changed_at is None:
        return []
    now = datetime.now(UTC)
    begun = {due for run in runs if (due := run.typed_search_attributes.get(SCHEDULED_FOR)) is not None}
    jitter = timedelta(seconds=schedule.trigger.jitter_seconds)
    missing: list[Check] = []
    for due in due_times(schedule.trigger, max(since, schedule.changed_at), until - jitter):
        if any(due <= each <= due + jitter for each in (begun if jitter else begun & {due})):
            continue
        going = next((run for run in runs if run.start_time < due and (run.close_time or now) > due), None)
        said = f"{going.id} was still running" if going else "no run started"
        if schedule.paused and going is None:
            said = f"the schedule is paused: {schedule.note}" if schedule.note else "the schedule is paused"
        missing.append(Check(flow=flow, outcome="skipped", at=due.astimezone(UTC), said=said))
    return missing


def due_times(schedule: Schedule, after: datetime, until: datetime) -> Iterator[datetime]:
    """The times at which a schedule has a run due, after a time and up to another, before jitter."""
    while True:
        times = schedule.next_times(after, _PARTS)
        for due in times:
            if due > until:
                return
            yield due
        if not times:
            return
        after = times[-1]


async def is_flow(client: Client, name: str) -> bool:
    """Whether Temporal knows a run of a flow of that name.

    Raises:
        temporalio.service.RPCError: Temporal refused or did not answer.
    """
    return bool([run async for run in client.list_workflows(f"WorkflowType = {quoted(name)}", limit=1)])


async def flows_since(client: Client, since: datetime, *, or_going: bool = False) -> list[str]:
    """The names of the flows that had runs since a time, in order; with `or_going` also of older open runs.

    Raises:
        temporalio.service.RPCError: Temporal refused or did not answer.
    """
    query = f"{_since(since, or_going=or_going)} AND {NOT_CONTINUED}"
    found = [run.workflow_type async for run in client.list_workflows(query, limit=MOST)]
    return sorted({flow for flow in found if not flow.startswith(_OURS)})


async def about(client: Client, incident: str, *, since: datetime, paging: Paging = lambda _: "") -> Ledger:
    """The checks of all flows that had to do with an incident, and the runs that still have: see `names`.

    Raises:
        temporalio.service.RPCError: Temporal refused or did not answer.
    """
    found = Ledger(incident)
    for flow in await flows_since(client, since, or_going=True):
        of_flow = await ledger(client, flow, since=since, paging=paging, naming=incident)
        found.checks += of_flow.checks
        found.running += of_flow.running
        found.unread += of_flow.unread
        found.cut |= of_flow.cut
    found.checks.sort(key=lambda each: (each.at, each.run), reverse=True)
    found.running.sort(key=_began, reverse=True)
    return found
