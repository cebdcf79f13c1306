"""kill -9 behind each event of a run, on real processes: the next worker goes on from there."""

from __future__ import annotations

import asyncio
import os
import runpy
from collections import Counter
from pathlib import Path
from time import monotonic
from typing import Final

import pytest
from temporalio.client import Client

from resolute.plan.values import JsonObject
from resolute.temporal.client.client import RunHandle, start_run
from resolute.writing.flow import Flow
from resolute_pagerduty.simulator import Limits, Simulator
from resolute_worker.embedded import EmbeddedServer
from tests.keys import KEYS
from tests.simulation.checker import broken
from tests.soak.chaos.crew import crew
from tests.soak.chaos.flows import SOURCE
from tests.soak.chaos.seen import evidence

EVENTS: Final = int(os.environ.get("CHAOS_EVENTS", "40"))
"""Behind how many events of each flow; none of them has more."""

LONGEST: Final = 120

pytestmark = pytest.mark.soak


async def test_a_worker_is_killed_behind_each_event(tmp_path: Path) -> None:
    """The only worker of two runs dies as soon as one of them has so many events: both end as they should."""
    (tmp_path / "flows").mkdir()
    source = tmp_path / "flows" / "chaos.py"
    source.write_text(SOURCE)
    found, began = runpy.run_path(str(source)), monotonic()
    flows: list[Flow] = [found["paged"], found["undone"]]
    async with Simulator.serve(limits=Limits.none()) as sim, EmbeddedServer(tmp_path / "state", port=0) as server:
        incident = sim.add_incident("Everything", sim.world.service)
        at = {
            "PAGERDUTY_API_URL": sim.url,
            "PAGERDUTY_EVENTS_URL": sim.events_url,
            "PAGERDUTY_ROUTING_KEY": sim.world.routing_key,
            "PAGERDUTY_API_KEY": sim.world.account_key,
            "PAGERDUTY_FROM_EMAIL": sim.world.from_email,
        }
        client = await Client.connect(server.address)
        async with crew(tmp_path, server.address, 1, **at) as workers:
            for events in range(1, EVENTS + 1):
                for watched in range(len(flows)):
                    number = len(flows) * events + watched
                    case: JsonObject = {"number": number, "incident": incident.id, "fails": events % 2 == 0}
                    runs = [await _started(client, flow, case) for flow in flows]
                    await _has(runs[watched], events)
                    await workers.die(workers.members[0])
                    await workers.join()
                    async with asyncio.timeout(LONGEST):
                        await asyncio.gather(*(run.result() for run in runs), return_exceptions=True)
            seen = await evidence(client, sim)
    statuses = Counter((run.flow, run.status) for run in seen.runs)
    slowest = max(run.ended - run.began for run in seen.runs)
    print(  # noqa: T201  # the figures, which `make soak ARGS=-s` shows
        f"{len(seen.runs)} runs, {len(flows) * EVENTS} kills, {monotonic() - began:.0f} s, slowest run {slowest:.1f} s"
    )

    assert [] == [str(each) for each in broken(seen)]
    assert {
        ("paged", "completed"): len(flows) * EVENTS,
        ("undone", "completed"): len(flows) * ((EVENTS + 1) // 2),
        ("undone", "failed"): len(flows) * (EVENTS // 2),
    } == statuses


async def _started(client: Client, flow: Flow, case: JsonObject) -> RunHandle:
    name = f"{flow.name}-{case['number']}"
    return await start_run(client, flow.plan, task_queue="resolute", input_data=case, workflow_id=name, keys=KEYS)


async def _has(run: RunHandle, events: int) -> None:
    """Waits until a run has so many events, or has ended."""
    seen = 0
    async for _ in run.handle.fetch_history_events(wait_new_event=True):
        seen += 1
        if seen == events:
            return
