"""Many more deliveries than a machine can take: as many as ever are accepted, and the rest are refused at once."""

from collections.abc import AsyncGenerator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Final

import pytest
from temporalio.client import Client

from resolute_worker.serving.intake import DELIVERIES
from tests.acceptance.offering import Offered, Sender
from tests.worker.processes import Process, started

FLOW: Final = """
import gc

from pydantic import BaseModel
from resolute import flow, input_data, node, unverified, webhook

class Delivery(BaseModel):
    number: int

@node
async def note(number: int) -> int:
    return gc.get_freeze_count()

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
    return [(await client.get_workflow_handle(run).result()) and run for run in offered.runs]


async def uncollected(client: Client, offered: Offered) -> int:
    """How many objects the garbage collector of the worker leaves out, as the first run noted."""
    return (await client.get_workflow_handle(offered.runs[0]).result())["noted"]


def completed(worker: Process) -> int:
    """How many runs have completed so far, as the worker's log says."""
    return sum('"message": "run completed"' in line for line in worker.lines)


def memory_of(worker: Process) -> int:
    """Bytes of memory that the worker's process holds."""
    lines = Path(f"/proc/{worker.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))


@pytest.mark.alone
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="memory is read from /proc")
async def test_a_flood_is_refused_at_once_and_nothing_accepted_is_lost(tmp_path: Path) -> None:
    """Of far more deliveries than can be taken some are accepted and run, and the others get 503 long before those.

    Nobody waits for garbage collections of all that a worker has loaded, some hundred thousand objects.
    """
    async with flooded(tmp_path) as (worker, sender, client):
        offered = await sender.offer(seconds=5, rate=300)
        runs = await ended(client, offered)
        left_out = await uncollected(client, offered)

    assert left_out > 50_000
    assert {202, 503} == set(offered.waits)
    assert offered.runs == runs
    assert offered.wait(503, 0.5) < 0.2 * offered.wait(202, 0.5)
    assert len([line for line in worker.lines if "too many deliveries at once" in line]) <= 6


@dataclass(frozen=True)
class Stretch:
    """What a worker did for a while: what it was offered, how many runs completed, and how many then had not."""

    offered: Offered
    completed_per_second: float
    unfinished: int

    def __str__(self) -> str:
        return (
            f"accepted {self.offered.per_second:.1f}/s, completed {self.completed_per_second:.1f}/s, "
            f"{self.unfinished} unfinished, p50 {self.offered.wait(202, 0.5):.2f} s; "
            f"refused {self.offered.count(503)}, p99 {self.offered.wait(503, 0.99) * 1000:.1f} ms"
        )


class Rounds:
    """Offers a worker deliveries, stretch by stretch."""

    def __init__(self, worker: Process, sender: Sender) -> None:
        self._worker, self._sender, self._accepted = worker, sender, 0

    async def as_many_as_it_keeps_up(self) -> Stretch:
        """Ten seconds with eight deliveries on their way at any time: they keep the server busy and do not crowd."""
        return await self._stretch(self._sender.offer(seconds=10, at_once=8))

    async def flood(self, rate: float) -> Stretch:
        """Thirty seconds of so many deliveries a second."""
        return await self._stretch(self._sender.offer(seconds=30, rate=rate))

    async def _stretch(self, offering: Awaitable[Offered]) -> Stretch:
        before = completed(self._worker)
        offered = await offering
        done = completed(self._worker)
        self._accepted += offered.count(202)
        return Stretch(offered, (done - before) / offered.seconds, self._accepted - done)


@pytest.mark.soak
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="memory is read from /proc")
async def test_ten_times_the_load_is_taken_as_well_as_the_load(tmp_path: Path) -> None:
    """At ten times its peak for 30 s a worker accepts and completes within 20 % of the peak; refusals are quick.

    The peak is what the same worker keeps up without a flood, just before and just after it: as many runs complete as
    begin. The number of unfinished runs does not grow during a flood, nor does the worker's memory, and none is lost.
    There are three floods, and the median counts: a machine that has others to serve is not equally quick all the time.
    """
    async with flooded(tmp_path) as (worker, sender, client):
        rounds = Rounds(worker, sender)
        await rounds.as_many_as_it_keeps_up()
        alone = [await rounds.as_many_as_it_keeps_up()]
        memory: list[int] = []
        floods: list[Stretch] = []
        for _ in range(3):
            floods.append(await rounds.flood(10 * alone[-1].offered.per_second))
            memory.append(memory_of(worker))
            alone.append(await rounds.as_many_as_it_keeps_up())
        sent = [flood.offered for flood in floods]
        lost = [set(offered.runs) - set(await ended(client, offered)) for offered in sent]

    peaks = [(before.offered.per_second + after.offered.per_second) / 2 for before, after in pairwise(alone)]
    accepted = [flood.offered.per_second / peak for flood, peak in zip(floods, peaks, strict=True)]
    done = [flood.completed_per_second / peak for flood, peak in zip(floods, peaks, strict=True)]
    print(f"alone: {alone[0]}")  # noqa: T201  # what a soak test found is to be read
    for flood, after, share in zip(floods, alone[1:], accepted, strict=True):
        print(f"flood: {flood}; {share:.0%} of the peak\nalone: {after}")  # noqa: T201  # as above
    print(f"accepted {median(accepted):.0%}, completed {median(done):.0%} of the peak; memory {memory}")  # noqa: T201  # as above
    assert [{202, 503}] * 3 == [set(offered.waits) for offered in sent]
    assert [set[str]()] * 3 == lost
    assert median(accepted) >= 0.8
    assert median(done) >= 0.8
    assert median(flood.unfinished for flood in floods) <= 2 * DELIVERIES
    assert median(offered.wait(503, 0.99) for offered in sent) < 0.1
    assert memory[-1] - memory[0] < 40 * 1024 * 1024
