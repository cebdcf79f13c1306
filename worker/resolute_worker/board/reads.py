"""Runs that were read from their histories, kept while nothing has happened in them since."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final, TypeAlias

from temporalio.client import Client, WorkflowExecutionDescription, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from resolute.running.report import Failure
from resolute.temporal.history.closing import why_it_failed
from resolute.temporal.history.histories import Histories, Progress
from resolute.temporal.history.runs import RunDescription, describe_read, summary_of
from resolute.temporal.wire.finding import RunKey, UnknownRunError
from resolute.temporal.wire.parts import described
from resolute_worker.board.reading import LINGER, Reading

MOST: Final = 24
"""Runs that are kept."""

AT_ONCE: Final = 8
"""Runs that are read at a time; a further one waits."""

GLANCE: Final = 0.06
"""Seconds that may be spent on what is said of a run that is still being read."""

Stage: TypeAlias = tuple[object, ...]
"""How far a run has come: the same as long as nothing has happened."""


@dataclass(frozen=True, kw_only=True)
class Staged:
    """A run, and how far it has come.

    While it is being read, `progress` says how far, and `found` is what is known by now: its plan, why it failed, and
    its steps as they stood at the last event that was read.
    """

    stage: Stage
    found: RunDescription
    progress: Progress | None = None

    @property
    def version(self) -> str:
        """The version of what is known of it."""
        known = version_of(self.stage)
        if self.progress is None:
            return known
        return f"{known}-{self.progress.events}" + ("-failed" if self.found.failure else "")


@dataclass
class _Kept:
    """A run that is read, or was. `why` it failed is asked for where the rest takes longer."""

    stage: Stage
    reading: Reading[RunDescription]
    why: Reading[Failure | None] | None = None


class Reads:
    """Reads runs; one that many people look at is read once, and none to which nobody waits."""

    def __init__(self, client: Client, histories: Histories, *, linger: float = LINGER) -> None:
        self._client = client
        self._linger = linger
        self._histories = histories
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._at_once = asyncio.Semaphore(AT_ONCE)

    async def run(self, key: RunKey) -> RunDescription:
        """A run as it is now, however long that takes; see `staged`."""
        return (await self.staged(key)).found

    async def staged(self, key: RunKey, patience: float | None = None) -> Staged:
        """A run as it is now, and how far it has come; with `patience`, what is known of it after so many seconds.

        Raises:
            UnknownRunError: Temporal knows no such run, or no longer.
            temporalio.service.RPCError: Temporal refused or did not answer.
        """
        found = await self.described(key)
        kept = self._reading(found)
        with kept.reading.wanted():
            if await kept.reading.comes(patience):
                return Staged(stage=kept.stage, found=kept.reading.result())
            return await self._so_far(found, kept)

    def close(self) -> None:
        """Nobody waits any more."""
        for kept in self._kept.values():
            kept.reading.give_up()
            if kept.why is not None:
                kept.why.give_up()
        self._kept.clear()

    def _reading(self, found: WorkflowExecutionDescription) -> _Kept:
        stage, kept = stage_of(found), self._kept.get(found.run_id)
        if kept is None or kept.stage != stage or kept.reading.is_in_vain:
            kept = self._kept[found.run_id] = _Kept(stage, Reading(self._read(found), self._linger))
        self._kept.move_to_end(found.run_id)
        while len(self._kept) > MOST:
            self._kept.popitem(last=False)
        return kept

    async def _read(self, found: WorkflowExecutionDescription) -> RunDescription:
        async with self._at_once:
            read = await self._histories.read(found.id, found.run_id, length_of(found))
        return await describe_read(self._client, found, read)

    async def _so_far(self, found: WorkflowExecutionDescription, kept: _Kept) -> Staged:
        so_far, failure, summary = await asyncio.gather(
            self._histories.so_far(found.run_id, length_of(found), GLANCE), self._why(found, kept), summary_of(found)
        )
        known = RunDescription(summary=summary, plan=so_far.plan, report=so_far.report, failure=failure)
        return Staged(stage=kept.stage, found=known, progress=so_far.progress)

    async def _why(self, found: WorkflowExecutionDescription, kept: _Kept) -> Failure | None:
        """Why a run failed, which stands at the end of its history; None where that is not known soon."""
        if found.status != WorkflowExecutionStatus.FAILED:
            return None
        if kept.why is None or kept.why.is_in_vain:  # all of the history tells it too
            kept.why = Reading(why_it_failed(self._client, RunKey(found.id, found.run_id)), self._linger)
        with kept.why.wanted():
            await kept.why.comes(GLANCE)
        return kept.why.result() if kept.why.has_come else None

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
