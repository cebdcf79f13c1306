"""Requests of services to their providers, such as clicks on buttons: served at paths of the worker's own server."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from resolute.plan.errors import ConfigurationError
from resolute.plan.inlets import Gates, Inlet
from resolute.plan.provider import Provider
from resolute.temporal.activities.loops import NodeLoops
from resolute_worker.serving.intake import BusyError, Intake
from resolute_worker.serving.seldom import Seldom

log = logging.getLogger(__name__)

LARGEST: Final = 1024 * 1024
"""Bytes of a request. A click brings the whole message with it."""

MOST: Final = 64
"""Requests that are worked on after they have been answered, at the same time."""

_BODY_SECONDS: Final = 3.0
_AFTERWARDS: Final = 60.0
"""Seconds for what is done after an answer."""

_LAST: Final = 5.0
"""Seconds that a worker which stops waits for that."""


@dataclass(frozen=True)
class _Served:
    provider: str
    path: str
    inlet: Inlet


class Inlets:
    """The inlets of a worker's providers."""

    def __init__(self, providers: Sequence[Provider], loops: NodeLoops, gates: Gates, intake: Intake) -> None:
        """Takes the inlets of the providers.

        Raises:
            ConfigurationError: two providers want the same path.
        """
        self._loops = loops
        self._gates = gates
        self._intake = intake
        self._say = Seldom(log)
        self._work: set[asyncio.Future[None]] = set()
        self._served: dict[str, _Served] = {}
        for provider in providers:
            for path, inlet in provider.inlets().items():
                if path in self._served:
                    other = self._served[path].provider
                    raise ConfigurationError(f"path {path} is that of provider {other!r} and of {provider.name!r}")
                self._served[path] = _Served(provider.name, path, inlet)

    @property
    def paths(self) -> Mapping[str, str]:
        """The provider behind each path."""
        return {path: served.provider for path, served in self._served.items()}

    def routes(self) -> list[Route]:
        """What is to be served."""
        return [Route(path, self._endpoint(served), methods=["POST"]) for path, served in self._served.items()]

    @contextlib.asynccontextmanager
    async def kept(self) -> AsyncGenerator[None]:
        """Lets what goes on after answers come to its end, for a while, when the worker stops."""
        try:
            yield
        finally:
            if self._work:
                await asyncio.wait(self._work, timeout=_LAST)
            for work in self._work:
                work.cancel()

    def _endpoint(self, served: _Served) -> Any:
        async def endpoint(request: Request) -> Response:
            try:
                self._intake.check(served.path)
                if len(self._work) >= MOST:
                    self._intake.note_refusal(served.path)
                    raise BusyError
                async with asyncio.timeout(_BODY_SECONDS):
                    body = await _body(request)
            except BusyError as error:
                return PlainTextResponse(str(error), status_code=503, headers={"Retry-After": "5"})
            except TimeoutError:
                return PlainTextResponse("the body took too long", status_code=408, headers={"Connection": "close"})
            except ClientDisconnect:
                return Response(status_code=400)
            if body is None:
                return PlainTextResponse("too large", status_code=413, headers={"Connection": "close"})
            return self._answered(served, request.headers, body)

        return endpoint

    def _answered(self, served: _Served, headers: Mapping[str, str], body: bytes) -> Response:
        answer = served.inlet(headers, body, self._gates)
        if answer.reason:
            level = logging.WARNING if answer.status >= 400 else logging.INFO
            self._say(level, "%s answered %d: %s", served.path, answer.status, answer.reason)
        if answer.afterwards is not None:
            work = self._loops.named(served.provider).begin(self._done(served.path, answer.afterwards()))
            self._work.add(work)
            work.add_done_callback(self._work.discard)
        return PlainTextResponse(answer.body, status_code=answer.status)

    async def _done(self, path: str, work: Coroutine[Any, Any, None]) -> None:
        """What comes after an answer; nobody waits for it, so what goes wrong is told in the log."""
        try:
            async with asyncio.timeout(_AFTERWARDS):
                await work
        except Exception as error:
            log.error("%s: what came after the answer failed: %s: %s", path, type(error).__name__, error)


async def _body(request: Request) -> bytes | None:
    """The body; None where it is too large."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > LARGEST:
            return None
        chunks.append(chunk)
    return b"".join(chunks)
