"""A connection to Temporal over which histories come as slowly as a test wants."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import (
    Client,
    FetchWorkflowHistoryEventsInput,
    Interceptor,
    OutboundInterceptor,
    WorkflowHistoryEventAsyncIterator,
    WorkflowHistoryEventFilterType,
)


@dataclass
class Slowly(Interceptor):
    """Lets so many pages of each whole history pass, of so many events each; the others wait until the test says so.

    What asks for the last event alone is answered at once.
    """

    pages: int
    events: int
    waiting: asyncio.Event = field(default_factory=asyncio.Event)
    going_on: asyncio.Event = field(default_factory=asyncio.Event)
    given_up: asyncio.Event = field(default_factory=asyncio.Event)
    begun: list[str] = field(default_factory=list[str])

    def client(self, client: Client) -> Client:
        """The same connection, as slow as this."""
        config = client.config()
        config["interceptors"] = [self]
        return Client(**config)

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # so it is called there
        """Wraps what fetches histories."""
        slowly = self

        class Slow(OutboundInterceptor):
            def fetch_workflow_history_events(
                self,
                input: FetchWorkflowHistoryEventsInput,  # as above
            ) -> WorkflowHistoryEventAsyncIterator:
                if input.event_filter_type == WorkflowHistoryEventFilterType.CLOSE_EVENT:
                    return self.next.fetch_workflow_history_events(input)
                if input.next_page_token is None:
                    slowly.begun.append(str(input.run_id))
                input.page_size = slowly.events
                return Pages(slowly, self.next.fetch_workflow_history_events(input))

        return Slow(next)


class Pages(WorkflowHistoryEventAsyncIterator):
    """The pages of a history, all but the first of which wait."""

    def __init__(self, slowly: Slowly, pages: WorkflowHistoryEventAsyncIterator) -> None:
        self._slowly, self._pages, self._passed = slowly, pages, 0

    @property
    def next_page_token(self) -> bytes | None:
        """As it is."""
        return self._pages.next_page_token

    @property
    def current_page(self) -> Sequence[HistoryEvent] | None:
        """As it is."""
        return self._pages.current_page

    async def fetch_next_page(self, *, page_size: int | None = None) -> None:
        """Fetches the next one, as soon as it may."""
        if self._passed >= self._slowly.pages:
            self._slowly.waiting.set()
            try:
                await self._slowly.going_on.wait()
            except asyncio.CancelledError:
                self._slowly.given_up.set()
                raise
        self._passed += 1
        await self._pages.fetch_next_page(page_size=page_size)
