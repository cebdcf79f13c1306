"""Stands before every page: which hosts and origins are answered, what browsers are told, and who is asking."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from resolute_worker.board.access import Access
from resolute_worker.board.cookies import keep
from resolute_worker.board.hosts import host_of
from resolute_worker.board.sessions import COOKIE, LENGTH, Session
from resolute_worker.journal import Journal

_HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "x-robots-tag": "noindex, nofollow",
}
_SAFE: Final = ("GET", "HEAD")


class Guard:
    """Lets a request through to the pages, with `state.session` and `state.person` set."""

    def __init__(self, app: ASGIApp, access: Access, journal: Journal) -> None:
        self._app = app
        self._access = access
        self._journal = journal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                names = {name for name, _ in message["headers"]}
                more = {"cache-control": "no-store", **_HEADERS}
                message["headers"] += [
                    (name.encode(), value.encode()) for name, value in more.items() if name.encode() not in names
                ]
            await send(message)

        refusal = await self._refusal(request)
        if refusal is not None:
            await refusal(scope, receive, told)
            return
        session = self._access.session(request) or self._access.sessions.fresh()
        request.state.session, request.state.person = session, self._access.person(request, session)
        await self._app(scope, receive, told)

    async def _refusal(self, request: Request) -> Response | None:
        """Why a request is not answered at all."""
        path = request.url.path
        if not self._access.is_own_host(request):
            await self._journal.refused("", "host", f"foreign host {host_of(request)!r}", resource=path)
            said = "The board does not answer for this host: set RESOLUTE_BOARD_HOSTS, or open it by another name.\n"
            return PlainTextResponse(said, status_code=421)
        if request.method not in (*_SAFE, "POST"):
            return PlainTextResponse("Not here.\n", status_code=405, headers={"Allow": "GET, HEAD, POST"})
        if request.method == "POST" and not self._access.is_own_origin(request):
            await self._journal.refused("", "origin", "sent by a page of another site", resource=path)
            return PlainTextResponse("This was not sent by a page of the board.\n", status_code=403)
        return None


def keep_session(request: Request, response: Response, access: Access, session: Session) -> None:
    """Has the browser keep a session."""
    seconds = int(LENGTH.total_seconds()) if session.person else None
    keep(request, response, COOKIE, access.sessions.cookie(session), seconds)


def forget_session(request: Request, response: Response) -> None:
    """Has the browser forget its session."""
    keep(request, response, COOKIE, "", 0)
