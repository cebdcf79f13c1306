"""The board's addresses, and what answers each."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Final, TypeAlias
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp
from temporalio.service import RPCError

from resolute.plan.errors import ResoluteError
from resolute.temporal.wire.finding import UnknownRunError
from resolute_worker.board.actions import act
from resolute_worker.board.alarms_page import alarms_page
from resolute_worker.board.board import Board, here, person_of
from resolute_worker.board.deciding import approval_page, approvals_page
from resolute_worker.board.duty_page import duty_page
from resolute_worker.board.flow_page import flow_page
from resolute_worker.board.guard import Guard
from resolute_worker.board.ledger_page import ledger_page
from resolute_worker.board.live import live
from resolute_worker.board.login import log_in, log_out, login_page
from resolute_worker.board.now_page import now_page
from resolute_worker.board.oidc.pages import oidc_pages
from resolute_worker.board.poll import NothingSeenError
from resolute_worker.board.run_page import LATER, run_json, run_page
from resolute_worker.board.runs_page import runs_page
from resolute_worker.boarding import BOARD
from resolute_worker.serving.seldom import Seldom

Page: TypeAlias = Callable[[Board, Request], Awaitable[Response]]
log = logging.getLogger(__name__)

_YEAR: Final = "public, max-age=31536000, immutable"


def board_app(board: Board) -> ASGIApp:
    """The application that serves a board."""
    pages: dict[str, Page] = {
        "": now_page,
        "runs": runs_page,
        "run": run_page,
        "run.json": run_json,
        "flow": flow_page,
        "approvals": approvals_page,
        "approval": approval_page,
        "ledger": ledger_page,
        "alarms": alarms_page,
        "pagerduty": duty_page,
    }
    watched = {name: pages[name] for name in ("", "runs", "run", "flow", "approvals", "ledger")}
    watched["run"] = partial(run_page, patience=LATER)
    pages["live"] = partial(live, pages=watched)
    say = Seldom(log)
    ways: Mapping[str, Page] = oidc_pages(board.access.oidc) if board.access.oidc else {}
    routes = [
        Route(f"{BOARD}login", _told(board, login_page, say), methods=["GET"]),
        Route(f"{BOARD}login", _told(board, log_in, say), methods=["POST"]),
        *(Route(BOARD + name, _told(board, page, say), methods=["GET"]) for name, page in ways.items()),
        Route(f"{BOARD}logout", _told(board, log_out, say), methods=["POST"]),
        Route(f"{BOARD}do/{{word}}", _told(board, act, say), methods=["POST"]),
        Route(f"{BOARD}static/{{name:path}}", _static(board), methods=["GET"]),
        *(Route(BOARD + name, _told(board, _known(page), say), methods=["GET"]) for name, page in pages.items()),
        Route(BOARD.rstrip("/"), _first, methods=["GET"]),
        Route(f"{BOARD}{{rest:path}}", _told(board, _nothing, say), methods=["GET", "POST"]),
    ]
    return Guard(Starlette(routes=routes), board.access, board.journal)


def _known(page: Page) -> Page:
    """A page for people who are known; everybody else is led to the login."""

    async def shown(board: Board, request: Request) -> Response:
        if person_of(request) is not None:
            return await page(board, request)
        if board.access.has_login and request.method in ("GET", "HEAD"):
            return RedirectResponse(f"{BOARD}login?to={quote(here(request))}", status_code=303)
        await board.journal.refused("", "look", "nobody knows who this is", resource=request.url.path)
        return await board.refuse(
            request, "Not for you", "The board does not know who you are, or you have no role.", 403
        )

    return shown


def _told(board: Board, page: Page, say: Seldom) -> Callable[[Request], Awaitable[Response]]:
    """A page whose errors are said in words."""

    async def endpoint(request: Request) -> Response:
        try:
            return await page(board, request)
        except ClientDisconnect:
            return Response(status_code=400)
        except UnknownRunError as error:
            return await board.refuse(request, "No such run", str(error), 404)
        except (RPCError, TimeoutError, NothingSeenError) as error:
            say(logging.WARNING, "the board could not answer: %s", type(error).__name__)
            return await board.refuse(request, "Not now", "Temporal does not answer. Try again in a moment.", 503)
        except ResoluteError as error:
            return await board.refuse(request, "Not possible", str(error), 422)

    return endpoint


async def _first(_: Request) -> Response:
    return RedirectResponse(BOARD, status_code=308)


async def _nothing(board: Board, request: Request) -> Response:
    return await board.refuse(request, "Nothing here", "There is no such page on the board.", 404)


def _static(board: Board) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        name = request.path_params["name"]
        asset = board.assets.get(name)
        if asset is None:
            await board.journal.refused("", "static", "no such file", resource=request.url.path)
            return Response(status_code=404)
        return Response(asset.content, media_type=asset.media_type, headers={"cache-control": _YEAR})

    return endpoint
