"""What the next run of a flow would be handed, read from the flow's latest runs: for a run outside of its schedule."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from temporalio.client import Client

from resolute.running.recall import Memory, memory_in_result, newest
from resolute.temporal.history.reading import read_history
from resolute.temporal.history.runs import list_runs
from resolute.temporal.wire.parts import histories
from resolute.temporal.workflows.handed import of_failure

_MOST: Final = 20
"""The latest runs that are looked at: those before have handed on what these were given."""


async def memory_of_latest(client: Client, flow: str) -> Memory | None:
    """The newest memory that a run of the flow's schedule has handed on; None where none can be found.

    Raises:
        temporalio.service.RPCError: Temporal refused or did not answer.
    """
    found: Memory | None = None
    ended = [
        run
        for run in await list_runs(client, flows=[flow], limit=_MOST)
        if run.started_by == "schedule" and run.status in ("completed", "failed")
    ]
    for run in ended[:2]:  # a run that failed and one that completed may both be handed to the next
        with suppress(ValueError):  # the run itself says so, and recorded null
            parts = await histories(client, run.workflow_id, run.run_id)
            recorded = await read_history(parts, client.data_converter)
            found = newest(found, newest(memory_in_result(recorded.result), of_failure(recorded.failure)))
    return found
