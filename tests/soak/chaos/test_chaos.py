"""Kills, freezes, cuts, clock steps and a full disk while flows run on real processes: what must hold, holds."""

from __future__ import annotations

import asyncio
import os
import random
import runpy
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import Final

import pytest
from temporalio.client import Client
from temporalio.service import RPCError

from resolute.plan.keyed import Keyed
from resolute.plan.values import JsonObject
from resolute.running.line import Start
from resolute.running.messages import MessageRefusedError
from resolute.temporal.client.client import start_run
from resolute.temporal.client.keyed import hand_in
from resolute.temporal.wire.start import without_plan
from resolute.writing.flow import Flow
from resolute_pagerduty.simulator import Limits, Simulator
from resolute_worker.embedded import EmbeddedServer
from tests.keys import KEYS
from tests.simulation.checker import Evidence, broken
from tests.soak.chaos.clock import Clock
from tests.soak.chaos.crew import crew
from tests.soak.chaos.disk import small_disk
from tests.soak.chaos.faults import Chaos
from tests.soak.chaos.flows import SOURCE
from tests.soak.chaos.seen import evidence
from tests.soak.chaos.wire import wired

RUNS: Final = int(os.environ.get("CHAOS_RUNS", "400"))
SEED: Final = int(os.environ.get("CHAOS_SEED", "1"))
PER_SECOND: Final = float(os.environ.get("CHAOS_STARTS_PER_SECOND", "4"))
WORKERS: Final = 3
QUEUE: Final = "resolute"
MEGABYTES: Final = 512
LONGEST: Final = 600
"""Seconds for the last runs to end when all is whole again."""

pytestmark = pytest.mark.soak


async def test_whatever_happens_to_processes_what_must_hold_holds(tmp_path: Path) -> None:
    """Every run ends as it should, and nothing is lost, doubled or out of order, however its processes fared."""
    (tmp_path / "flows").mkdir()
    source = tmp_path / "flows" / "chaos.py"
    source.write_text(SOURCE)
    found = runpy.run_path(str(source))
    flows: Mapping[str, Flow] = {name: found[name] for name in ("paged", "undone", "alone")}
    began, clock = monotonic(), Clock(tmp_path)
    with small_disk(tmp_path / "disk", MEGABYTES) as disk:
        async with (
            Simulator.serve(limits=Limits.none()) as sim,
            EmbeddedServer(disk.path / "state", port=0) as server,
            wired(server.port) as wire,
        ):
            incident = sim.add_incident("Everything", sim.world.service)
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
                raging = asyncio.create_task(chaos.rage(over))
                cases = _cases(flows, incident.id)
                await _start(client, cases)
                over.set()
                await raging
                clock.step(0)
                seen = await _ended(client, sim)
    failing = sum(bool(case["fails"]) for _, case in cases)
    expected = Counter({"completed": RUNS - failing, "failed": failing})
    print(  # noqa: T201  # the figures, which `make soak ARGS=-s` shows
        f"seed {SEED}: {len(seen.runs)} runs, {len(seen.effects)} effects, {dict(chaos.done)}, "
        f"{monotonic() - began:.0f} s, slowest run {max(run.ended - run.began for run in seen.runs):.1f} s"
    )

    assert [] == [str(each) for each in broken(seen)]
    assert expected == Counter(run.status for run in seen.runs)


def _cases(flows: Mapping[str, Flow], incident: str) -> list[tuple[Flow, JsonObject]]:
    """What is started, one after the other."""
    chance = random.Random(SEED)
    cases: list[tuple[Flow, JsonObject]] = []
    for number in range(RUNS):
        flow = flows[chance.choices(["paged", "undone", "alone"], [2, 2, 1])[0]]
        fails = flow is flows["undone"] and chance.random() < 0.5
        case: JsonObject = {"number": number, "key": chance.choice("abc"), "incident": incident, "fails": fails}
        cases.append((flow, case))
    return cases


async def _start(client: Client, cases: Sequence[tuple[Flow, JsonObject]]) -> None:
    """Starts everything at an even pace; each start is made again until it has been accepted."""
    loop = asyncio.get_running_loop()
    began, starting = loop.time(), list[asyncio.Task[None]]()
    for place, (flow, case) in enumerate(cases):
        await asyncio.sleep(max(0.0, began + place / PER_SECOND - loop.time()))
        starting.append(asyncio.create_task(_until_accepted(client, flow, case)))
    await asyncio.gather(*starting)


async def _until_accepted(client: Client, flow: Flow, case: JsonObject) -> None:
    while True:
        try:
            if flow.name == "alone":
                run = Keyed(key=("key",)).run_id(flow.name, case)
                start = Start(id=f"start-{case['number']}", argument=without_plan(case), while_running="queue")
                await hand_in(client, flow.name, run, start, task_queue=QUEUE, keys=KEYS)
            else:
                name = f"{flow.name}-{case['number']}"
                await start_run(client, flow.plan, task_queue=QUEUE, input_data=case, workflow_id=name, keys=KEYS)
        except (RPCError, MessageRefusedError):
            await asyncio.sleep(0.5)  # the server, the worker or the disk is away
        else:
            return


async def _ended(client: Client, sim: Simulator) -> Evidence:
    """What was seen, once all runs have ended."""
    async with asyncio.timeout(LONGEST):
        while True:
            seen = await evidence(client, sim)
            if len(seen.runs) >= RUNS and all(run.status != "running" for run in seen.runs):
                return seen
            await asyncio.sleep(2)
