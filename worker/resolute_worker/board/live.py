"""Sends open pages what they show as soon as it has changed; they put in what is new."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from temporalio.service import RPCError

from resolute.plan.errors import ResoluteError
from resolute.temporal.wire.finding import RunKey
from resolute_worker.board.board import NOTICED, Board, here, person_of
from resolute_worker.board.frames import Page
from resolute_worker.board.run_page import key_of
from resolute_worker.board.topic import Both, Changing, Topic
from resolute_worker.board.watches import TooManyRunsError
from resolute_worker.boarding import BOARD

QUIET: Final = 15.0
"""Seconds after which a comment says that the connection still stands."""

MOST: Final = 200
"""Pages that are kept current at a time; another one is asked to come again."""

_RETRY: Final = 2_000
"""Milliseconds after which a browser connects again."""


Pages: TypeAlias = Mapping[str, Callable[[Board, Request], Awaitable[Response]]]


async def live(board: Board, request: Request, pages: Pages) -> Response:
    """The events of an open page, by its address: the page itself, again, as soon as something in it is another one.

    `pages` are those that can be watched. Of the others the brake and what is paused are kept current, and no more.
    """
    if board.streams >= MOST:
        return PlainTextResponse("Too many pages are open.\n", status_code=503, headers={"retry-after": "30"})
    watched = _watched(request)
    name = here(watched).partition("?")[0]
    known = request.headers.get("last-event-id") or request.query_params.get("last", "")
    if name in NOTICED and (name not in pages or watched.query_params.get("flow")):
        return _events(board, watched, _notices, lambda: _noticed(board), known)
    if name not in pages:
        return PlainTextResponse("No such page is kept current.\n", status_code=404)
    if name != "run":
        return _events(board, watched, pages[name], lambda: _now(board), known)
    key = key_of(watched)
    await board.reads.described(key)
    return _events(board, watched, pages[name], lambda: _run(board, key), known)


def _watched(request: Request) -> Request:
    """The request for the page that asks for its events."""
    path, _, query = request.query_params.get("at", "").partition("?")
    place = {"path": BOARD + path, "raw_path": quote(BOARD + path).encode(), "query_string": query.encode()}
    return Request({**request.scope, **place}, request.receive)


@contextmanager
def _now(board: Board) -> Generator[Topic]:
    with board.poll.topic.watched():
        board.poll.wake()
        yield board.poll.topic


@contextmanager
def _noticed(board: Board) -> Generator[Topic]:
    with board.poll.notices.watched():
        yield board.poll.notices


@contextmanager
def _run(board: Board, key: RunKey) -> Generator[Both]:
    with board.watches.watching(key) as topic, _noticed(board) as notices:
        yield Both(topic, notices)


async def _notices(board: Board, request: Request) -> Response:
    """What every page says first and last, for pages of which the rest stays as it is."""
    sight = board.poll.sight or await board.poll.latest()
    answer = await board.page(request, "standing", {}, title="", version=sight.notices, sight=sight)
    if isinstance(answer, Page):
        answer.event = "part"
    return answer


def _events(
    board: Board,
    request: Request,
    page: Callable[[Board, Request], Awaitable[Response]],
    watching: Callable[[], AbstractContextManager[Changing]],
    known: str,
) -> Response:
    until = request.state.session.until
    person = person_of(request)
    key = (here(request), person.roles if person else None, board.has_login(request))
    reader = board.reader(request)

    async def made() -> Page | None:
        try:
            answer = await page(board, request)
        except (RPCError, TimeoutError, ResoluteError):
            return None  # the page is told to fetch itself, which says why
        return answer if isinstance(answer, Page) and answer.status_code == 200 else None

    async def told() -> AsyncGenerator[bytes]:
        yield f"retry: {_RETRY}\n\n".encode()
        closing = asyncio.ensure_future(board.closing.wait())
        board.streams += 1
        asked, shown = known, known
        try:
            with watching() as topic:
                while not closing.done():
                    if not await _changed(topic, asked, closing):
                        if not closing.done():
                            yield b": still here\n\n"
                    elif (asked := topic.version) != shown:
                        frame = await board.frames.of(key, asked, made)
                        same = frame.version == shown
                        yield b": still here\n\n" if same else board.shelf.for_reader(frame.event, reader)
                        shown = frame.version  # it may show more than what was asked for
                        if not frame.is_whole:
                            asked = shown  # another one follows
                    if until is not None and datetime.now(UTC) >= until:
                        return
        except TooManyRunsError as error:
            yield f": {error}\n\n".encode()
        finally:
            board.streams -= 1
            closing.cancel()
            if not board.streams:
                board.frames.clear()

    return StreamingResponse(told(), media_type="text/event-stream", headers={"x-accel-buffering": "no"})


async def _changed(topic: Changing, seen: str, closing: asyncio.Future[Any]) -> bool:
    """Whether there is a version that a reader has not seen; not where there is none for a while."""
    following = asyncio.ensure_future(topic.after(seen))
    try:
        await asyncio.wait((following, closing), timeout=QUIET, return_when=asyncio.FIRST_COMPLETED)
        return following.done() and not closing.done()
    finally:
        following.cancel()
