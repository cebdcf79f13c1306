"""What browsers keep for the board."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from resolute_worker.board.hosts import host_of, is_loopback


def kept(request: Request, name: str) -> str | None:
    """What the browser has kept under a name."""
    return request.cookies.get(_cookie_name(request, name))


def keep(request: Request, response: Response, name: str, value: str, seconds: int | None) -> None:
    """Has the browser keep something: hidden from scripts, and from whatever another site sends but a plain link.

    A link in a chat leads to a page of the board, so its reader has to be known there; a page changes nothing.
    """
    response.set_cookie(
        _cookie_name(request, name),
        value,
        max_age=seconds,
        path="/",
        secure=not is_loopback(host_of(request)),
        httponly=True,
        samesite="lax",
    )


def _cookie_name(request: Request, name: str) -> str:
    """Beyond loopback browsers keep a cookie with this prefix to https and one host."""
    return name if is_loopback(host_of(request)) else f"__Host-{name}"
