"""The health of a worker, as orchestrators ask for it: is its loop alive, has it started, is it ready for work?"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Final, Literal, TypeAlias

from temporalio.api.enums.v1 import NamespaceState
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

Phase: TypeAlias = Literal["starting", "running", "stopping"]

log = logging.getLogger(__name__)

_PATIENCE: Final = 2.0
_EVERY: Final = 5.0
_FRESH: Final = 1.0
"""Seconds for which an answer from Temporal is reused for further requests."""


class Health:
    """Answers for one worker. Each answer is None if all is well, else what is wrong.

    Attributes:
        phase: how far the worker has started.
        client: its connection to Temporal.
        write: writes something to the worker's own server, if it has one; raises RPCError if it cannot.
    """

    def __init__(self) -> None:
        self.phase: Phase = "starting"
        self.client: Client | None = None
        self.write: Callable[[], Awaitable[None]] | None = None
        self._asking = asyncio.Lock()
        self._asked = -_FRESH
        self._answer: str | None = None

    async def live(self) -> str | None:
        """Whether the loop is alive: answering at all is the answer."""
        return None

    async def started(self) -> str | None:
        """Whether the worker has started polling."""
        return "starting" if self.phase == "starting" else None

    async def ready(self) -> str | None:
        """Whether a run that starts now would be picked up: the worker polls, and Temporal has its namespace.

        An embedded server must also write something, because its disk may be full or read-only.
        """
        if self.phase != "running" or self.client is None:
            return self.phase
        async with self._asking:
            if monotonic() - self._asked >= _FRESH:
                self._answer = await self._ask(self.client)
                self._asked = monotonic()
            return self._answer

    async def watch(self) -> None:
        """Logs when the worker is no longer ready although it should be, and when it is again; never ends."""
        reason: str | None = None
        while True:
            await asyncio.sleep(_EVERY)
            before, reason = reason, await self.ready()
            if reason != before and self.phase == "running":
                if reason:
                    log.warning("runs are not picked up: %s", reason)
                else:
                    log.info("runs are picked up again")

    async def _ask(self, client: Client) -> str | None:
        missing = f"Temporal has no namespace {client.namespace!r}"
        try:
            async with asyncio.timeout(_PATIENCE):
                namespace = await client.workflow_service.describe_namespace(
                    DescribeNamespaceRequest(namespace=client.namespace)
                )
            if namespace.namespace_info.state == NamespaceState.NAMESPACE_STATE_DELETED:
                return missing
        except (RPCError, TimeoutError) as error:
            return _refusals(missing).get(getattr(error, "status", None), "Temporal does not answer")
        try:
            async with asyncio.timeout(_PATIENCE):
                if self.write is not None:
                    await self.write()
        except (RPCError, TimeoutError):
            return "the embedded Temporal server accepts no writes: check whether its disk is full or read-only"
        return None


def _refusals(missing: str) -> dict[RPCStatusCode | None, str]:
    refused = "Temporal refuses the credentials"
    return {
        RPCStatusCode.NOT_FOUND: missing,
        RPCStatusCode.UNAUTHENTICATED: refused,
        RPCStatusCode.PERMISSION_DENIED: refused,
    }
