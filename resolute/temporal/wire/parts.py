"""The histories of a run that was continued: Temporal counts each as a run, people count them as one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import (
    Client,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
    WorkflowHistoryEventAsyncIterator,
    WorkflowHistoryEventFilterType,
)
from temporalio.service import RPCError, RPCStatusCode

NOT_CONTINUED: Final = "ExecutionStatus != 'ContinuedAsNew'"
"""The query for runs as people count them: a run is found by its latest history."""

MOST_PARTS: Final = 20
"""Histories of one run that are read to show it."""


async def described(client: Client, workflow_id: str, run_id: str | None = None) -> WorkflowExecutionDescription:
    """The latest history of a run that is named by any of its histories.

    Raises:
        temporalio.service.RPCError: Temporal knows no such run, refused, or did not answer.
    """
    found = await client.get_workflow_handle(workflow_id, run_id=run_id).describe()
    while found.status == WorkflowExecutionStatus.CONTINUED_AS_NEW and (next_id := await _next(client, found)):
        found = await client.get_workflow_handle(workflow_id, run_id=next_id).describe()
    return found


async def _next(client: Client, part: WorkflowExecutionDescription) -> str:
    handle = client.get_workflow_handle(part.id, run_id=part.run_id)
    async for event in handle.fetch_history_events(event_filter_type=WorkflowHistoryEventFilterType.CLOSE_EVENT):
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW:
            return event.workflow_execution_continued_as_new_event_attributes.new_execution_run_id
    return ""


def part_before(events: Sequence[HistoryEvent]) -> str:
    """The run id of the history that these events continue; empty where they begin the run."""
    return events[0].workflow_execution_started_event_attributes.continued_execution_run_id


async def histories(
    client: Client, workflow_id: str, run_id: str, *, most: int = MOST_PARTS
) -> list[list[HistoryEvent]]:
    """The events of a run, oldest history first; of a run with more histories than `most`, the latest.

    The first events of a history say which one was before it, and that is fetched beside the rest.

    Raises:
        temporalio.service.RPCError: Temporal knows no such run, refused, or did not answer.
    """
    pages = client.get_workflow_handle(workflow_id, run_id=run_id).fetch_history_events()
    await pages.fetch_next_page()
    events = [*(pages.current_page or ())]
    before = part_before(events)
    earlier, rest = await asyncio.gather(earlier_parts(client, workflow_id, before, most=most - 1), _rest(pages))
    return [*earlier, [*events, *rest]]


async def earlier_parts(
    client: Client, workflow_id: str, before: str, *, most: int = MOST_PARTS - 1
) -> list[list[HistoryEvent]]:
    """The events of what was before a history, oldest first; none where nothing was, or Temporal keeps it no longer.

    Raises:
        temporalio.service.RPCError: Temporal refused, or did not answer.
    """
    if not before or not most:
        return []
    try:
        return await histories(client, workflow_id, before, most=most)
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:
            raise
        return []  # what came of it stands at the beginning of the next one


async def _rest(pages: WorkflowHistoryEventAsyncIterator) -> list[HistoryEvent]:
    found: list[HistoryEvent] = []
    while pages.next_page_token:
        await pages.fetch_next_page()
        found += pages.current_page or ()
    return found
