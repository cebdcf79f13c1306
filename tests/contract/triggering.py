"""Runs that a test has a schedule start."""

import asyncio
from datetime import timedelta

from temporalio.client import Client

from resolute.temporal.schedules.control import FlowBusyError, ScheduledRun, trigger_schedule
from tests.patience import PATIENCE


async def triggered(client: Client, name: str) -> ScheduledRun:
    """Starts a run, as soon as the schedule has heard that the one before it has ended: it hears of that later."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await trigger_schedule(client, name, patience=timedelta(seconds=PATIENCE))
            except FlowBusyError:
                await asyncio.sleep(0.05)
