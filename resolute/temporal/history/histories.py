"""Runs that were read from their histories: of one that was read before only what has come since is fetched and read.

A history only grows, at its end, so what was read of it stays true.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, cast

from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowHistoryEventAsyncIterator
from temporalio.converter import DataConverter

from resolute.plan.plan import Plan
from resolute.running.report import RunReport
from resolute.temporal.history.pages import parts_before, read_ahead
from resolute.temporal.history.reading import Reader, start_of
from resolute.temporal.history.recorded import Recorded
from resolute.temporal.history.replaying import replayed
from resolute.temporal.wire.parts import part_before
from resolute.temporal.wire.start import Start

BYTES: Final = 16 * 1024 * 1024
"""Bytes of histories that are kept, as Temporal sends them: of more, those that were asked for last."""

MOST: Final = 200
"""Runs that are kept."""

_AT_ONCE: Final = 500
"""Events that are read before others have their turn."""

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


@dataclass(frozen=True)
class Progress:
    """How many events of a run were fetched, and `of` how many; None where it is not known yet how many there are."""

    events: int
    of: int | None


@dataclass(frozen=True)
class SoFar:
    """A run whose histories are still being read. `report` is how it stood at the last event that was read."""

    progress: Progress
    plan: Plan | None = None
    report: RunReport | None = None


@dataclass
class _Chain:
    """The histories of a run, as far as they were read."""

    reader: Reader
    recorded: Recorded
    size: int = 0
    events: int = 0

    async def take(self, events: Sequence[HistoryEvent]) -> None:
        """Reads events that come next."""
        await self.reader.read(events, self.recorded)
        self.size += sum(event.ByteSize() for event in events)
        self.events += len(events)


class _Known:
    """What is known of a run: `taken` events of its latest history were read, and `pending` were fetched beyond those.

    To the end of what it sends a server adds the workflow task that is at work, whose events may be others in the end.
    """

    def __init__(self) -> None:
        self.turn = asyncio.Lock()
        self._starting = asyncio.Lock()
        self.resting = asyncio.Lock()
        """Held while events are read: in between, what they say is whole."""
        self.begin()

    def begin(self) -> None:
        """Nothing is known."""
        self.chain: _Chain | None = None
        self.read: ReadRun | None = None
        self.is_whole = False
        self.is_sound = False
        """Whether reading can go on where it is: not while events are being read, or earlier histories."""
        self.came = asyncio.Event()
        """Whether something was fetched since this was cleared."""
        self.before = 0
        """How many events the earlier histories have."""
        self._read_to = 0
        self._taken = 0
        self._token: bytes | None = None
        self._pending: dict[int, HistoryEvent] = {}
        self._start: Start | None = None

    @property
    def size(self) -> int:
        """Bytes of what was read."""
        return self.chain.size if self.chain is not None else 0

    @property
    def has_begun(self) -> bool:
        """Whether the first event of a history was fetched, and none was taken."""
        return 1 in self._pending

    @property
    def first(self) -> HistoryEvent:
        """The first event of a history of which none was taken."""
        return self._pending[1]

    async def start(self, converter: DataConverter) -> Start:
        """What the history of which none was taken was started with, decoded once: a plan may be large and far away."""
        async with self._starting:
            if self._start is None:
                self._start = await start_of(self.first, converter)
            return self._start

    def until(self, length: int) -> ReadRun | None:
        """The run as it was read, if so many events of it were."""
        is_there = self._taken >= length or (self.is_whole and not self._pending)
        return self.read if is_there and self._read_to == self._taken else None

    def keep(self, read: ReadRun) -> None:
        """Keeps the run as it is after all that was taken."""
        self.read, self._read_to = read, self._taken

    def lacks(self, length: int | None) -> bool:
        """Whether events are missing of so many; without a length, of a history that has ended."""
        return not self.is_whole and (length is None or self._taken + len(self._pending) < length)

    def _waits(self, length: int) -> bool:
        """Whether an event was fetched and has to be read."""
        return (self.is_whole or self._taken < length) and self._taken + 1 in self._pending

    def progress(self, length: int) -> Progress:
        """How far it was read, of a latest history of so many events."""
        if self.chain is None:
            return Progress(0, None)
        return Progress(min(self.chain.events, self.before + length), self.before + length)

    def pages(self, client: Client, workflow_id: str, run_id: str) -> WorkflowHistoryEventAsyncIterator:
        """The pages that come next."""
        return client.get_workflow_handle(workflow_id, run_id=run_id).fetch_history_events(
            wait_new_event=True,  # else the way on is not told behind the last event that is there
            next_page_token=self._token,
            rpc_timeout=_PATIENCE,
        )

    async def fetch(self, pages: WorkflowHistoryEventAsyncIterator, length: int | None) -> None:
        """Fetches so many events; without a length, all of a history that has ended."""
        while self.lacks(length):
            await pages.fetch_next_page()
            self._token = pages.next_page_token
            self.is_whole = self._token is None
            self._pending |= {event.event_id: event for event in pages.current_page or ()}
            self.came.set()

    async def take(self, chain: _Chain, length: int) -> None:
        """Reads what was fetched, up to an event; of a history that has ended, all of it."""
        while self._waits(length):
            async with self.resting:
                self.is_sound, fresh = False, list[HistoryEvent]()
                while self._waits(length) and len(fresh) < _AT_ONCE:
                    self._taken += 1
                    fresh.append(self._pending.pop(self._taken))
                await chain.take(fresh)
                self.is_sound = True
            await asyncio.sleep(0)  # others have something to do as well

    async def take_all(self, chain: _Chain, coming: asyncio.Task[None], length: int) -> None:
        """Reads so many events, as they come; of a history that has ended, all of it."""
        while True:
            is_there = coming.done()
            await self.take(chain, length)
            if is_there:
                return coming.result()
            await self.comes(coming)

    async def comes(self, coming: asyncio.Task[None]) -> None:
        """Waits until something was fetched, or cannot be."""
        self.came.clear()
        came = asyncio.ensure_future(self.came.wait())
        await asyncio.wait((came, coming), return_when=asyncio.FIRST_COMPLETED)
        came.cancel()


@asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None]) -> AsyncGenerator[asyncio.Task[None]]:
    """Something that goes on at the same time; it is given up where what it is for ends before."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


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
        """A run by its latest history, which has at least so many events. Who is cancelled leaves what was read.

        Raises:
            temporalio.service.RPCError: Temporal knows no such run, refused, or did not answer.
        """
        known = self._known.setdefault(run_id, _Known())
        self._known.move_to_end(run_id)
        async with known.turn:
            self._known.setdefault(run_id, known)  # who had the turn before may have let it go
            found = known.until(length)
            if found is None:
                try:
                    found = await self._grown(known, workflow_id, run_id, length)
                    known.keep(found)
                except BaseException as error:
                    if not (isinstance(error, asyncio.CancelledError) and known.is_sound):
                        known.begin()  # how far it was read is not known
                        self._known.pop(run_id, None)
                    raise
                self._let_go(known)
            return found

    async def so_far(self, run_id: str, length: int, patience: float) -> SoFar:
        """A run that is being read, as far as it was read by now; without its report, if that takes longer."""
        known = self._known.get(run_id)
        if known is None:
            return SoFar(Progress(0, None))
        progress, plan, report = known.progress(length), None, None
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                if known.chain is not None:
                    plan = ReadRun(known.chain.recorded, None).plan
                    async with known.resting:
                        report = await replayed(known.chain.recorded.again())
                elif known.has_begun:
                    plan = (await known.start(self._client.data_converter)).plan
        return SoFar(progress, plan, report)

    async def _grown(self, known: _Known, workflow_id: str, run_id: str, length: int) -> ReadRun:
        pages = known.pages(self._client, workflow_id, run_id)
        async with _beside(known.fetch(pages, length)) as coming:
            if known.chain is None:
                while not (known.has_begun or coming.done()):
                    await known.comes(coming)
                if not known.has_begun:
                    coming.result()
                await self._read_before(known, workflow_id)
            chain = cast("_Chain", known.chain)  # which was just made
            await known.take_all(chain, coming, length)
        return ReadRun(chain.recorded, await replayed(chain.recorded.again()))

    async def _read_before(self, known: _Known, workflow_id: str) -> None:
        """Reads what was before a history: what is known of that already, to its end, or from its beginning."""
        before = part_before([known.first])
        earlier = self._known.get(before)
        if earlier is not None and earlier.chain is not None and not earlier.turn.locked():
            async with earlier.turn:
                chain = earlier.chain
                try:
                    await earlier.fetch(earlier.pages(self._client, workflow_id, before), None)
                    await earlier.take(chain, 0)
                finally:
                    earlier.begin()  # what was read of it goes on as that of the later history, or is not known
                    self._known.pop(before, None)
                known.chain, known.before = chain, chain.events
                return
        parts = await parts_before(self._client, workflow_id, before)
        reader = Reader(self._client.data_converter)
        if parts:
            chain = _Chain(reader, await reader.begin(parts[0].first))
        else:
            start = await known.start(self._client.data_converter)
            chain = _Chain(reader, await reader.begin(known.first, start))
        known.chain, known.before = chain, sum(part.length for part in parts)
        for part in parts:
            async with aclosing(read_ahead(part)) as pages:
                async for events in pages:
                    async with known.resting:
                        await chain.take(events)
        known.before = chain.events

    def _let_go(self, latest: _Known) -> None:
        size = self.size
        for run_id, known in [*self._known.items()]:
            if size <= BYTES and len(self._known) <= MOST:
                return
            if known is not latest and not known.turn.locked():
                del self._known[run_id]
                size -= known.size
