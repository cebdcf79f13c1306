"""The list of runs, and the search in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, cast, get_args

from starlette.requests import Request
from starlette.responses import Response

from resolute.running.ledger import OUTCOMES
from resolute.running.report import RunStatus
from resolute.temporal.history.ledger import about
from resolute.temporal.history.runs import RunSummary, list_runs, summary_of
from resolute.temporal.wire.finding import quoted
from resolute.temporal.wire.parts import NOT_CONTINUED
from resolute_worker.board.board import Board
from resolute_worker.board.now_page import because
from resolute_worker.paging import paging

LISTED: Final = 100
"""Runs on a page."""

SINCE: Final = {"1h": timedelta(hours=1), "24h": timedelta(hours=24), "7d": timedelta(days=7), "": None}
_INCIDENT_SINCE: Final = timedelta(hours=24)


async def runs_page(board: Board, request: Request) -> Response:
    """Runs by flow, status, outcome, id or key, incident and time."""
    asked = {
        name: request.query_params.get(name, "").strip() for name in ("flow", "status", "outcome", "q", "incident")
    }
    since = request.query_params.get("since", "")
    sight = await board.poll.latest()
    values = {
        "asked": asked,
        "since": since if since in SINCE else "",
        "statuses": get_args(RunStatus),
        "outcomes": OUTCOMES,
        "sinces": [each for each in SINCE if each],
        "listed": LISTED,
        "because": because,
        "cut": False,
        "checks": None,
        "unread": 0,
        "runs": (),
    }
    if asked["incident"]:
        after = datetime.now(UTC) - (SINCE.get(since) or _INCIDENT_SINCE)
        found = await board.searched(about(board.client, asked["incident"], since=after, paging=paging))
        values |= {"checks": found.checks[:LISTED], "runs": found.running[:LISTED], "unread": found.unread}
        values["cut"] = found.cut or max(len(found.checks), len(found.running)) > LISTED
    elif asked["outcome"]:
        known = [
            each
            for each in sight.checks
            if each.outcome == asked["outcome"] and asked["flow"] in ("", each.flow) and each.run.startswith(asked["q"])
        ]
        values |= {"checks": known[:LISTED], "cut": len(known) > LISTED}
    else:
        found = await _found(board, asked["flow"], asked["status"], asked["q"], SINCE.get(since))
        values |= {"runs": found[:LISTED], "cut": len(found) > LISTED}
    return await board.page(request, "runs", values, title="Runs", live=True, version=sight.version, sight=sight)


async def _found(board: Board, flow: str, status: str, text: str, within: timedelta | None) -> list[RunSummary]:
    known = status if status in get_args(RunStatus) else None
    if not (text or within):
        flows = [flow] if flow else []
        found = await list_runs(board.client, flows=flows, status=cast("RunStatus | None", known), limit=LISTED + 1)
        return [run for run in found if not run.flow.startswith("resolute.")]
    clauses = [NOT_CONTINUED, "WorkflowType NOT STARTS_WITH 'resolute.'"]
    if flow:
        clauses.append(f"WorkflowType = {quoted(flow)}")
    if text:
        clauses.append(f"WorkflowId STARTS_WITH {quoted(text)}")
    if within:
        clauses.append(f"StartTime >= '{(datetime.now(UTC) - within).isoformat()}'")
    runs: list[RunSummary] = []
    async for run in board.client.list_workflows(" AND ".join(clauses), limit=20 * LISTED, page_size=LISTED + 1):
        summary = await summary_of(run)
        if known in (None, summary.status):
            runs.append(summary)
        if len(runs) > LISTED:
            break
    return runs
