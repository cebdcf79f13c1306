"""Many more deliveries than a machine can take: as many as ever are accepted, and the rest are refused at once."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest
from temporalio.client import Client

from resolute_worker.intake import DELIVERIES
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
    """At ten times its peak for 30 s a worker accepts and completes within 20 % of the peak; refusals are quick.

    The peak is the rate that the same worker keeps up: as many runs complete as begin. It is measured before and after
    the flood, because a machine is not equally quick all the time, and each time without runs left from earlier. The
    number of open runs does not grow during the flood, nor does the worker's memory.
    """
    async with flooded(tmp_path) as (worker, sender, client):
        rates: list[tuple[float, float]] = []
        accepted = 0

        async def offered(seconds: float, rate: float | None = None) -> Offered:
            nonlocal accepted
            before = completed(worker)
            found = await sender.offer(seconds=seconds, rate=rate, at_once=8 if rate is None else 1000)
            accepted += found.count(202)
            rates.append((found.per_second, (completed(worker) - before) / found.seconds))
            return found

        def unfinished() -> int:
            return accepted - completed(worker)

        await offered(10)
        earlier = await offered(15)
        rate = 10 * earlier.per_second
        await offered(5, rate)
        memory, unfinished_before = memory_of(worker), unfinished()
        flood = await offered(30, rate)
        grown, unfinished_after = memory_of(worker) - memory, unfinished()
        runs = await ended(client, flood)
        later = await offered(15)

    peak = (earlier.per_second + later.per_second) / 2
    _, before, _, during, after = (completed_per_second for _, completed_per_second in rates)
    print(  # noqa: T201  # what a soak test found is to be read
        f"peak {peak:.1f}/s (accepted {earlier.per_second:.1f}, completed {before:.1f} before; "
        f"accepted {later.per_second:.1f}, completed {after:.1f} after); of {rate:.0f}/s accepted "
        f"{flood.per_second:.1f}/s, {flood.per_second / peak:.0%} of the peak, completed {during:.1f}/s; "
        f"p50 {flood.wait(202, 0.5):.2f} s, p99 {flood.wait(202, 0.99):.2f} s; refused {flood.count(503)}, "
        f"p50 {flood.wait(503, 0.5) * 1000:.1f} ms, p99 {flood.wait(503, 0.99) * 1000:.1f} ms; "
        f"unfinished {unfinished_before} before the flood, {unfinished_after} after it; "
        f"memory {grown / 1e6:+.1f} MB of {memory / 1e6:.0f} MB"
    )
    assert {202, 503} == set(flood.waits)
    assert flood.runs == runs
    assert flood.per_second >= 0.8 * peak
    assert during >= 0.8 * peak
    assert unfinished_after <= unfinished_before + DELIVERIES
    assert flood.wait(503, 0.99) < 0.1
    assert grown < 40 * 1024 * 1024
