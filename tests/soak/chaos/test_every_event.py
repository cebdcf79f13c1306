"""kill -9 behind each event of a run, on real processes: the next worker goes on from there."""

from __future__ import annotations

import asyncio
import os
import runpy
from collections import Counter, deque
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Final

import pytest
from temporalio.client import Client, WorkflowFailureError
from temporalio.service import RPCError

from resolute.plan.values import JsonObject
from resolute_pagerduty.simulator import Limits, Simulator
from resolute_worker.embedded import EmbeddedServer
from tests.simulation.checker import broken
from tests.soak.chaos.crew import Crew, crew
from tests.soak.chaos.figures import load
from tests.soak.chaos.flows import OURS, SOURCE
from tests.soak.chaos.seen import evidence
from tests.soak.chaos.starts import Starts, run_of

EVENTS: Final = int(os.environ.get("CHAOS_EVENTS", "1000"))
"""Behind how many events of each flow at most; none of them has so many."""

FLOWS: Final = ("paged", "undone", "fails", "hooked", "asked", "outer", "spent")
"""Which runs die; `fails` is the one that fails and undoes what it did. The child of `outer` dies with it."""

LANES: Final = int(os.environ.get("CHAOS_LANES", "4"))
"""How many runs die at a time, each with a worker and a task queue of its own: each waits for most of its time."""

MINUTES: Final = float(os.environ.get("CHAOS_MINUTES", "inf"))
"""For how long runs are started at most, however many events are left."""

LONGEST: Final = 400

pytestmark = pytest.mark.soak


async def test_a_worker_is_killed_behind_each_event(tmp_path: Path) -> None:
    """The only worker of a run dies as soon as it has so many events, for each number of them: it ends as it should."""
    (tmp_path / "flows").mkdir()
    source = tmp_path / "flows" / "chaos.py"
    source.write_text(SOURCE)
    found, began = runpy.run_path(str(source)), monotonic()
    async with Simulator.serve(limits=Limits.none()) as sim, EmbeddedServer(tmp_path / "state", port=0) as server:
        incident = sim.add_incident("Everything", sim.world.service)
        sim.engine.requests = deque()  # all of them, however many runs there are
        at = {
            "PAGERDUTY_API_URL": sim.url,
            "PAGERDUTY_EVENTS_URL": sim.events_url,
            "PAGERDUTY_ROUTING_KEY": sim.world.routing_key,
            "PAGERDUTY_API_KEY": sim.world.account_key,
            "PAGERDUTY_FROM_EMAIL": sim.world.from_email,
        }
        client = await Client.connect(server.address)
        due, killed = deque[tuple[str, int]](), Counter[str]()

        async def lane(number: int) -> None:
            queue = f"lane-{number}"
            async with crew(tmp_path, server.address, 1, RESOLUTE_TASK_QUEUE=queue, **at) as workers:
                starts = Starts(client, workers, {name: found[name] for name in OURS if name in found}, queue)
                while due and monotonic() - began < 60 * MINUTES:
                    name, events = due.popleft()
                    flow, fails = ("undone", True) if name == "fails" else (name, False)
                    place = FLOWS.index(name) * 1000 + events
                    case: JsonObject = {"number": place, "key": str(place), "incident": incident.id, "fails": fails}
                    if await _killed_behind(starts, flow, case, events):
                        killed[name] += 1
                        due.extend([(name, events + LANES)] if events + LANES <= EVENTS else [])

        # A run that has ended before it had so many events has no later ones either.
        due.extend((name, events + 1) for events in range(min(EVENTS, LANES)) for name in FLOWS)
        await asyncio.gather(*(lane(number) for number in range(LANES)))
        seen = await evidence(client, sim)
    slowest = max(run.ended - run.began for run in seen.runs)
    print(  # noqa: T201  # the figures, which `make soak ARGS=-s` shows
        f"{len(seen.runs)} runs, {killed.total()} kills {dict(killed)}, {len(due)} left out, "
        f"{monotonic() - began:.0f} s, {load()}, slowest run {slowest:.1f} s"
    )

    assert [] == [str(each) for each in broken(seen)]
    assert {"completed", "failed"} == {run.status for run in seen.runs}
    assert {"undone"} == {run.flow for run in seen.runs if run.status == "failed"}


async def _killed_behind(starts: Starts, flow: str, case: JsonObject, events: int) -> bool:
    """Whether a run had so many events, and was still going on when its worker was killed."""
    name = run_of(flow, case)
    starting = asyncio.create_task(starts.make(flow, case))
    async with asyncio.timeout(LONGEST):
        there = await _has(starts.client, name, events)
        if there:
            await _replaced(starts.workers)
        await starting
        with suppress(WorkflowFailureError):
            await starts.client.get_workflow_handle(name).result()
    return there


async def _replaced(workers: Crew) -> None:
    await workers.die(workers.members[0])
    await workers.join()


async def _has(client: Client, run: str, events: int) -> bool:
    """Waits until a run has so many events, or has ended."""
    while True:
        with suppress(RPCError):  # it has not been started yet
            seen = 0
            async for _ in client.get_workflow_handle(run).fetch_history_events(wait_new_event=True):
                seen += 1
                if seen == events:
                    return True
            return False
        await asyncio.sleep(0.05)
