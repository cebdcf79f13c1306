"""The ledger: what each check came to, and which values decided it."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from resolute.running.ledger import OUTCOMES
from resolute.temporal.history.ledger import ledger
from resolute_worker.board.board import Board
from resolute_worker.board.now_page import because
from resolute_worker.board.runs_page import SINCE
from resolute_worker.paging import paging

SHOWN: Final = 200
"""Checks on a page."""


async def ledger_page(board: Board, request: Request) -> Response:
    """The latest checks of all flows; of one flow, every check of a time, and the times at which no run started."""
    flow, outcome = (request.query_params.get(name, "").strip() for name in ("flow", "outcome"))
    since = request.query_params.get("since", "")
    since = since if SINCE.get(since) else "1h"
    length = SINCE[since] or timedelta(hours=1)
    sight = await board.poll.latest()
    checks, cut = list(sight.checks), sight.unread > 0
    if flow:
        after = datetime.now(UTC) - length
        found = await board.searched(ledger(board.client, flow, since=after, paging=paging))
        checks, cut = found.checks, found.cut
    counts = Counter(each.outcome for each in checks)
    wanted = [each for each in checks if outcome in ("", each.outcome)]
    values = {
        "flow": flow,
        "outcome": outcome,
        "since": since,
        "sinces": [each for each in SINCE if each],
        "counts": [(word, counts[word]) for word in OUTCOMES if counts[word]],
        "checks": wanted[:SHOWN],
        "more": len(wanted) - SHOWN,
        "cut": cut,
        "because": because,
    }
    # A flow's own ledger is read from many histories: it is not read again at every change elsewhere.
    live = not flow
    return await board.page(
        request, "ledger", values, title="Ledger", live=live, version=sight.version if live else "", sight=sight
    )
