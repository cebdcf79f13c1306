"""Protects Temporal's web interface, which answers anybody who reaches it, under any host name.

Any web page can make a browser send requests to this machine, and with DNS rebinding it can also read the answers: its
own name then means 127.0.0.1. The web interface would start, cancel and show runs for such a page. So it listens where
no page finds it, on a loopback address that is chosen at random for each start. People use this guard instead, which
forwards only requests of its own pages, under its own name.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Mapping
from typing import Final

import httpx
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

_NAMES: Final = ("127.0.0.1", "localhost")
_METHODS: Final = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_BODY_LIMIT: Final = 4 * 1024 * 1024
_ANSWER_SECONDS: Final = 120.0
"""Longer than the web interface lets a request wait for news."""

# They are about one connection, and this is another one.
_OF_THE_CONNECTION: Final = frozenset(
    ("connection", "content-length", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade")
)


def guard(upstream: str, port: int) -> Starlette:
    """The application in front of a web interface at `upstream`, for people who reach it on a port."""
    own = frozenset(f"{name}:{port}" for name in _NAMES)
    client = httpx.AsyncClient(
        base_url=upstream, timeout=httpx.Timeout(10.0, read=_ANSWER_SECONDS), trust_env=False, follow_redirects=False
    )

    async def endpoint(request: Request) -> Response:
        if reason := refusal(request.headers, request.method, own):
            return PlainTextResponse(f"{reason}\n", status_code=403)
        body = await _body(request)
        if body is None:
            return PlainTextResponse(f"more than {_BODY_LIMIT:,} bytes\n", status_code=413)
        headers = [(name, value) for name, value in request.headers.items() if name not in _OF_THE_CONNECTION]
        target = httpx.URL(request.url.path, query=request.url.query.encode())
        try:
            answer = await client.send(
                client.build_request(request.method, target, headers=headers, content=body), stream=True
            )
        except httpx.HTTPError:
            return PlainTextResponse("the Temporal server does not answer; try again in a moment\n", status_code=502)
        passed = StreamingResponse(
            answer.aiter_raw(), status_code=answer.status_code, background=BackgroundTask(answer.aclose)
        )
        passed.raw_headers = [
            (name.lower(), value)
            for name, value in answer.headers.raw
            if name.lower().decode() not in _OF_THE_CONNECTION - {"content-length"}
        ]
        passed.headers["x-frame-options"] = "DENY"
        passed.headers.append("content-security-policy", "frame-ancestors 'none'")
        return passed

    @contextlib.asynccontextmanager
    async def closing(_: Starlette) -> AsyncGenerator[None]:
        async with client:
            yield

    return Starlette(routes=[Route("/{path:path}", endpoint, methods=_METHODS)], lifespan=closing)


def refusal(headers: Mapping[str, str], method: str, own: frozenset[str]) -> str | None:
    """Why a request is not forwarded; None if it comes from this guard's own pages or from the address bar.

    Args:
        headers: the request's headers; their names in lower case.
        method: the request's method.
        own: the hosts, with port, under which the guard is known.
    """
    host, origin = headers.get("host", ""), headers.get("origin")
    if host.lower() not in own:
        return f"this is not {host!r}: open it as http://{min(own)}"
    if origin is not None and origin.lower() not in {f"http://{name}" for name in own}:
        return f"pages of {origin!r} are refused"
    # Browsers say what a request is for. A link from elsewhere may open a page here, but cannot read it.
    opens_a_page = method == "GET" and headers.get("sec-fetch-mode") == "navigate"
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and not opens_a_page:
        return "pages from other sites are refused"
    return None


async def _body(request: Request) -> bytes | None:
    """The body; None if it is too large."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > _BODY_LIMIT:
            return None
        chunks.append(chunk)
    return b"".join(chunks)
