"""The embedded server as the worker uses it."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from pathlib import Path
from typing import Final, Self

from google.protobuf.duration_pb2 import Duration
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.workflowservice.v1 import UpdateNamespaceRequest
from temporalio.client import Client

from resolute.plan.errors import ConfigurationError
from resolute_worker.embedded.child import Child, EmbeddedServerError
from resolute_worker.embedded.command import HOST, NAMESPACE, server_command
from resolute_worker.embedded.folder import StateFolder
from resolute_worker.embedded.ports import free_port, is_free

RETENTION: Final = timedelta(days=30)
"""How long closed runs are kept, and with them the ids that make a redelivered webhook start nothing."""

_TRIES: Final = 3


class EmbeddedServer:
    """The embedded Temporal server for the length of an `async with`; gives itself, and its `address`.

    Raises (on entering):
        ConfigurationError: the binary is not installed, the port is taken, or another server uses the state.
        EmbeddedServerError: the server does not start; says what it logged last.
    """

    def __init__(self, state_dir: Path, port: int = 7233) -> None:
        self._folder = StateFolder(state_dir)
        self._wanted = port
        self._child: Child | None = None
        self._stack = contextlib.AsyncExitStack()
        self.port = port
        self.ui_port = 0

    @property
    def address(self) -> str:
        """Where the server answers clients of Temporal."""
        return f"{HOST}:{self.port}"

    @property
    def ui_url(self) -> str:
        """The address of Temporal's web interface."""
        return f"http://{HOST}:{self.ui_port}"

    @property
    def log_file(self) -> Path:
        """Where the server's own log lines go."""
        return self._folder.log_file

    @property
    def pid(self) -> int | None:
        """The server's process."""
        return self._child.pid if self._child else None

    async def __aenter__(self) -> Self:
        # A port that was free when it was chosen may be taken by the time the server wants it.
        for tries_left in reversed(range(_TRIES if self._wanted == 0 else 1)):
            try:
                await self._start()
            except BaseException as error:
                await self._stack.aclose()
                if not (tries_left and isinstance(error, EmbeddedServerError)):
                    raise
            else:
                break
        return self

    async def _start(self) -> None:
        await self._stack.enter_async_context(self._folder)
        self.port = self._port()
        self.ui_port = self.port + 1000 if is_free(self.port + 1000) else free_port()
        command = server_command(self._folder.database, port=self.port, ui_port=self.ui_port)
        self._child = await Child.started(command, port=self.port, folder=self._folder)
        self._stack.push_async_callback(self._child.stop)
        await _keep_closed_runs(await self._child.serving())

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()
        self._child = None

    async def died(self) -> EmbeddedServerError:
        """Waits until the server ends by itself, and says so."""
        code = await self._child.ended() if self._child is not None else 0
        return EmbeddedServerError(
            f"the embedded Temporal server ended with exit code {code} (see {self.log_file}): "
            "start again, runs go on where they were"
        )

    def _port(self) -> int:
        if self._wanted == 0:
            return free_port()
        if is_free(self._wanted):
            return self._wanted
        raise ConfigurationError(
            f"port {self._wanted} is taken, so the embedded Temporal server cannot use it: stop what uses it, or set "
            "RESOLUTE_EMBEDDED_PORT (0 takes a free one); a Temporal that runs there is used without embedded"
        )


async def _keep_closed_runs(client: Client) -> None:
    retention = Duration()
    retention.FromTimedelta(RETENTION)
    await client.workflow_service.update_namespace(
        UpdateNamespaceRequest(namespace=NAMESPACE, config=NamespaceConfig(workflow_execution_retention_ttl=retention)),
        retry=True,
    )
