"""Temporal's list of runs, which lags behind what has happened and announces nothing."""

import asyncio

from temporalio.client import Client

from tests.patience import PATIENCE


async def listed(client: Client, *runs: str, status: str | None = None) -> None:
    """Waits until these runs are listed; with a status of Temporal's, such as `Failed`, until they are with that."""
    suffix = "" if status is None else f" AND ExecutionStatus = '{status}'"
    async with asyncio.timeout(PATIENCE):
        for run in runs:
            while not [found async for found in client.list_workflows(f"WorkflowId = '{run}'{suffix}", limit=1)]:
                await asyncio.sleep(0.05)
