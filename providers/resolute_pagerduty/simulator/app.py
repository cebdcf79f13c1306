"""The ASGI application: bytes to requests, faults, answers to bytes."""

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from resolute.plan.errors import ResoluteError

from . import background
from .api_errors import MESSAGES, ApiError
from .call import Reply
from .engine import Engine
from .faults import Fault

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

CONTROL = "/_simulator"


class BrokenConnectionError(ResoluteError, ConnectionResetError):
    """A fault asks for the connection to be broken."""


class App:
    """The simulator as an ASGI application.

    Attributes:
        break_connection: Cuts the connection from which a request came; None where there is no socket, and then
            `BrokenConnectionError` is raised to the caller.
        released: Set when the simulator stops, so that requests that hang are let go.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.break_connection: Callable[[Scope], None] | None = None
        self.released = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or run with the server from start to stop."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._request(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        work = asyncio.create_task(background.run(self._engine))
        await send({"type": "lifespan.startup.complete"})
        await receive()
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        await send({"type": "lifespan.shutdown.complete"})

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        raw = await _body(receive)
        method, path, query = scope["method"], scope["path"], scope["query_string"].decode()
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        fault = None if path.startswith(CONTROL) else self._engine.faults.take(method, path)
        reply: Reply | None
        if fault is None or fault.action == "slow":
            if fault is not None:
                await asyncio.sleep(fault.seconds)
            reply = self._engine.answer(method, path, query, headers, raw)
        else:
            if fault.after:
                self._engine.answer(method, path, query, headers, raw)
            reply = faulty(fault)
        if not path.startswith(CONTROL):
            self._engine.record(
                method, path, query, headers, raw, reply and reply.status, fault.action if fault else None
            )
        if reply is not None:
            await _send(reply, send)
        elif fault is not None and fault.action == "hang":
            await self._hang(scope, receive)
        else:
            await self._break(scope, receive)

    async def _hang(self, scope: Scope, receive: Receive) -> None:
        """Say nothing until the client goes away or the simulator stops."""
        gone = asyncio.ensure_future(_disconnected(receive))
        stopped = asyncio.ensure_future(self.released.wait())
        await asyncio.wait({gone, stopped}, return_when=asyncio.FIRST_COMPLETED)
        client_left = gone.done()
        for waiting in (gone, stopped):
            waiting.cancel()
        if not client_left:
            await self._break(scope, receive)

    async def _break(self, scope: Scope, receive: Receive) -> None:
        if self.break_connection is None:
            raise BrokenConnectionError("the simulator broke the connection, as it was asked to")
        self.break_connection(scope)
        await _disconnected(receive)


async def _body(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
    return body


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def faulty(fault: Fault) -> Reply | None:
    """Return the answer that a fault gives; None if it gives none."""
    if fault.action == "rate_limit":
        if not fault.with_headers:
            return Reply(429)
        headers = {
            "ratelimit-limit": "960",
            "ratelimit-remaining": "0",
            "ratelimit-reset": str(fault.reset_seconds),
        }
        return Reply(429, ApiError(429, 2020).body, headers)
    if fault.action != "status":
        return None
    if fault.body is not None:
        return Reply(fault.status, fault.body)
    if fault.status in (502, 503, 504):
        return Reply(fault.status, f"<html><body><h1>{fault.status}</h1></body></html>")
    code = {401: 2006, 403: 2010, 404: 2100, 429: 2020}.get(fault.status, 2000 if fault.status >= 500 else 2001)
    return Reply(fault.status, {"error": {"message": MESSAGES[code], "code": code}})


async def _send(reply: Reply, send: Send) -> None:
    body, kind = b"", b"application/json; charset=utf-8"
    if isinstance(reply.body, str):
        body, kind = reply.body.encode(), b"text/html"
    elif isinstance(reply.body, bytes):
        body = reply.body
    elif reply.body is not None:
        body = json.dumps(reply.body, separators=(",", ":")).encode()
    headers = [(name.encode(), value.encode()) for name, value in reply.headers.items()]
    if body:
        headers.append((b"content-type", kind))
    if reply.status != 204:
        headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
