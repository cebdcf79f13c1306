"""The first page: what waits for me, what paged and why, what did not, what is broken, what happens next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from resolute.running.ledger import Check
from resolute.temporal.schedules.control import DeployedSchedule
from resolute_worker.board.board import Board

SHOWN: Final = 15
"""Lines of each part; of more the number is told."""

_SILENT: Final = ("over budget", "muted", "damped", "pending", "dry")
_BROKEN: Final = ("broken", "late", "skipped")


async def now_page(board: Board, request: Request) -> Response:
    """What matters now, in the order in which somebody who was woken up asks."""
    sight = await board.poll.latest()
    checks = sight.checks
    paged = [each for each in checks if each.outcome in ("paged", "resolved")]
    silent = [each for each in checks if each.outcome in _SILENT]
    broken = [each for each in checks if each.outcome in _BROKEN]
    values = {
        "gates": sight.gates,
        "held": sight.held,
        "paused": [run for run in sight.standing if run.paused or run.stopped],
        "paged": paged,
        "silent": silent,
        "broken": broken,
        "findings": sight.findings,
        "quiet": Counter(each.outcome for each in checks)["quiet"],
        "next": next_times(sight.schedules),
        "running": sight.running,
        "shown": SHOWN,
        "because": because,
    }
    return await board.page(request, "now", values, title="Now", live=True, version=sight.version, sight=sight)


def next_times(schedules: Sequence[DeployedSchedule]) -> list[tuple[datetime, DeployedSchedule]]:
    """The next run of each schedule, soonest first. What was read of them a moment ago may be over."""
    now = datetime.now(UTC)
    due = [
        (next((at for at in each.next_times if at > now), each.next_times[-1]), each)
        for each in schedules
        if each.next_times and not each.paused
    ]
    return sorted(due, key=lambda pair: pair[0])


def because(check: Check) -> str:
    """Why a check came to its outcome, in a line."""
    from resolute.plan.described import describe

    values = ", ".join(f"{name} = {describe(value)}" for name, value in check.why.items())
    return "; ".join(part for part in (values, check.said) if part)
