"""One run, live on its own plan."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from urllib.parse import quote

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from resolute.plan.step import walk
from resolute.temporal.history.runs import RunDescription
from resolute.temporal.wire.finding import RunKey
from resolute_worker.board.board import Board
from resolute_worker.board.reads import version_of
from resolute_worker.board.steps import MOST_INNER, outline_of, shown_step
from resolute_worker.board.timeline import timeline


def key_of(request: Request) -> RunKey:
    """The run that an address names."""
    return RunKey(request.query_params.get("id", ""), request.query_params.get("run", ""))


async def run_page(board: Board, request: Request) -> Response:
    """The run's plan with how each step stands, one step in detail, and when each was at work."""
    stage, found = await board.reads.staged(key_of(request))
    summary, plan, report = found.summary, found.plan, found.report
    chosen = request.query_params.get("step", "")
    skip = _number(request.query_params.get("skip", ""))
    if not chosen and report is not None:
        chosen = _of_interest(found)
    values = {
        "found": found,
        "run": summary,
        "chosen": chosen,
        "step": shown_step(plan, report, chosen, skip) if plan and report and chosen else None,
        "skip": skip,
        "most": MOST_INNER,
        "outline": outline_of(plan, report) if plan and report else None,
        "timeline": timeline(report, summary.ended_at or datetime.now().astimezone()) if report else None,
        "steps": len([*walk((*plan.steps, *plan.on_failure))]) if plan else 0,
        "temporal": _in_temporal(board, found),
    }
    title = f"{summary.flow}: {summary.status}"
    return await board.page(request, "run", values, title=title, live=True, version=version_of(stage))


async def run_json(board: Board, request: Request) -> Response:
    """The run as data, masked."""
    found = await board.reads.run(key_of(request))
    value = {**asdict(found.summary), "plan": found.plan, "report": found.report}
    text = board.environment.mask(to_json(value, indent=2).decode())
    return Response(text, media_type="application/json")


def _of_interest(found: RunDescription) -> str:
    """The step that somebody who opens a run wants to see first: what is held, what failed, what waits."""
    if found.report is None:
        return ""
    if found.report.failure is not None and found.report.failure.step:
        return found.report.failure.step
    for state in ("held", "failed", "running"):
        for step in found.report.steps:
            if step.status == state and not step.counts:
                return step.id
    return ""


def _in_temporal(board: Board, found: RunDescription) -> str:
    address = board.temporal_ui()
    if not address:
        return ""
    place = f"{quote(found.summary.workflow_id, safe='')}/{found.summary.run_id}/history"
    return f"{address.rstrip('/')}/namespaces/{quote(board.client.namespace, safe='')}/workflows/{place}"


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 9 else 0
