"""What each alarm and budget came to last, and what is muted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from temporalio.service import RPCError

from resolute.plan.errors import ResoluteError
from resolute.plan.values import JsonObject
from resolute.running.ledger import Check
from resolute_worker.board.acts_on_many import muting
from resolute_worker.board.board import Board

_PATIENCE: Final = 3.0


async def alarms_page(board: Board, request: Request) -> Response:
    """Alarms and mutes."""
    sight = await board.poll.latest()
    mutes = await _mutes(board)
    values = {
        "alarms": latest(sight.checks),
        "mutes": mutes,
        "queue": board.settings.task_queue,
        "named": request.query_params.get("name", ""),
    }
    # Mutes are asked of a worker, so they are not asked again at every change elsewhere.
    return await board.page(request, "alarms", values, title="Alarms and mutes", sight=sight)


def latest(checks: Sequence[Check]) -> list[tuple[str, str, Check]]:
    """What each alarm and budget came to last: its step, the word, and the check; by flow and step."""
    found: dict[tuple[str, str], tuple[str, str, Check]] = {}
    for check in checks:  # newest first
        for step, word in check.watched.items():
            found.setdefault((check.flow, step), (step, word, check))
    return [found[key] for key in sorted(found)]


async def _mutes(board: Board) -> list[JsonObject] | None:
    """What is muted; None where no worker answers."""
    try:
        async with asyncio.timeout(_PATIENCE):
            return await muting(board).mutes()
    except (RPCError, ResoluteError, TimeoutError):
        return None
