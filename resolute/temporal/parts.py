"""The histories of a run that was continued: Temporal counts each as a run, people count them as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import (
    Client,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
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

    Raises:
        temporalio.service.RPCError: Temporal knows no such run, refused, or did not answer.
    """
    found: list[list[HistoryEvent]] = []
    before = run_id
    while before and len(found) < most:
        try:
            history = await client.get_workflow_handle(workflow_id, run_id=before).fetch_history()
        except RPCError as error:
            if not found or error.status != RPCStatusCode.NOT_FOUND:
                raise
            break  # Temporal keeps it no longer: what came of it stands at the beginning of the next one
        found.append(list(history.events))
        before = part_before(found[-1])
    return found[::-1]
