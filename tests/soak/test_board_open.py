"""A board that is open for a day: pages come and go thousands of times while runs change, and nothing of it stays."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from temporalio.client import Client

from resolute.execution.executor import NodeExecutor
from resolute.execution.secrets import Environment
from resolute.temporal.activities.activities import Activities
from resolute.temporal.history import histories
from resolute.temporal.worker import temporal_worker
from tests.board.flows import FLOWS, GREETING, SLEEPING
from tests.board.site import Site
from tests.keys import KEYS
from tests.patience import PATIENCE

pytestmark = pytest.mark.soak

ROUNDS = 40
"""Each is a good half hour of a day: pages are opened, a run begins and ends under them, and they are closed."""

PAGES = 8


async def a_round(site: Site, http: httpx.AsyncClient) -> None:
    """Some open the first page and that of a run; another run comes to its end, this one is cancelled, they go."""
    run = await site.start(SLEEPING)
    await site.at(run, "nap", "running")
    async with AsyncExitStack() as stack:
        places = [f"live?at={quote(place, safe='')}" for place in ("", f"run?id={quote(run.workflow_id)}")]
        streams = [await stack.enter_async_context(http.stream("GET", places[each % 2])) for each in range(PAGES)]
        lines = [stream.aiter_lines() for stream in streams]
        for each in lines:
            await until_event(each)
        greeted = await site.start(GREETING, {"names": [uuid.uuid4().hex]})
        await greeted.result()
        await run.handle.cancel()
        for each in lines:
            await until_event(each)
        await http.get(f"run?id={quote(greeted.workflow_id)}")


async def until_event(lines: AsyncIterator[str]) -> None:
    """Reads up to the next event."""
    async with asyncio.timeout(60):
        while not (await anext(lines)).startswith("event:"):
            pass


async def test_nothing_grows(temporal_client: Client, tmp_path: Path) -> None:
    """After a day's worth of pages there are as many tasks as after the first; what is kept is within its bounds."""
    queue = uuid.uuid4().hex
    environment = Environment({"TOKEN": "a-secret-of-the-tests"})
    activities = Activities(FLOWS, NodeExecutor.for_flows(FLOWS, environment=environment), KEYS)
    worker = temporal_worker(temporal_client, activities, task_queue=queue, graceful_shutdown=timedelta(0))
    async with worker, Site.of(temporal_client, queue, tmp_path, environment) as site, site.served() as address:
        name, value = site.cookie("bob")
        async with httpx.AsyncClient(base_url=address, headers={"Cookie": f"{name}={value}"}, timeout=PATIENCE) as http:
            tasks: list[int] = []
            for number in range(ROUNDS):
                await a_round(site, http)
                async with asyncio.timeout(60):
                    while site.board.streams or site.board.watches.followed:
                        await asyncio.sleep(0.05)
                if number in (2, ROUNDS - 1):
                    tasks.append(sum(task.get_name().startswith("board") for task in asyncio.all_tasks()))
        board = site.board

    assert tasks[1] <= tasks[0]
    assert (0, 0) == (board.streams, len(board.frames))
    assert board.histories.size <= histories.BYTES
    assert len(board.histories) <= histories.MOST
