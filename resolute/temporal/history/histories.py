"""Runs that were read from their histories: of one that was read before only what has come since is fetched and read.

A history only grows, at its end, so what was read of it stays true.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client

from resolute.plan.plan import Plan
from resolute.running.report import RunReport
from resolute.temporal.history.reading import Reader
from resolute.temporal.history.recorded import Recorded
from resolute.temporal.history.replaying import replayed
from resolute.temporal.wire.parts import earlier_parts, part_before

BYTES: Final = 16 * 1024 * 1024
"""Bytes of histories that are kept, as Temporal sends them: of more, those that were asked for last."""

MOST: Final = 200
"""Runs that are kept."""

_PATIENCE: Final = timedelta(seconds=20)


@dataclass(frozen=True)
class ReadRun:
    """What the histories of a run say. `report` is None where it has not recorded its plan yet."""

    recorded: Recorded
    report: RunReport | None

    @property
    def plan(self) -> Plan | None:
        """The plan that the run goes by."""
        return self.recorded.start.plan or self.recorded.plan


@dataclass
class _Chain:
    """The histories of a run, as far as they were read."""

    reader: Reader
    recorded: Recorded
    size: int = 0

    async def take(self, events: Sequence[HistoryEvent]) -> None:
        """Reads events that come next."""
        await self.reader.read(events, self.recorded)
        self.size += sum(event.ByteSize() for event in events)


class _Known:
    """What is known of a run: `taken` events of its latest history were read, and `pending` were fetched beyond those.

    To the end of what it sends a server adds the workflow task that is at work, whose events may be others in the end.
    """

    def __init__(self) -> None:
        self.turn = asyncio.Lock()
        self.begin()

    def begin(self) -> None:
        """Nothing is known."""
        self.chain: _Chain | None = None
        self.read: ReadRun | None = None
        self.is_whole = False
        self._taken = 0
        self._token: bytes | None = None
        self._pending: dict[int, HistoryEvent] = {}

    @property
    def size(self) -> int:
        """Bytes of what was read."""
        return self.chain.size if self.chain is not None else 0

    @property
    def first(self) -> HistoryEvent:
        """The first event of a history of which none was taken."""
        return self._pending[1]

    def until(self, length: int) -> ReadRun | None:
        """The run as it was read, if so many events of it were."""
        return self.read if self.is_whole or self._taken >= length else None

    async def fetch(self, client: Client, workflow_id: str, run_id: str, length: int | None) -> None:
        """Fetches so many events; without a length, all of a history that has ended."""
        pages = client.get_workflow_handle(workflow_id, run_id=run_id).fetch_history_events(
            wait_new_event=True,  # else the way on is not told behind the last event that is there
            next_page_token=self._token,
            rpc_timeout=_PATIENCE,
        )
        while not self.is_whole and (length is None or self._taken + len(self._pending) < length):
            await pages.fetch_next_page()
            self._token = pages.next_page_token
            self.is_whole = self._token is None
            self._pending |= {event.event_id: event for event in pages.current_page or ()}

    async def take(self, chain: _Chain, length: int) -> None:
        """Reads what was fetched, up to an event; of a history that has ended, all of it."""
        fresh: list[HistoryEvent] = []
        while (self.is_whole or self._taken < length) and self._taken + 1 in self._pending:
            self._taken += 1
            fresh.append(self._pending.pop(self._taken))
        await chain.take(fresh)


class Histories:
    """Reads runs, for all who look at them; what is kept is bounded."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: OrderedDict[str, _Known] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    @property
    def size(self) -> int:
        """Bytes of the histories that are kept."""
        return sum(known.size for known in self._known.values())

    async def read(self, workflow_id: str, run_id: str, length: int) -> ReadRun:
        """A run by its latest history, which has at least so many events.

        Raises:
            temporalio.service.RPCError: Temporal knows no such run, refused, or did not answer.
        """
        known = self._known.setdefault(run_id, _Known())
        self._known.move_to_end(run_id)
        async with known.turn:
            found = known.until(length)
            if found is None:
                try:
                    found = known.read = await self._grown(known, workflow_id, run_id, length)
                except BaseException:
                    known.begin()  # how far it was read is not known
                    self._known.pop(run_id, None)
                    raise
                self._let_go(known)
            return found

    async def _grown(self, known: _Known, workflow_id: str, run_id: str, length: int) -> ReadRun:
        await known.fetch(self._client, workflow_id, run_id, length)
        if known.chain is None:
            known.chain = await self._before(known.first, workflow_id)
        await known.take(known.chain, length)
        recorded = known.chain.recorded
        return ReadRun(recorded, await replayed(recorded.again()))

    async def _before(self, first: HistoryEvent, workflow_id: str) -> _Chain:
        """What was before a history: what is known of that already, to its end, or what is read of it."""
        before = part_before([first])
        earlier = self._known.get(before)
        if earlier is not None and earlier.chain is not None and not earlier.turn.locked():
            async with earlier.turn:
                chain = earlier.chain
                await earlier.fetch(self._client, workflow_id, before, None)
                await earlier.take(chain, 0)
                earlier.begin()
                self._known.pop(before, None)
                return chain
        parts = await earlier_parts(self._client, workflow_id, before)
        reader = Reader(self._client.data_converter)
        chain = _Chain(reader, await reader.begin(parts[0][0] if parts else first))
        for events in parts:
            await chain.take(events)
        return chain

    def _let_go(self, latest: _Known) -> None:
        size = self.size
        for run_id, known in [*self._known.items()]:
            if size <= BYTES and len(self._known) <= MOST:
                return
            if known is not latest and not known.turn.locked():
                del self._known[run_id]
                size -= known.size
