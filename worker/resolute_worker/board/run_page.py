"""One run, live on its own plan."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Final
from urllib.parse import quote

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from resolute.plan.plan import Plan
from resolute.running.report import RunReport
from resolute.temporal.history.histories import Progress
from resolute.temporal.history.runs import RunDescription
from resolute.temporal.wire.finding import RunKey
from resolute_worker.board.board import Board
from resolute_worker.board.frames import Page
from resolute_worker.board.steps import MOST_INNER, Outline, outline_of, outline_so_far, settled_in, shown_step
from resolute_worker.board.timeline import timeline
from resolute_worker.board.topic import joined

SOON: Final = 0.08
"""Seconds that a page waits for the history of its run: nobody who opens one looks at nothing for longer."""

LATER: Final = 2.0
"""Seconds that an open page waits before it is told how much more of a history was read."""


def key_of(request: Request) -> RunKey:
    """The run that an address names."""
    return RunKey(request.query_params.get("id", ""), request.query_params.get("run", ""))


async def run_page(board: Board, request: Request, *, patience: float = SOON) -> Response:
    """The run's plan with how each step stands, one step in detail, and when each was at work.

    What is known of it after `patience` seconds is shown; an open page is sent the rest as soon as it was read.
    """
    staged = await board.reads.staged(key_of(request), patience)
    found, progress = staged.found, staged.progress
    summary, plan, report = found.summary, found.plan, found.report
    chosen = request.query_params.get("step", "")
    skip = _number(request.query_params.get("skip", ""))
    if not chosen and report is not None and progress is None:
        chosen = _of_interest(found)
    if progress is not None:
        report = None if report is None else settled_in(report)
    values = {
        "found": found,
        "run": summary,
        "reading": progress,
        "chosen": chosen,
        "step": shown_step(plan, report, chosen, skip) if plan and report and chosen else None,
        "skip": skip,
        "most": MOST_INNER,
        "outline": _outline(plan, report, progress),
        "timeline": timeline(report, summary.ended_at or datetime.now().astimezone()) if report else None,
        "temporal": _in_temporal(board, found),
        "trace_url": (board.settings.trace_url or "").replace("{trace_id}", found.trace_id),
    }
    title = f"{summary.flow}: {summary.status}"
    sight = board.poll.sight
    version = joined(staged.version, sight.notices if sight else "")
    answer = await board.page(request, "run", values, title=title, live=True, version=version, sight=sight)
    if isinstance(answer, Page):
        answer.is_whole = progress is None
    return answer


async def run_json(board: Board, request: Request) -> Response:
    """The run as data, masked."""
    found = await board.reads.run(key_of(request))
    value = {**asdict(found.summary), "trace_id": found.trace_id, "plan": found.plan, "report": found.report}
    text = board.environment.mask(to_json(value, indent=2).decode())
    return Response(text, media_type="application/json")


def _outline(plan: Plan | None, report: RunReport | None, progress: Progress | None) -> Outline | None:
    if plan is None:
        return None
    if progress is not None:
        return outline_so_far(plan, report)
    return outline_of(plan, report) if report is not None else None


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
