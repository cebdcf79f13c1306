"""How a worker is: does its loop turn, has it started, does it take work. Three questions that orchestrators ask."""

from __future__ import annotations

import asyncio
from typing import Final, Literal, TypeAlias

from temporalio.client import Client
from temporalio.service import RPCError

Phase: TypeAlias = Literal["starting", "running", "stopping"]

_PATIENCE: Final = 2.0


class Health:
    """Answers for one worker. Each answer is None where all is well, else what is not."""

    def __init__(self) -> None:
        self.phase: Phase = "starting"
        self.client: Client | None = None

    async def live(self) -> str | None:
        """Whether the loop turns: that this is answered at all is the answer."""
        return None

    async def started(self) -> str | None:
        """Whether the worker has come as far as polling."""
        return "starting" if self.phase == "starting" else None

    async def ready(self) -> str | None:
        """Whether the worker takes work now: it polls, and Temporal answers."""
        if self.phase != "running" or self.client is None:
            return self.phase
        try:
            async with asyncio.timeout(_PATIENCE):
                healthy = await self.client.service_client.check_health()
        except (RPCError, TimeoutError):
            healthy = False
        return None if healthy else "Temporal does not answer"
