"""Serving a simulator on loopback, in a thread of its own, so that blocking clients can use it too."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType, TracebackType
from typing import Generic, Protocol, TypeVar

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from resolute.testing.simulating.app import Scope, SimulatedApp

HOST = "127.0.0.1"


class Served(Protocol):
    """What can be served: a simulator."""

    @property
    def app(self) -> SimulatedApp:
        """The application."""
        ...

    def served_at(self, url: str) -> None:
        """Takes note of the address that it is served at."""
        ...


S = TypeVar("S", bound=Served)


def _listen(port: int) -> socket.socket:
    # The protocol is named so that asyncio sees TCP and sends small answers at once instead of collecting them.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(256)
    except OSError:
        listener.close()
        raise
    return listener


class Connections:
    """The open connections by the address of their client, so that a fault can break one."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, int], asyncio.Transport] = {}
        self._none = asyncio.Event()

    def protocol(self) -> type[H11Protocol]:
        """Return uvicorn's HTTP protocol with a look at its connections."""
        known, none = self._open, self._none

        class Watched(H11Protocol):
            def connection_made(self, transport: asyncio.Transport) -> None:
                super().connection_made(transport)
                known[transport.get_extra_info("peername")] = transport

            def connection_lost(self, exc: Exception | None) -> None:
                super().connection_lost(exc)
                if self.client:
                    known.pop(self.client, None)
                if not known:
                    none.set()

        return Watched

    def cut(self, scope: Scope) -> None:
        """Break the connection of a request, so that its client sees a reset."""
        transport = self._open[tuple(scope["client"])]
        raw: socket.socket | None = transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        transport.abort()

    async def end(self) -> None:
        """Let go of what is still open: a TLS connection waits for its client to say goodbye, which it may never do."""
        self._none.clear()
        for transport in list(self._open.values()):
            transport.abort()
        if self._open:
            await self._none.wait()


def serve_until_stopped(serving: Serving[S], ready: Callable[[S], None]) -> None:
    """Serves a simulator until SIGINT or SIGTERM; call it from the main thread. `ready` is called once it answers.

    Raises:
        OSError: The port is taken, or the certificate or its key cannot be read.
    """
    stopped = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopped.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    with serving as sim:
        ready(sim)
        stopped.wait()


class Serving(Generic[S]):
    """A simulator that is served for the length of a `with` or `async with`.

    Raises:
        OSError: On entering, if the port is taken.
    """

    def __init__(
        self, sim: S, port: int = 0, certfile: Path | str | None = None, keyfile: Path | str | None = None
    ) -> None:
        self._sim = sim
        self._port = port
        self._tls = (certfile, keyfile)
        self._connections = Connections()
        self._thread: threading.Thread | None = None
        self._server: uvicorn.Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> S:
        """Start, and return the simulator once it answers."""
        listener = _listen(self._port)
        try:
            self._server = uvicorn.Server(self._config(listener.getsockname()[1]))
        except BaseException:
            listener.close()
            raise
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(listener, started), name="simulator", daemon=True)
        self._thread.start()
        started.wait()
        return self._sim

    def _config(self, port: int) -> uvicorn.Config:
        certfile, keyfile = self._tls
        self._sim.served_at(f"{'https' if certfile else 'http'}://{HOST}:{port}")
        self._sim.app.break_connection = self._connections.cut
        config = uvicorn.Config(
            self._sim.app,
            http=self._connections.protocol(),
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=1,
            ssl_certfile=certfile and str(certfile),
            ssl_keyfile=keyfile and str(keyfile),
        )
        config.load()
        return config

    def _run(self, listener: socket.socket, started: threading.Event) -> None:
        async def main(server: uvicorn.Server) -> None:
            self._loop = asyncio.get_running_loop()
            started.set()
            await server.serve(sockets=[listener])
            await self._connections.end()

        if self._server is not None:
            asyncio.run(main(self._server))

    def stop(self) -> None:
        """Stop, and release everybody who still waits for an answer."""
        if self._server is None or self._thread is None or self._loop is None:
            return
        self._loop.call_soon_threadsafe(self._sim.app.released.set)
        self._server.should_exit = True
        self._thread.join()
        self._sim.app.break_connection = None
        self._server = self._thread = self._loop = None

    def join(self) -> None:
        """Wait until the simulator stops."""
        while self._thread is not None and self._thread.is_alive():
            self._thread.join(0.5)

    def __enter__(self) -> S:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> S:
        return await asyncio.to_thread(self.start)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)
