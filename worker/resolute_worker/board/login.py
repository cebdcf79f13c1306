"""Logging in with a token, and out again."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from resolute_worker.board.board import Board, back_to
from resolute_worker.board.guard import forget_session, keep_session
from resolute_worker.board.people import Person
from resolute_worker.serving.forms import read_form


async def login_page(board: Board, request: Request) -> Response:
    """Every way to log in."""
    return await _page(board, request, request.query_params.get("to", ""))


async def log_in(board: Board, request: Request) -> Response:
    """Takes a token, and leads to where somebody wanted to go."""
    form = await read_form(request)
    place = form.get("to", "")
    session = board.access.session(request)
    if session is None or not board.access.sessions.is_own_form(session, form.get("form", "")):
        await board.journal.refused("", "login", "not sent by the form", resource=peer_of(request))
        return await _page(board, request, place, "This page was too old: try again.", 403)
    if limited := await too_many(board, request, place):
        return limited
    person = board.access.tokens.person(form.get("token", "").strip())
    if person is None:
        return await not_admitted(board, request, place, "wrong token", "That is not a token of this board.")
    return await admitted(board, request, person, place)


async def log_out(board: Board, request: Request) -> Response:
    """Ends a session in its browser."""
    form = await read_form(request)
    if not board.access.sessions.is_own_form(request.state.session, form.get("form", "")):
        await board.journal.refused("", "logout", "not sent by the form")
        return await board.refuse(request, "Not logged out", "This page was too old: try again.", 403)
    if person := request.state.session.person:
        await board.journal.end(await board.journal.begin(person.name, "logout"))
    answer = back_to("login", said="logout")
    forget_session(request, answer)
    return answer


async def too_many(board: Board, request: Request, place: str) -> Response | None:
    """What somebody is told whose address has failed too often; None where it may try."""
    peer = peer_of(request)
    wait = board.access.tries.wait(peer)
    if not wait:
        return None
    await board.journal.refused("", "login", "too many tries", resource=peer)
    answer = await _page(board, request, place, f"Too many tries: wait {wait} seconds.", 429)
    answer.headers["retry-after"] = str(wait)
    return answer


async def admitted(board: Board, request: Request, person: Person, place: str, by: str = "") -> Response:
    """Begins the session of somebody, and leads to where they wanted to go."""
    entry = await board.journal.begin(person.name, "login", resource=by)
    await board.journal.end(entry)
    answer = back_to(place)
    keep_session(request, answer, board.access, board.access.sessions.fresh(person))  # another one than before
    return answer


async def not_admitted(board: Board, request: Request, place: str, why: str, said: str) -> Response:
    """Says why somebody is not let in, and counts it."""
    peer = peer_of(request)
    board.access.tries.failed(peer)
    await board.journal.refused("", "login", why, resource=peer)
    return await _page(board, request, place, said, 403)


async def not_now(board: Board, request: Request, place: str, why: str) -> Response:
    """Says why nobody can log in so at the moment, which counts against nobody."""
    await board.journal.refused("", "login", why, resource=peer_of(request))
    return await _page(board, request, place, f"{why[:1].upper()}{why[1:]}.", 503)


def peer_of(request: Request) -> str:
    """The address that a request comes from."""
    return request.client.host if request.client else ""


async def _page(board: Board, request: Request, place: str, wrong: str = "", status: int = 200) -> Response:
    values = {
        "to": place,
        "wrong": wrong,
        "takes_tokens": bool(board.access.tokens),
        "issuer": board.access.oidc.config.host if board.access.oidc else "",
    }
    return await board.page(request, "login", values, title="Log in", status=status)
