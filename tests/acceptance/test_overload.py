"""Many more deliveries than a machine can take: as many as ever are accepted, and the rest are refused at once."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest
from temporalio.client import Client

from tests.acceptance.offering import Offered, Sender
from tests.worker.processes import Process, started

FLOW: Final = """
from pydantic import BaseModel
from resolute import flow, input_data, node, unverified, webhook

class Delivery(BaseModel):
    number: int

@node
async def note(number: int) -> int:
    return number

noted = note(input_data("number")).as_("noted")
taken = flow("taken").triggered_by(webhook("/hook", verify=unverified(), input=Delivery)).then(noted).build()
"""


@asynccontextmanager
async def flooded(folder: Path) -> AsyncGenerator[tuple[Process, Sender, Client]]:
    """A worker with an embedded Temporal, a sender of deliveries, and a client to see what became of them."""
    (folder / "taken.py").write_text(FLOW)
    ports = {"RESOLUTE_HTTP_PORT": "0", "RESOLUTE_EMBEDDED_PORT": "0"}
    async with started("worker", "taken.py", "--embedded", folder=folder, **ports) as worker:
        address = await worker.temporal()
        sender = Sender("127.0.0.1", int((await worker.url()).rpartition(":")[2]), "/hook")
        yield worker, sender, await Client.connect(address)
        await sender.close()


async def ended(client: Client, offered: Offered) -> list[str]:
    """How the runs of accepted deliveries ended."""
    return [(await client.get_workflow_handle(run).result())["noted"] and run for run in offered.runs]


def completed(worker: Process) -> int:
    """How many runs have completed so far, as the worker's log says."""
    return sum('"message": "run completed"' in line for line in worker.lines)


def memory_of(worker: Process) -> int:
    """Bytes of memory that the worker's process holds."""
    lines = Path(f"/proc/{worker.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="memory is read from /proc")
async def test_a_flood_is_refused_at_once_and_nothing_accepted_is_lost(tmp_path: Path) -> None:
    """Of far more deliveries than can be taken some are accepted and run, and the others get 503 long before those."""
    async with flooded(tmp_path) as (worker, sender, client):
        offered = await sender.offer(seconds=5, rate=300)
        runs = await ended(client, offered)

    assert {202, 503} == set(offered.waits)
    assert offered.runs == runs
    assert offered.wait(503, 0.5) < 0.2 * offered.wait(202, 0.5)
    assert len([line for line in worker.lines if "too many deliveries at once" in line]) <= 6


@pytest.mark.soak
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="memory is read from /proc")
async def test_ten_times_the_load_is_taken_as_well_as_the_load(tmp_path: Path) -> None:
    """At ten times its peak for 30 s a worker accepts within 20 % of the peak; refusals are quick, memory is flat.

    Runs go on meanwhile: they do not all wait for the end of the flood.

    The peak is measured before and after the flood, because a machine is not equally quick all the time. The sender
    takes a few hundredths of a core, so it does not compete with the worker.
    """
    async with flooded(tmp_path) as (worker, sender, client):
        # Until as many runs complete as begin: before that, starts have the server to themselves.
        await sender.offer(seconds=20, at_once=16)
        earlier = await sender.offer(seconds=15, at_once=16)
        rate = 10 * earlier.per_second
        await sender.offer(seconds=5, rate=rate)
        before, completed_before = memory_of(worker), completed(worker)
        flood = await sender.offer(seconds=30, rate=rate)
        grown, done = memory_of(worker) - before, completed(worker) - completed_before
        later = await sender.offer(seconds=15, at_once=16)
        runs = await ended(client, flood)

    peak = (earlier.per_second + later.per_second) / 2
    print(  # noqa: T201  # what a soak test found is to be read
        f"peak {earlier.per_second:.1f}/s before, {later.per_second:.1f}/s after; "
        f"of {rate:.0f}/s accepted {flood.per_second:.1f}/s, {flood.per_second / peak:.0%} of the peak, "
        f"p50 {flood.wait(202, 0.5):.2f} s, p99 {flood.wait(202, 0.99):.2f} s; refused {flood.count(503)}, "
        f"p50 {flood.wait(503, 0.5) * 1000:.1f} ms, p99 {flood.wait(503, 0.99) * 1000:.1f} ms; "
        f"{done / flood.seconds:.1f} runs/s completed; memory {grown / 1e6:+.1f} MB of {before / 1e6:.0f} MB"
    )
    assert {202, 503} == set(flood.waits)
    assert flood.runs == runs
    assert flood.per_second >= 0.8 * peak
    assert flood.wait(503, 0.99) < 0.1
    assert done >= 0.2 * flood.count(202)
    assert grown < 40 * 1024 * 1024
