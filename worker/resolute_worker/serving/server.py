"""Serves an application on a port, inside the caller's event loop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import Generator
from types import TracebackType
from typing import Any, Final, Self

import uvicorn

from resolute.plan.errors import ConfigurationError
from resolute_worker.serving.connections import IDLE_SECONDS, HttpConnection
from resolute_worker.serving.crowd import Crowd

_GRACE: Final = 10
_BACKLOG: Final = 2048

_PAUSE: Final = 1.0
"""Seconds until the next attempt, if the system has no file or memory for another connection."""

_EXHAUSTED: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class _Server(uvicorn.Server):
    """Uvicorn, with connections that are accepted here.

    If no file is left, asyncio's own loop keeps accepting, as often as the backlog is long, and logs each attempt.
    """

    def __init__(self, config: uvicorn.Config, crowd: Crowd) -> None:
        super().__init__(config)
        self._crowd = crowd
        self._accepting: list[asyncio.Task[None]] = []

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leaves signals to the worker, which stops more than this server."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begins to accept."""
        await super().startup(sockets=[])
        self._accepting = [asyncio.create_task(self._accept(each), name="http accept") for each in sockets or []]

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stops accepting, and lets requests in progress finish."""
        for task in self._accepting:
            task.cancel()
        await asyncio.gather(*self._accepting, return_exceptions=True)
        await super().shutdown(sockets)

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, _ = await loop.sock_accept(listener)
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    self._crowd.say(logging.ERROR, "HTTP: no connection can be accepted: %s", error.strerror)
                    self._crowd.make_room()
                    await asyncio.sleep(_PAUSE)
                continue  # or the client disconnected before its turn
            with contextlib.suppress(OSError):
                await loop.connect_accepted_socket(self._connection, accepted)

    def _connection(self) -> HttpConnection:
        return HttpConnection(self._crowd, self.config, self.server_state, self.lifespan.state)


class HttpServer:
    """An HTTP server for the length of an `async with`.

    Args:
        app: what answers.
        host: an address of this machine.
        port: 0 takes a free one.
        crowd: bounds on connections.

    Raises (on entering):
        ConfigurationError: the port is taken, or the address is not one of this machine.
    """

    def __init__(self, app: Any, host: str, port: int, *, crowd: Crowd | None = None) -> None:
        self._app = app
        self.crowd = Crowd() if crowd is None else crowd
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
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=_GRACE,
        )
        listener.setblocking(False)
        listener.listen(_BACKLOG)  # from here on nobody is turned away, even if the server needs another moment
        self._server = _Server(config, self.crowd)
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
    # The protocol is named so that asyncio sees TCP and sends small answers immediately instead of collecting them.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ConfigurationError(
            f"port {port} of {host} cannot be used ({error.strerror}): "
            "stop what uses it, or set RESOLUTE_HTTP_PORT (0 chooses a free port)"
        ) from None
    return listener
