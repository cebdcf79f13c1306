"""Calls nodes without a run, for people in a terminal and for agents, with the grants, checks and audit of a worker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from resolute.execution.executor import NodeExecutor
from resolute.plan.context import CallContext
from resolute.plan.errors import NodeError
from resolute.plan.values import Json, JsonObject

ATTEMPTS: Final = 4
LONGEST_WAIT: Final = timedelta(seconds=90)


def _silent(_: str) -> None:
    return None


@dataclass(frozen=True)
class Caller:
    """Calls nodes for somebody who waits.

    Attributes:
        executor: the nodes, with the providers behind them.
        flow: the caller's name in the audit log.
        tell: shows a line to the person who waits.
    """

    executor: NodeExecutor
    flow: str
    tell: Callable[[str], None] = _silent

    async def call(self, node: str, arguments: JsonObject, *, run_id: str, step: str) -> Json:
        """The output of a node. A temporary error is retried a few times, for as long as a person would wait.

        Args:
            node: its name, such as `pagerduty.AddNote`.
            arguments: as the interpreter would pass them: `$secret` and so on are resolved.
            run_id: with `step`, identifies the call, so that a repeated write is done once.
            step: the call's name in the audit log.

        Raises:
            NodeError: the node cannot run here, or the service refused.
        """
        beats: list[tuple[Any, ...]] = [()]
        attempt = 1
        while True:
            call = CallContext(
                flow=self.flow,
                run_id=run_id,
                step=step,
                node=node,
                attempt=attempt,
                heartbeat=lambda *details: beats.append(details),
                last_heartbeat=beats[-1],
            )
            try:
                return await self.executor.execute(call, arguments)
            except NodeError as error:
                wait = error.retry_after or timedelta(seconds=2 ** (attempt - 1))
                if not error.retryable or attempt == ATTEMPTS or wait > LONGEST_WAIT:
                    raise
                self.tell(f"{self.executor.failure_facts(error).message}; retrying in {wait.total_seconds():.0f} s")
                await asyncio.sleep(wait.total_seconds())
                attempt += 1
