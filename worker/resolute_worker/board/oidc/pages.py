"""The way to the issuer and back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from resolute_worker.board.board import Board
from resolute_worker.board.cookies import keep, kept
from resolute_worker.board.hosts import origin_of
from resolute_worker.board.login import admitted, not_admitted, not_now, too_many
from resolute_worker.board.oidc.client import OidcClient
from resolute_worker.board.oidc.errors import IssuerError, LoginRefusedError
from resolute_worker.board.oidc.visits import COOKIE, LENGTH, Visits
from resolute_worker.boarding import BOARD

Page: TypeAlias = Callable[[Board, Request], Awaitable[Response]]


def oidc_pages(oidc: OidcClient) -> Mapping[str, Page]:
    """The pages that lead to an issuer and back, by their addresses on the board."""

    async def leave(board: Board, request: Request) -> Response:
        place = request.query_params.get("to", "")
        visit, cookie = Visits(board.access.sessions).begun(place)
        try:
            address = await oidc.address(visit, _back(board, request))
        except IssuerError as error:
            return await not_now(board, request, place, str(error))
        answer = RedirectResponse(address, status_code=303)
        keep(request, answer, COOKIE, cookie, int(LENGTH.total_seconds()))
        return answer

    async def come_back(board: Board, request: Request) -> Response:
        answer = await _answered(board, request, oidc)
        keep(request, answer, COOKIE, "", 0)  # one way there is one way back
        return answer

    return {"login/oidc": leave, "login/back": come_back}


async def _answered(board: Board, request: Request, oidc: OidcClient) -> Response:
    visit = Visits(board.access.sessions).read(kept(request, COOKIE))
    place = visit.place if visit else ""
    if limited := await too_many(board, request, place):
        return limited
    try:
        if visit is None:
            raise LoginRefusedError("this login was not begun in this browser, or took too long")
        person = await oidc.person(visit, request.query_params, _back(board, request))
    except LoginRefusedError as error:
        return await not_admitted(board, request, place, str(error), f"You are not logged in: {error}.")
    except IssuerError as error:
        return await not_now(board, request, place, str(error))
    return await admitted(board, request, person, place, oidc.config.host)


def _back(board: Board, request: Request) -> str:
    """Where the issuer leads people back to: the same board by the same name, because the cookie is there."""
    return f"{origin_of(request, board.settings.public_url)}{BOARD}login/back"
