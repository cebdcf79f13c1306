"""Logging in with a token, and out again."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from resolute_worker.board.board import Board, back_to
from resolute_worker.board.guard import forget_session, keep_session
from resolute_worker.board.tries import Tries
from resolute_worker.http_forms import read_form

_TRIES = Tries()


async def login_page(board: Board, request: Request) -> Response:
    """The form."""
    return await _form(board, request, request.query_params.get("to", ""))


async def log_in(board: Board, request: Request) -> Response:
    """Takes a token, and leads to where somebody wanted to go."""
    form = await read_form(request)
    place, peer = form.get("to", ""), request.client.host if request.client else ""
    session = board.access.session(request)
    if session is None or not board.access.sessions.is_own_form(session, form.get("form", "")):
        await board.journal.refused("", "login", "not sent by the form", resource=peer)
        return await _form(board, request, place, "This page was too old: try again.", 403)
    if wait := _TRIES.wait(peer):
        await board.journal.refused("", "login", "too many tries", resource=peer)
        answer = await _form(board, request, place, f"Too many tries: wait {wait} seconds.", 429)
        answer.headers["retry-after"] = str(wait)
        return answer
    person = board.access.tokens.person(form.get("token", "").strip())
    if person is None:
        _TRIES.failed(peer)
        await board.journal.refused("", "login", "wrong token", resource=peer)
        return await _form(board, request, place, "That is not a token of this board.", 403)
    entry = await board.journal.begin(person.name, "login")
    await board.journal.end(entry)
    answer = back_to(place)
    keep_session(request, answer, board.access, board.access.sessions.fresh(person))  # another one than before
    return answer


async def log_out(board: Board, request: Request) -> Response:
    """Ends a session in its browser."""
    form = await read_form(request)
    if not board.access.sessions.is_own_form(request.state.session, form.get("form", "")):
        await board.journal.refused("", "logout", "not sent by the form")
        return await board.refuse(request, "Not logged out", "This page was too old: try again.", 403)
    answer = back_to("login")
    forget_session(request, answer, board.access)
    return answer


async def _form(board: Board, request: Request, place: str, wrong: str = "", status: int = 200) -> Response:
    values = {"to": place, "wrong": wrong, "takes_tokens": bool(board.access.tokens)}
    return await board.page(request, "login", values, title="Log in", status=status)
