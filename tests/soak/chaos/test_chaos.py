"""Kills, freezes, cuts, clock steps and a full disk while flows run on real processes: what must hold, holds."""

from __future__ import annotations

import asyncio
import os
import runpy
from collections import Counter, deque
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import Final

import pytest
from temporalio.client import Client
from temporalio.service import RPCError

from resolute.plan.values import JsonObject
from resolute.temporal.schedules.spec import schedule_id
from resolute_pagerduty.simulator import Limits, Simulator
from resolute_worker.embedded import EmbeddedServer
from tests.simulation.checker import broken
from tests.soak.chaos.clock import Clock
from tests.soak.chaos.crew import crew
from tests.soak.chaos.disk import small_disk
from tests.soak.chaos.faults import Chaos
from tests.soak.chaos.figures import load
from tests.soak.chaos.flows import OURS, SOURCE, WATCHED
from tests.soak.chaos.seen import evidence, failures, open_runs
from tests.soak.chaos.starts import INCIDENT_FOR, Starts, cases_of, come_and_go, stands
from tests.soak.chaos.wire import wired

RUNS: Final = int(os.environ.get("CHAOS_RUNS", "400"))
SEED: Final = int(os.environ.get("CHAOS_SEED", "1"))
PER_SECOND: Final = float(os.environ.get("CHAOS_STARTS_PER_SECOND", "4"))
WORKERS: Final = 3
MINUTES: Final = float(os.environ.get("CHAOS_MINUTES", "inf"))
"""For how long runs are started at most, however many there should be."""

CROWD: Final = 100
"""So many runs may be open: a machine that is busy with something else starts no more until fewer are."""

MEGABYTES: Final = 512
LONGEST: Final = 600
"""Seconds for the last runs to end when all is whole again."""

pytestmark = pytest.mark.soak


async def test_whatever_happens_to_processes_what_must_hold_holds(tmp_path: Path) -> None:
    """Every run ends as it should, and nothing is lost, doubled or out of order, however its processes fared."""
    (tmp_path / "flows").mkdir()
    source = tmp_path / "flows" / "chaos.py"
    source.write_text(SOURCE)
    (tmp_path / "flows" / "watched.py").write_text(WATCHED)
    stands(tmp_path, "ok")
    found = runpy.run_path(str(source))
    began, clock = monotonic(), Clock(tmp_path)
    with small_disk(tmp_path / "disk", MEGABYTES + RUNS // 5) as disk:
        async with (
            Simulator.serve(limits=Limits.none()) as sim,
            EmbeddedServer(disk.path / "state", port=0) as server,
            wired(server.port) as wire,
        ):
            incidents = [sim.add_incident("Everything", sim.world.service).id for _ in range(0, RUNS, INCIDENT_FOR)]
            sim.engine.requests = deque()  # all of them, however many runs there are
            at = {
                "PAGERDUTY_API_URL": sim.url,
                "PAGERDUTY_EVENTS_URL": sim.events_url,
                "PAGERDUTY_ROUTING_KEY": sim.world.routing_key,
                "PAGERDUTY_API_KEY": sim.world.account_key,
                "PAGERDUTY_FROM_EMAIL": sim.world.from_email,
            }
            async with crew(tmp_path, f"127.0.0.1:{wire.port}", WORKERS, **at, **clock.variables) as workers:
                client, over = await Client.connect(server.address), asyncio.Event()
                chaos = Chaos(SEED, workers, server, wire, clock, disk)
                starts = Starts(client, workers, {name: found[name] for name in OURS if name in found})
                cases = list(cases_of(SEED, RUNS, incidents))
                async with asyncio.TaskGroup() as group:
                    group.create_task(chaos.rage(over))
                    group.create_task(come_and_go(tmp_path, SEED, over))
                    cases = await _start(starts, cases)
                    over.set()
                clock.step(0)
                await _ended(client)
                pace, seen = len(cases) / (monotonic() - began), await evidence(client, sim)
                why = await failures(client)
    counted = Counter(run.flow for run in seen.runs)
    print(  # noqa: T201  # the figures, which `make soak ARGS=-s` shows
        f"seed {SEED}: {len(seen.runs)} runs {dict(counted)}, {len(seen.effects)} effects, {len(seen.checks)} checks "
        f"({sum(check.bad is True for check in seen.checks)} bad), "
        f"{len(seen.incidents)} incidents; {chaos.done.total()} faults {dict(chaos.done)}; "
        f"{monotonic() - began:.0f} s, {pace:.1f} starts a second, {load()}; "
        f"slowest run {max(run.ended - run.began for run in seen.runs):.1f} s"
    )
    for reason, times in why.most_common(20):
        print(f"  failed {times} times: {reason}")  # noqa: T201  # as the figures above

    assert [] == [str(each) for each in broken(seen)]
    failing = sum(case["fails"] is True for _, case in cases)
    expected = Counter(flow for flow, _ in cases)
    expected["inner"] = expected["outer"]
    expected["watched"] = counted["watched"]
    assert expected == counted
    assert {"completed": len(seen.runs) - failing, "failed": failing} == Counter(run.status for run in seen.runs)


async def _start(starts: Starts, cases: Sequence[tuple[str, JsonObject]]) -> Sequence[tuple[str, JsonObject]]:
    """What it started, at an even pace; it waits where more runs are open than a machine can hold."""
    loop = asyncio.get_running_loop()
    began, starting, waited = loop.time(), list[asyncio.Task[None]](), 0.0
    for place, (flow, case) in enumerate(cases):
        await asyncio.sleep(max(0.0, began + waited + place / PER_SECOND - loop.time()))
        if place % CROWD == 0 and place:
            paused = loop.time()
            while await _crowded(starts.client):  # the server tells nobody
                await asyncio.sleep(0.5)
            waited += loop.time() - paused
        if loop.time() - began > 60 * MINUTES:
            break
        starting.append(asyncio.create_task(starts.make(flow, case)))
    await asyncio.gather(*starting)
    return cases[: len(starting)]


async def _crowded(client: Client) -> bool:
    try:
        return await open_runs(client) > CROWD
    except RPCError:
        return True  # the server is away


async def _ended(client: Client) -> None:
    """Waits until all runs have ended; a schedule starts no more of them."""
    async with asyncio.timeout(LONGEST):
        await client.get_schedule_handle(schedule_id("watched")).pause()
        while await open_runs(client):  # the server tells nobody
            await asyncio.sleep(1)
