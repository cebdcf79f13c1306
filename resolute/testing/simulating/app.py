"""The ASGI application of a simulated service: bytes to requests, faults, answers to bytes."""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Final

from resolute.plan.errors import ResoluteError
from resolute.testing.simulating.faults import Fault, Faults

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

CONTROL: Final = "/_simulator"
"""Where a simulator itself is asked, and no fault happens."""


class BrokenConnectionError(ResoluteError, ConnectionResetError):
    """A fault asks for the connection to be broken."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request to a simulated service: the address without its query, names of headers in lower case, the raw body."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class Reply:
    """An answer: a JSON body, the same already encoded as bytes, text (a page of HTML), or none."""

    status: int
    body: dict[str, Any] | list[Any] | bytes | str | None = None
    headers: dict[str, str] = field(default_factory=dict[str, str])


class SimulatedApp(ABC):
    """A simulated service as an ASGI application.

    Attributes:
        faults: what goes wrong with the next requests.
        break_connection: cuts the connection from which a request came; None where there is no socket, and then
            `BrokenConnectionError` is raised to the caller.
        released: set when the simulator stops, so that requests that hang are let go.
    """

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.break_connection: Callable[[Scope], None] | None = None
        self.released = asyncio.Event()

    @abstractmethod
    def answer(self, request: Request) -> Reply:
        """Carries out a request and returns its answer."""

    @abstractmethod
    def record(self, request: Request, status: int | None, fault: str | None) -> None:
        """Writes a request into the simulator's log; the status is None where a fault let it get no answer."""

    @abstractmethod
    def faulty(self, fault: Fault) -> Reply | None:
        """The answer that a fault gives, as the service words it; None if it gives none."""

    async def background(self) -> None:
        """What goes on while the simulator is served, from its start until it is cancelled; usually nothing."""
        return

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, or runs with the server from start to stop."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._request(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        work = asyncio.create_task(self.background())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        await send({"type": "lifespan.shutdown.complete"})

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(
            method=scope["method"],
            path=scope["path"],
            query=scope["query_string"].decode(),
            headers={name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
            body=await _body(receive),
        )
        controls = request.path.startswith(CONTROL)
        fault = None if controls else self.faults.take(request.method, request.path)
        reply: Reply | None
        if fault is None or fault.action == "slow":
            if fault is not None:
                await asyncio.sleep(fault.seconds)
            reply = self.answer(request)
        else:
            if fault.after:
                self.answer(request)
            reply = self.faulty(fault)
        if not controls:
            self.record(request, reply and reply.status, fault.action if fault else None)
        if reply is not None:
            await _send(reply, send)
        elif fault is not None and fault.action == "hang":
            await self._hang(scope, receive)
        else:
            await self._break(scope, receive)

    async def _hang(self, scope: Scope, receive: Receive) -> None:
        """Says nothing until the client goes away or the simulator stops."""
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
