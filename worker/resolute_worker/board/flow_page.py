"""One flow: its plan, its latest runs, when it runs next, how long its steps take, and its versions."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from resolute.plan.errors import UnknownFlowError
from resolute.plan.picture import picture
from resolute.plan.plan import Plan
from resolute.temporal.history.runs import RunSummary, list_runs
from resolute.temporal.schedules.control import DeployedSchedule, describe_schedule
from resolute.writing.diagram import outline
from resolute_worker.board.board import Board
from resolute_worker.board.durations import Past, took
from resolute_worker.board.steps import rows_of
from resolute_worker.starting import known_plan

STRIP: Final = 100
"""Runs in the strip."""


@dataclass(frozen=True, kw_only=True)
class Version:
    """One version of a flow, by its latest run: what is different from the version before it."""

    fingerprint: str
    latest: RunSummary
    difference: str


async def flow_page(board: Board, request: Request) -> Response:
    """The page of a flow by its name."""
    name = request.query_params.get("name", "")
    runs = await list_runs(board.client, flows=[name], limit=STRIP)
    schedule = await _schedule(board, name)
    known = await known_plan(board.client, name)
    if not runs and schedule is None:
        said = f"Temporal knows no run and no schedule of a flow {name!r}. Start one: resolute run {name}"
        return await board.refuse(request, "No such flow", said, 404)
    past = await board.durations.of(runs)
    plan = known[0] if known else next((each.plan for _, each in past if each.plan), None)
    sight = await board.poll.latest()
    values = {
        "name": name,
        "plan": plan,
        "steps": rows_of(picture(plan).steps) if plan else (),
        "on_failure": rows_of(picture(plan).on_failure) if plan else (),
        "triggers": picture(plan).triggers if plan else (),
        "runs": runs,
        "strip": [(run, index) for index, run in enumerate(reversed(runs))],
        "schedule": schedule,
        "took": took([each for _, each in past]),
        "read": len(past),
        "versions": versions(past),
        "pause": sight.switches.flows.get(name),
    }
    return await board.page(request, "flow", values, title=name, live=True, version=sight.version, sight=sight)


async def _schedule(board: Board, flow: str) -> DeployedSchedule | None:
    try:
        return await describe_schedule(board.client, flow)
    except UnknownFlowError:
        return None


def versions(past: Sequence[tuple[RunSummary, Past]]) -> list[Version]:
    """The versions of a flow that have run, newest first."""
    found: list[tuple[Plan, RunSummary]] = []
    for run, each in past:
        if each.plan and all(each.plan.fingerprint != plan.fingerprint for plan, _ in found):
            found.append((each.plan, run))
    before = [plan for plan, _ in found[1:]]
    return [
        Version(fingerprint=plan.fingerprint, latest=run, difference=_difference(older, plan))
        for (plan, run), older in zip(found, [*before, None], strict=True)
    ]


def _difference(older: Plan | None, newer: Plan) -> str:
    if older is None:
        return ""
    old, new = outline(older).splitlines(), outline(newer).splitlines()
    lines = [line for line in difflib.unified_diff(old, new, lineterm="", n=2) if not line.startswith(("---", "+++"))]
    return "\n".join(lines) or "the same steps, with other arguments, policies or triggers"
