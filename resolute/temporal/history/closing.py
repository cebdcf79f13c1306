"""How a run ended, by the last event of its history alone: of a long one it is known long before the rest was read."""

from __future__ import annotations

from temporalio.client import Client, WorkflowHistoryEventFilterType

from resolute.running.report import Failure
from resolute.temporal.history.event_kinds import EventKind
from resolute.temporal.wire.failures import run_failure_of
from resolute.temporal.wire.finding import RunKey


async def why_it_failed(client: Client, key: RunKey) -> Failure | None:
    """Why a run failed that has ended; None where it did not fail.

    Raises:
        temporalio.service.RPCError: Temporal knows no such run, refused, or did not answer.
    """
    handle = client.get_workflow_handle(key.workflow_id, run_id=key.run_id)
    async for event in handle.fetch_history_events(event_filter_type=WorkflowHistoryEventFilterType.CLOSE_EVENT):
        if event.event_type == EventKind.WORKFLOW_EXECUTION_FAILED:
            failure = event.workflow_execution_failed_event_attributes.failure
            return run_failure_of(await client.data_converter.decode_failure(failure))
    return None
