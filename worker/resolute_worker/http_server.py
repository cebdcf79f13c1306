"""Serves an application on a port, inside the loop of whoever asks for it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Generator
from types import TracebackType
from typing import Any, Final, Self

import uvicorn

from resolute.plan.errors import ConfigurationError

_GRACE: Final = 10


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leaves signals to the worker, which stops more than this server."""
        yield


class HttpServer:
    """An HTTP server for the length of an `async with`.

    Raises (on entering):
        ConfigurationError: the port is taken, or the address is not one of this machine.
    """

    def __init__(self, app: Any, host: str, port: int) -> None:
        self._app = app
        self._host = host
        self._wanted = port
        self._task: asyncio.Task[None] | None = None
        self._server: _Server | None = None
        self.port = port

    @property
    def url(self) -> str:
        """The address to reach the server at."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self.port}"

    async def __aenter__(self) -> Self:
        listener = listen(self._host, self._wanted)
        self.port = listener.getsockname()[1]
        config = uvicorn.Config(
            self._app,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=_GRACE,
        )
        listener.listen(2048)  # from here on nobody is turned away, even if the server takes another moment
        self._server = _Server(config)
        self._task = asyncio.create_task(self._server.serve(sockets=[listener]), name="http server")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            await self._task


def listen(host: str, port: int) -> socket.socket:
    """A bound socket.

    Raises:
        ConfigurationError: the port is taken, or the address is not one of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named so that asyncio sees TCP and sends small answers at once instead of collecting them.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ConfigurationError(
            f"port {port} of {host} cannot be used ({error.strerror}): "
            "stop what uses it, or set RESOLUTE_HTTP_PORT (0 takes a free one)"
        ) from None
    return listener
