"""The records of a flow's past runs, oldest first."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final

from temporalio.client import Client

from resolute.temporal.history.reading import read_history
from resolute.temporal.history.recorded import Recorded
from resolute.temporal.history.runs import RunSummary, list_runs
from resolute.temporal.wire.parts import histories

_AHEAD: Final = 8
"""Histories that are read at the same time."""


async def past_runs(
    client: Client, flow: str, *, since: datetime, limit: int
) -> AsyncIterator[tuple[RunSummary, Recorded]]:
    """Every run of a flow that has ended and began since then; of more than `limit` the newest.

    Raises:
        temporalio.service.RPCError: Temporal refused or did not answer.
    """
    listed = [
        run
        for run in await list_runs(client, flows=[flow], limit=limit)
        if run.started_at >= since and run.status not in ("running", "terminated")
    ]

    async def read(run: RunSummary) -> Recorded:
        return await read_history(await histories(client, run.workflow_id, run.run_id), client.data_converter)

    waiting = deque(sorted(listed, key=lambda run: run.started_at))
    reading: deque[tuple[RunSummary, asyncio.Task[Recorded]]] = deque()
    try:
        while waiting or reading:
            while waiting and len(reading) < _AHEAD:
                run = waiting.popleft()
                reading.append((run, asyncio.ensure_future(read(run))))
            run, record = reading.popleft()
            yield run, await record
    finally:
        for _, record in reading:
            record.cancel()
