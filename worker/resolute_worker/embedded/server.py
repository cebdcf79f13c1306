"""The embedded server as the worker uses it: set up at its first start, restarted if it dies."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Self

from google.protobuf.duration_pb2 import Duration
from temporalio.api.namespace.v1 import NamespaceConfig, UpdateNamespaceInfo
from temporalio.api.workflowservice.v1 import UpdateNamespaceRequest
from temporalio.client import Client

from resolute.plan.errors import ConfigurationError, ResoluteError
from resolute_worker.embedded.child import Child, EmbeddedServerError
from resolute_worker.embedded.command import HOST, NAMESPACE, server_command
from resolute_worker.embedded.folder import StateFolder
from resolute_worker.embedded.guard import guard
from resolute_worker.embedded.lightening import lighten
from resolute_worker.embedded.ports import free_port, hidden_place, is_free
from resolute_worker.embedded.restarts import PAUSES, Restarts
from resolute_worker.embedded.trouble import damage_in, folder_error, trouble_in
from resolute_worker.serving.server import HttpServer

RETENTION: Final = timedelta(days=30)
"""How long closed runs are kept, and with them the ids that keep a redelivered webhook from starting a run."""

_TRIES: Final = 3
_WRITTEN: Final = "resolute.written"
_WRITE_TIMEOUT: Final = timedelta(seconds=2)

log = logging.getLogger(__name__)


class EmbeddedServer:
    """The embedded Temporal server for the length of an `async with`, which gets the server with its `address`.

    A server that dies is restarted with the same port and state. Clients and workers reconnect automatically.

    Args:
        state_dir: where its state is kept.
        port: where it answers clients of Temporal; 0 takes a free one.
        pages: whether it shows Temporal's web interface, behind a guard.
        retention: how long closed runs are kept.

    Raises (on entering):
        ConfigurationError: the binary is not installed, the port is taken, or the state folder cannot be used: another
            server uses it, or it is damaged, full, read-only or owned by another user.
        EmbeddedServerError: the server does not start; the message has its last log lines.
    """

    def __init__(
        self, state_dir: Path, port: int = 7233, *, pages: bool = False, retention: timedelta = RETENTION
    ) -> None:
        self._folder = StateFolder(state_dir)
        self._wanted = port
        self._child: Child | None = None
        self._keeper: asyncio.Task[ResoluteError] | None = None
        self._in_a_hurry = False
        self._with_pages = pages
        self._retention = retention
        self._pages: tuple[str, int] | None = None
        self.port = port
        self.ui_url: str | None = None
        """The address of Temporal's web interface, behind its guard; None without `pages`."""

    @property
    def address(self) -> str:
        """Where the server answers clients of Temporal."""
        return f"{HOST}:{self.port}"

    @property
    def log_file(self) -> Path:
        """Where the server's own log lines go."""
        return self._folder.log_file

    @property
    def database(self) -> Path:
        """The file in which the server keeps its state."""
        return self._folder.database

    @property
    def pid(self) -> int | None:
        """The server's process."""
        return self._child.pid if self._child else None

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(self._folder)
            stack.push_async_callback(self._stop)
            try:
                await self._start()
            except OSError as error:
                raise folder_error(self._folder.path, error) from None
            except EmbeddedServerError as error:
                raise trouble_in(self._folder.path, str(error)) or error from None
            if self._pages is not None:
                self.ui_url = await stack.enter_async_context(_guarded(self._pages, self.port + 1000))
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def lost(self) -> ResoluteError:
        """Waits until the server has died too often to be restarted, and returns why."""
        if self._keeper is None:
            return EmbeddedServerError("the embedded Temporal server was not started")
        return await asyncio.shield(self._keeper)

    async def write(self, client: Client) -> None:
        """Makes the server write something that nobody reads.

        Raises:
            RPCError: it cannot.
        """
        now = UpdateNamespaceInfo(data={_WRITTEN: datetime.now(UTC).isoformat(timespec="seconds")})
        await client.workflow_service.update_namespace(
            UpdateNamespaceRequest(namespace=NAMESPACE, update_info=now), timeout=_WRITE_TIMEOUT
        )

    def hurry(self) -> None:
        """Makes the end of the `async with` kill the server immediately. It loses nothing that it has accepted."""
        self._in_a_hurry = True

    async def _start(self) -> None:
        if self._folder.is_half_restored():
            raise ConfigurationError(
                f"a restore into {self._folder.path} was interrupted: run `resolute restore` again, or move the folder "
                "away to start with an empty one"
            )
        if self._folder.is_new:
            with self._folder.draft() as draft:
                child = await self._serving(draft, wanted=0)
                await child.kill()
        await asyncio.to_thread(lighten, self._folder.database)
        child = await self._serving(self._folder.database, self._wanted)
        await _keep_closed_runs(await child.serving(), self._retention)
        self._keeper = asyncio.create_task(self._keep(child), name="embedded server")

    async def _serving(self, database: Path, wanted: int) -> Child:
        """A server on a database that answers, on the wanted port or on any."""
        # A port that was free when it was chosen may be taken by the time the server uses it.
        tries_left = _TRIES if wanted == 0 else 1
        while True:
            self.port = _port(wanted)
            self._pages = hidden_place() if self._with_pages else None
            tries_left -= 1
            try:
                return await self._begin(database)
            except EmbeddedServerError:
                await self._stop()
                if not tries_left:
                    raise

    async def _begin(self, database: Path) -> Child:
        command = server_command(database, port=self.port, pages=self._pages)
        self._child = child = await Child.started(command, port=self.port, folder=self._folder)
        await child.serving()
        return child

    async def _stop(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])
        if self._child is not None:
            await (self._child.kill() if self._in_a_hurry else self._child.stop())

    async def _keep(self, child: Child) -> ResoluteError:
        """Restarts the server whenever it ends; gives up if that does not help."""
        restarts = Restarts()
        while True:
            began = time.monotonic()
            code = await child.ended()
            ended = time.monotonic()
            pause = restarts.pause(served=ended - began)
            if pause is None:
                return self._given_up(code, child.last_words())
            log.warning("the embedded Temporal server ended with exit code %s: restarting it", code)
            await asyncio.sleep(pause)
            try:
                child = await self._begin(self._folder.database)
            except EmbeddedServerError as error:
                if damage := damage_in(self._folder.path, str(error)):
                    return damage  # waiting does not fix that
                log.warning("%s", trouble_in(self._folder.path, str(error)) or error)
                child = self._child or child
                await child.kill()  # it may hang instead of having ended
            else:
                log.info(
                    "the embedded Temporal server is back after %.1f s: runs continue where they were",
                    time.monotonic() - ended,
                )

    def _given_up(self, code: int, words: str) -> ResoluteError:
        return trouble_in(self._folder.path, words) or EmbeddedServerError(
            f"the embedded Temporal server ended {len(PAUSES) + 1} times in a row, the last time with exit code {code} "
            f"({words}): see {self.log_file} and restart the worker; runs continue where they were"
        )


@contextlib.asynccontextmanager
async def _guarded(pages: tuple[str, int], port: int) -> AsyncGenerator[str]:
    """The address of a web interface's guard, on the given port if it is free."""
    chosen = port if is_free(port) else free_port()
    app = guard(f"http://{pages[0]}:{pages[1]}", chosen)
    async with app.router.lifespan_context(app), HttpServer(app, HOST, chosen) as server:
        yield server.url


def _port(wanted: int) -> int:
    if wanted == 0:
        return free_port()
    if is_free(wanted):
        return wanted
    raise ConfigurationError(
        f"port {wanted} is taken, so the embedded Temporal server cannot use it: stop what uses it, or set "
        "RESOLUTE_EMBEDDED_PORT (0 chooses a free port); to use a Temporal that already runs there, turn embedded off"
    )


async def _keep_closed_runs(client: Client, length: timedelta) -> None:
    retention = Duration()
    retention.FromTimedelta(length)
    await client.workflow_service.update_namespace(
        UpdateNamespaceRequest(namespace=NAMESPACE, config=NamespaceConfig(workflow_execution_retention_ttl=retention)),
        retry=True,
    )
