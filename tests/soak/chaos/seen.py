"""What the simulator's log and the histories show of runs, as the values that the checker reads."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowExecution

from resolute_pagerduty.simulator import Recorded as Request
from resolute_pagerduty.simulator import Simulator
from tests.simulation.checker import Asked, Check, Effect, Evidence, Opened, Recorded, RunEnd, RunTold
from tests.soak.chaos.flows import GRANTED, OURS

UNDO: Final = {"open_a": "close_a", "open_b": "close_b"}
UNDOES: Final = {undo: step for step, undo in UNDO.items()}
AT_ONCE: Final = 8
"""Histories that are read at the same time."""

_QUERY: Final = " OR ".join(f"WorkflowType = '{name}'" for name in OURS)
_ENDS: Final[dict[str, RunEnd]] = {
    "COMPLETED": "completed",
    "FAILED": "failed",
    "CANCELED": "cancelled",
    "TIMED_OUT": "timed_out",
    "TERMINATED": "terminated",
    "RUNNING": "running",
}


@dataclass(frozen=True)
class _Seen:
    """A run, and what it came to know: how a thing is that it watches, whether a budget granted what it asked for."""

    run: RunTold
    sight: str | None
    granted: tuple[str, bool] | None


async def open_runs(client: Client) -> int:
    """How many runs have not ended."""
    return (await client.count_workflows(f"ExecutionStatus = 'Running' AND ({_QUERY})")).count


async def failures(client: Client) -> Counter[str]:
    """Why runs failed, and how many of each flow."""
    why: Counter[str] = Counter()
    async for run in client.list_workflows(f"ExecutionStatus = 'Failed' AND ({_QUERY})"):
        history = await client.get_workflow_handle(run.id, run_id=run.run_id).fetch_history()
        failure = history.events[-1].workflow_execution_failed_event_attributes.failure
        why[f"{run.workflow_type}: {failure.message[:300]}"] += 1
    return why


async def evidence(client: Client, sim: Simulator) -> Evidence:
    """All that the checker has to know of the runs of the flows of chaos."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def told(run: WorkflowExecution) -> _Seen:
        async with turns:
            return await _told(client, run)

    seen = await asyncio.gather(*[told(run) async for run in client.list_workflows(_QUERY)])
    runs = [each.run for each in seen]
    done: dict[tuple[str, str], list[tuple[RunTold, str]]] = {}
    for run in runs:
        for step in run.steps:
            done.setdefault((step.does, step.key), []).append((run, step.step))
    return Evidence(
        effects=list(_effects(sim.requests, done)),
        runs=runs,
        incidents=[
            Opened(
                key=incident.key,
                opened=incident.created_at.timestamp(),
                closed=incident.resolved_at.timestamp() if incident.resolved_at else None,
            )
            for incident in sim.incidents()
        ],
        checks=sorted((_check(each.run, each.sight) for each in seen if each.sight), key=lambda check: check.at),
        asked=[_asked(each.run, *each.granted) for each in seen if each.granted],
    )


def _check(run: RunTold, sight: str) -> Check:
    calm = run.status == "completed" and all(step.ok for step in run.steps)
    return Check(at=run.ended, key="watched", bad=sight == "bad", calm=calm)


def _asked(run: RunTold, key: str, granted: bool) -> Asked:  # as it was recorded
    # When a budget was asked is not in the histories: all that it granted counts as granted first.
    at = 0.0 if granted else 1.0
    return Asked(
        at=at, of=key, run=run.run, step="granted", time=run.ended, granted=granted, at_most=GRANTED, per=86400
    )


def _effects(
    requests: Iterable[Request], done: Mapping[tuple[str, str], Sequence[tuple[RunTold, str]]]
) -> Iterable[Effect]:
    for request in requests:
        if request.status is None or request.status >= 300 or request.method != "POST":
            continue
        body: Any = json.loads(request.body)
        if request.path == "/v2/enqueue":
            does, key = str(body["event_action"]), str(body["dedup_key"])
        else:
            does, key = "note", str(body["note"]["content"]).split()[0]
        at = request.at.timestamp()
        # The runs of one key come one after the other: it is of the last one that had begun.
        of = [(run, step) for run, step in done.get((does, key), ()) if run.began <= at]
        run, step = max(of, key=lambda each: each[0].began, default=(None, ""))
        yield Effect(at=at, run=run.run if run else "", step=step, does=does, key=key, adds=does == "note")


async def _told(client: Client, run: WorkflowExecution) -> _Seen:
    events = list((await client.get_workflow_handle(run.id, run_id=run.run_id).fetch_history()).events)
    told = RunTold(
        run=f"{run.id}/{run.run_id}",
        flow=run.workflow_type,
        status=_ENDS[run.status.name] if run.status else "running",
        began=run.start_time.timestamp(),
        ended=run.close_time.timestamp() if run.close_time else float("inf"),
        holds=run.id if run.workflow_type == "alone" else "",
        steps=tuple(_steps(events)),
    )
    sight, granted = None, None
    for name, given, result in _results(events):
        if name == "sight":
            sight = str(result)
        elif name == "resolute.Share" and given.get("word") == "take":
            granted = (str(given["of"]), bool(result[0]["granted"]))
    return _Seen(told, sight, granted)


def _results(events: Sequence[HistoryEvent]) -> Iterable[tuple[str, Any, Any]]:
    """What steps of the activity lane were given, and what they completed with, by the names of their nodes."""
    for event in events:
        if event.HasField("activity_task_completed_event_attributes"):
            about = event.activity_task_completed_event_attributes
            scheduled = events[about.scheduled_event_id - 1].activity_task_scheduled_event_attributes
            given, result = (each.payloads for each in (scheduled.input, about.result))
            yield scheduled.activity_type.name, json.loads(given[0].data), json.loads(result[0].data)


def _steps(events: Sequence[HistoryEvent]) -> Iterable[Recorded]:
    """The steps of the activity lane, as the history records their ends."""
    for event in events:
        ok = event.HasField("activity_task_completed_event_attributes")
        if not (ok or event.HasField("activity_task_failed_event_attributes")):
            continue
        about = event.activity_task_completed_event_attributes if ok else event.activity_task_failed_event_attributes
        scheduled = events[about.scheduled_event_id - 1].activity_task_scheduled_event_attributes
        given: Any = json.loads(scheduled.input.payloads[0].data)
        does, key = "", ""
        match scheduled.activity_type.name:
            case "pagerduty.TriggerEvent":
                does, key = "trigger", str(given["dedup_key"])
            case "pagerduty.ResolveEvent":
                does, key = "resolve", str(given["dedup_key"])
            case "pagerduty.AddNote":
                does, key = "note", str(given["content"])
            case _:
                pass
        step = scheduled.activity_id
        yield Recorded(
            at=event.event_time.ToMicroseconds() / 1e6,
            step=step,
            ok=ok,
            does=does,
            key=key,
            undo=(UNDO[step],) if step in UNDO else (),
            undoes=UNDOES.get(step, ""),
        )
