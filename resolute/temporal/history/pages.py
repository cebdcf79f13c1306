"""The histories of a run page by page: of a long one something is known long before all of it is there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowHistoryEventAsyncIterator
from temporalio.service import RPCError, RPCStatusCode

from resolute.temporal.wire.parts import MOST_PARTS, part_before


@dataclass(frozen=True)
class Part:
    """One of the histories of a run, which has ended: its first page is there. `length` is how many events it has."""

    pages: WorkflowHistoryEventAsyncIterator
    length: int

    @property
    def first(self) -> HistoryEvent:
        """Its first event."""
        return self.events[0]

    @property
    def events(self) -> Sequence[HistoryEvent]:
        """Those of the page that was fetched last."""
        return self.pages.current_page or ()


async def parts_before(client: Client, workflow_id: str, before: str, *, most: int = MOST_PARTS - 1) -> list[Part]:
    """The histories up to one, oldest first; of more than `most`, or of those that Temporal keeps, the latest.

    Raises:
        temporalio.service.RPCError: Temporal refused, or did not answer.
    """
    parts: list[Part] = []
    while before and len(parts) < most:
        handle = client.get_workflow_handle(workflow_id, run_id=before)
        pages = handle.fetch_history_events()
        try:
            described, _ = await asyncio.gather(handle.describe(), pages.fetch_next_page())
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise
            break  # what came of it stands at the beginning of the next one
        parts.append(Part(pages, described.raw_description.workflow_execution_info.history_length))
        before = part_before([parts[-1].first])
    return parts[::-1]


async def read_ahead(part: Part) -> AsyncGenerator[Sequence[HistoryEvent]]:
    """The events of a history by its pages; while one is read, the next one is fetched."""
    coming: asyncio.Task[None] | None = None
    try:
        while True:
            events = part.events
            if part.pages.next_page_token:
                coming = asyncio.create_task(part.pages.fetch_next_page())
                await asyncio.sleep(0)  # it is asked for before this thread is busy
            yield events
            if coming is None:
                return
            await coming
            coming = None
    finally:
        if coming is not None:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
