"""Runs that were read from their histories, kept while nothing has happened in them since."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from typing import Final, TypeAlias

from temporalio.client import Client, WorkflowExecutionDescription
from temporalio.service import RPCError, RPCStatusCode

from resolute.temporal.history.histories import Histories
from resolute.temporal.history.runs import RunDescription, describe_read
from resolute.temporal.wire.finding import RunKey, UnknownRunError
from resolute.temporal.wire.parts import described

MOST: Final = 24
"""Runs that are kept."""

Stage: TypeAlias = tuple[object, ...]
"""How far a run has come: the same as long as nothing has happened."""


class Reads:
    """Reads runs; one that many people look at is read once."""

    def __init__(self, client: Client, histories: Histories) -> None:
        self._client = client
        self._histories = histories
        self._kept: OrderedDict[str, tuple[Stage, asyncio.Task[RunDescription]]] = OrderedDict()

    async def run(self, key: RunKey) -> RunDescription:
        """A run as it is now; see `staged`."""
        return (await self.staged(key))[1]

    async def staged(self, key: RunKey) -> tuple[Stage, RunDescription]:
        """A run as it is now, and how far it has come.

        Raises:
            UnknownRunError: Temporal knows no such run, or no longer.
            temporalio.service.RPCError: Temporal refused or did not answer.
        """
        found = await self.described(key)
        stage, kept = stage_of(found), self._kept.get(found.run_id)
        if kept is None or kept[0] != stage or (kept[1].done() and kept[1].exception() is not None):
            kept = (stage, asyncio.create_task(self._read(found)))
            self._kept[found.run_id] = kept
        self._kept.move_to_end(found.run_id)
        while len(self._kept) > MOST:
            self._kept.popitem(last=False)
        return stage, await asyncio.shield(kept[1])

    async def _read(self, found: WorkflowExecutionDescription) -> RunDescription:
        read = await self._histories.read(found.id, found.run_id, length_of(found))
        return await describe_read(self._client, found, read)

    async def described(self, key: RunKey) -> WorkflowExecutionDescription:
        """What Temporal says of a run.

        Raises:
            UnknownRunError: Temporal knows no such run, or no longer.
        """
        try:
            return await described(self._client, key.workflow_id, key.run_id or None)
        except RPCError as error:
            if error.status in {RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT}:
                raise UnknownRunError(f"Temporal knows no run {key.workflow_id!r}, or no longer") from None
            raise


def length_of(run: WorkflowExecutionDescription) -> int:
    """How many events the latest history of a run has."""
    return run.raw_description.workflow_execution_info.history_length


def stage_of(run: WorkflowExecutionDescription) -> Stage:
    """How far a run has come; see `Stage`."""
    raw = run.raw_description
    pending = tuple(
        (each.activity_id, each.attempt, each.state, each.last_heartbeat_time.seconds)
        for each in raw.pending_activities
    )
    return (run.run_id, length_of(run), int(run.status or 0), pending)


def version_of(stage: Stage) -> str:
    """The version of a run that has come so far."""
    return hashlib.blake2b(repr(stage).encode(), digest_size=9).hexdigest()
