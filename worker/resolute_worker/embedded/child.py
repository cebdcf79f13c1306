"""One process of the embedded server: started, waited for, stopped."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import signal
import sys
from collections.abc import Sequence
from typing import Final, Self

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError

from resolute.plan.errors import ResoluteError
from resolute_worker.embedded.command import HOST, NAMESPACE, server_environment
from resolute_worker.embedded.folder import StateFolder
from resolute_worker.embedded.ports import is_free

_STARTUP: Final = 20.0
_STOP: Final = 10.0
_SET_PARENT_DEATH_SIGNAL: Final = 1

# Looked up here, because nothing may be loaded between fork and exec.
_LIBC: Final = ctypes.CDLL(None)


class EmbeddedServerError(ResoluteError):
    """The embedded Temporal server stopped unexpectedly."""


class Child:
    """A process that was started and may have ended since."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, folder: StateFolder) -> None:
        self._process = process
        self._port = port
        self._folder = folder
        self._logged = folder.log_size()

    @classmethod
    async def started(cls, command: Sequence[str], *, port: int, folder: StateFolder) -> Self:
        """Starts the server with a command line; it will listen on `port`.

        Raises:
            EmbeddedServerError: the system cannot run it.
        """
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                env=server_environment(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=folder.log,
                stderr=folder.log,
                pass_fds=(folder.lock,),  # the server holds it too: while it runs, nobody else can take its state
                start_new_session=True,  # Ctrl-C stops the worker first, and the worker stops the server
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,
            )
        except OSError as error:
            raise EmbeddedServerError(f"the embedded Temporal server cannot be run: {error}") from None
        return cls(process, port, folder)

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    async def serving(self) -> Client:
        """A client, as soon as the server answers.

        Raises:
            EmbeddedServerError: the server does not start; the message has its last log lines.
        """
        deadline = asyncio.get_running_loop().time() + _STARTUP
        while self._process.returncode is None:
            if not is_free(self._port):
                with contextlib.suppress(RuntimeError, RPCError):
                    client = await Client.connect(f"{HOST}:{self._port}", namespace=NAMESPACE)
                    await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=NAMESPACE))
                    return client
            if asyncio.get_running_loop().time() > deadline:
                break
            await asyncio.sleep(0.02)  # the server does not announce that it is ready
        raise EmbeddedServerError(f"the embedded Temporal server does not start: {self.last_words()}")

    def last_words(self) -> str:
        """Why it ended, as far as it logged that."""
        return self._folder.last_words(since=self._logged)

    async def ended(self) -> int:
        """Its exit code, once it has ended; below zero, it is the signal that ended it."""
        return await self._process.wait()

    async def stop(self) -> None:
        """Stops the server, gracefully if possible."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(self._process.wait(), _STOP)
            except TimeoutError:
                await self.kill()

    async def kill(self) -> None:
        """Kills the server; what it has accepted is on disk."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()


def _end_with_parent() -> None:
    """Asks Linux to stop the server when the worker is killed, so that it does not keep the state locked."""
    _LIBC.prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)
