"""Runs that an older worker has handed back, for a newer one to take them up."""

import asyncio
from collections.abc import Awaitable, Callable

from resolute.temporal.client.client import RunHandle
from tests.patience import PATIENCE


async def handed_back(start: Callable[[], Awaitable[RunHandle]]) -> RunHandle:
    """Starts a run, and waits until its worker has handed it back.

    Temporal is told of a task's first attempt alone that it has failed. Where that one was too late, as on a machine
    that is busy, nothing would ever say so: another run is started then.
    """
    async with asyncio.timeout(PATIENCE):
        while True:
            run = await start()
            if await _is_handed_back(run):
                return run
            await run.handle.terminate()


async def _is_handed_back(run: RunHandle) -> bool:
    async for event in run.handle.fetch_history_events(wait_new_event=True):
        if event.HasField("workflow_task_failed_event_attributes"):
            return True
        if event.HasField("workflow_task_timed_out_event_attributes"):
            return False
    raise AssertionError("the run has ended, and was never handed back")
