"""Tells open pages that what they show has changed; they fetch themselves again, and put in what is new."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from resolute_worker.board.board import Board
from resolute_worker.board.run_page import key_of
from resolute_worker.board.topic import Topic
from resolute_worker.board.watches import TooManyRunsError

QUIET: Final = 15.0
"""Seconds after which a comment says that the connection still stands."""

MOST: Final = 200
"""Pages that are kept current at a time; another one is asked to come again."""

_RETRY: Final = 2_000
"""Milliseconds after which a browser connects again."""


async def live(board: Board, request: Request) -> Response:
    """Events of the board as a whole, or of one run."""
    if board.streams >= MOST:
        return PlainTextResponse("Too many pages are open.\n", status_code=503, headers={"retry-after": "30"})
    known = request.headers.get("last-event-id") or request.query_params.get("last", "")
    if request.query_params.get("of") != "run":
        return _events(board, request, lambda: _now(board), known)
    key = key_of(request)
    await board.reads.described(key)
    return _events(board, request, lambda: board.watches.watching(key), known)


@contextmanager
def _now(board: Board) -> Generator[Topic]:
    with board.poll.topic.watched():
        board.poll.wake()
        yield board.poll.topic


def _events(
    board: Board, request: Request, watching: Callable[[], AbstractContextManager[Topic]], known: str
) -> Response:
    until = request.state.session.until

    async def told() -> AsyncGenerator[str]:
        yield f"retry: {_RETRY}\n\n"
        closing = asyncio.ensure_future(board.closing.wait())
        board.streams += 1
        try:
            with watching() as topic:
                async for version in _versions(topic, known, closing):
                    yield f"id: {version}\nevent: changed\ndata: {version}\n\n" if version else ": still here\n\n"
                    if until is not None and datetime.now(UTC) >= until:
                        return
        except TooManyRunsError as error:
            yield f": {error}\n\n"
        finally:
            board.streams -= 1
            closing.cancel()

    return StreamingResponse(told(), media_type="text/event-stream", headers={"x-accel-buffering": "no"})


async def _versions(topic: Topic, seen: str, closing: asyncio.Future[Any]) -> AsyncGenerator[str]:
    """Each version that a reader has not seen; an empty one where there was none for a while."""
    while not closing.done():
        following = asyncio.ensure_future(topic.after(seen))
        try:
            await asyncio.wait((following, closing), timeout=QUIET, return_when=asyncio.FIRST_COMPLETED)
            if following.done():
                seen = following.result()
                yield seen
            elif not closing.done():
                yield ""
        finally:
            following.cancel()
