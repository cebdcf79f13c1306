"""A new version goes out while runs are at work: workers are stopped one after the other, and nobody notices."""

from __future__ import annotations

import asyncio
import json
import os
import runpy
from collections import Counter, deque
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest
from temporalio.client import Client, WorkflowExecutionDescription
from temporalio.service import RPCError, RPCStatusCode

from resolute.temporal.client.client import RunHandle, start_run
from resolute.writing.flow import Flow
from resolute_pagerduty.simulator import Limits, Simulator
from resolute_worker.embedded import EmbeddedServer
from tests.keys import KEYS
from tests.soak.chaos.crew import Crew, crew
from tests.soak.chaos.figures import ended_seconds, load, own_seconds, processor_seconds, stood_still

PER_SECOND: Final = float(os.environ.get("CHAOS_PER_SECOND", "20"))
"""A machine that is busy with something else keeps up with fewer."""

WORKERS: Final = 3
BESIDE: Final = 5.0
"""Seconds of load before the first worker is stopped, and again after the last one is back."""

SLOWEST: Final = timedelta(seconds=5)
LONGEST: Final = 300
_TOLD: Final = 10

FLOW: Final = """
from pathlib import Path
from pydantic import BaseModel
from resolute import current_call, flow, input_data, manual, node, text
import resolute_pagerduty as pagerduty

class Order(BaseModel):
    number: int

def called() -> None:
    with Path("calls").open("a") as calls:
        calls.write(f"{current_call().workflow_id} {current_call().step}\\n")

@node(lane="local")
async def glance(number: int) -> int:
    called()
    return number + 1

number = input_data(Order).number
key = text("order-{}", number)
paged = pagerduty.trigger_event(summary=key, source="shop", severity="error", dedup_key=key)

def taken(name, page):
    return (
        flow(name).triggered_by(manual("go", input=Order))
        .then(glance(number).as_("before"))
        .then(page)
        .then(glance(number).as_("after"))
        .build()
    )

order, express = taken("order", paged), taken("express", paged.lane("local"))
"""
"""Every other run pages in the local lane, which costs a third."""

pytestmark = pytest.mark.soak


async def test_three_workers_are_restarted_one_after_the_other(tmp_path: Path) -> None:
    """Under load every run completes, no node is called and no event sent twice, and no run takes longer than 5 s."""
    (tmp_path / "flows").mkdir()
    source = tmp_path / "flows" / "order.py"
    source.write_text(FLOW)
    found = runpy.run_path(str(source))
    flows: list[Flow] = [found["order"], found["express"]]
    async with Simulator.serve(limits=Limits.none()) as sim, EmbeddedServer(tmp_path / "state", port=0) as server:
        client = await Client.connect(server.address)
        at = {
            "PAGERDUTY_API_URL": sim.url,
            "PAGERDUTY_EVENTS_URL": sim.events_url,
            "PAGERDUTY_ROUTING_KEY": sim.world.routing_key,
        }
        sim.engine.requests = deque()  # all of them, however many runs there are
        async with crew(tmp_path, server.address, WORKERS, **at) as workers:
            over = asyncio.Event()
            members = [worker.process.pid for worker in workers.members]
            before = (processor_seconds([server.pid]), processor_seconds(members) + ended_seconds(), own_seconds())
            starting = asyncio.create_task(_load(client, flows, over))
            await asyncio.sleep(BESIDE)
            codes = await _restarted(workers)
            await asyncio.sleep(BESIDE)
            over.set()
            runs = await starting
            async with asyncio.timeout(LONGEST):
                await asyncio.gather(*(run.result() for run in runs), return_exceptions=True)
            told = [await run.handle.describe() for run in runs]
            members = [worker.process.pid for worker in workers.members]
            after = (processor_seconds([server.pid]), processor_seconds(members) + ended_seconds(), own_seconds())
            slow = await _slow(client, [run for run in told if _took(run) > SLOWEST])
        sent = Counter(json.loads(request.body)["dedup_key"] for request in sim.requests)
    calls = Counter((tmp_path / "calls").read_text().splitlines())
    took = sorted(_took(run).total_seconds() for run in told)
    of_server, of_workers, of_driver = (
        1000 * (end - begin) / len(runs) for begin, end in zip(before, after, strict=True)
    )
    print(  # noqa: T201  # the figures, which `make soak ARGS=-s` shows
        f"{len(runs)} runs, {WORKERS} restarts: half of them within {took[len(took) // 2]:.2f} s, "
        f"99 of 100 {took[len(took) * 99 // 100]:.2f} s, all {took[-1]:.2f} s; {load()}; a run costs "
        f"{of_workers:.0f} ms of the workers, {of_server:.0f} ms of the server, {of_driver:.0f} ms of this process",
        *slow,
        sep="\n",
    )

    assert [0] * WORKERS == codes
    assert {"COMPLETED": len(runs)} == Counter(run.status.name for run in told if run.status)
    assert (2 * len(runs), {1}) == (len(calls), set(calls.values()))
    assert (len(runs), {1}) == (len(sent), set(sent.values()))
    assert [] == slow


async def _load(client: Client, flows: list[Flow], over: asyncio.Event) -> list[RunHandle]:
    """Starts runs at an even pace until it is over, whatever those that have begun are doing."""
    loop = asyncio.get_running_loop()
    began, starting = loop.time(), list[asyncio.Task[RunHandle]]()
    while not over.is_set():
        number = len(starting)
        await asyncio.sleep(max(0.0, began + number / PER_SECOND - loop.time()))
        flow = flows[number % len(flows)]
        starting.append(asyncio.create_task(_until_accepted(client, flow, number)))
    return list(await asyncio.gather(*starting))


async def _until_accepted(client: Client, flow: Flow, number: int) -> RunHandle:
    """The run of a start; a server that is too busy for it is asked again."""
    name, given = f"order-{number}", {"number": number}
    while True:
        try:
            return await start_run(
                client, flow.plan, task_queue="resolute", input_data=given, workflow_id=name, keys=KEYS
            )
        except RPCError as error:
            if error.status != RPCStatusCode.RESOURCE_EXHAUSTED:
                raise


async def _restarted(workers: Crew) -> list[int]:
    """Replaces each worker by a new one; their exit codes."""
    codes: list[int] = []
    for worker in list(workers.members):
        codes.append(await workers.leave(worker))
        await workers.join()
    return codes


def _took(run: WorkflowExecutionDescription) -> timedelta:
    """From the start to the end; what has not ended has taken for ever."""
    return run.close_time - run.start_time if run.close_time else timedelta.max


async def _slow(client: Client, runs: list[WorkflowExecutionDescription]) -> list[str]:
    """Where runs that took too long stood still, by their histories."""
    found: list[str] = []
    for run in sorted(runs, key=_took, reverse=True)[:_TOLD]:
        events = (await client.get_workflow_handle(run.id).fetch_history()).events
        found.append(f"{run.id} took {_took(run).total_seconds():.1f} s: {'; '.join(stood_still(events))}")
    return found
