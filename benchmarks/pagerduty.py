"""The PagerDuty provider and the simulator: long walks, what a request costs, and how many reads a core answers."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

import resolute_pagerduty as pagerduty
from benchmarks.figures import Figure, at_least, at_most
from resolute.plan.context import CallContext, enter_call
from resolute_pagerduty.simulator import WORLD

INCIDENTS = 10_000
REQUESTS = 100
ROUNDS = 11
READERS = 4
READS = 400

# A simulator in a process of its own. It tells its address, the id of an incident, and for each line that it is given
# the requests that it answered and the seconds that it worked.
_SIMULATOR = f"""
import sys, time
from datetime import UTC, datetime, timedelta
from resolute_pagerduty.simulator import Limits, Simulator

with Simulator.serve(limits=Limits.none()) as sim:
    start = datetime.now(UTC) - timedelta(hours=3)
    for number in range({INCIDENTS}):
        last = sim.add_incident(f"Alarm {{number}}", sim.world.service, created_at=start + timedelta(seconds=number))
    print(sim.url, last.id, flush=True)
    for _ in sys.stdin:
        print(len(sim.requests), time.process_time(), flush=True)
"""


@dataclass(frozen=True)
class Simulated:
    """A simulator in another process: its address, an incident of it, and the way to ask it what it has done."""

    url: str
    incident: str
    asked: IO[str]
    told: IO[str]

    def work(self) -> tuple[int, float]:
        """How many requests it has answered, and for how many seconds it has worked."""
        self.asked.write("\n")
        self.asked.flush()
        requests, seconds = self.told.readline().split()
        return int(requests), float(seconds)


async def measure() -> list[Figure]:
    """The figures of provider and simulator."""
    with simulated() as simulator:
        return [*await walking(simulator), *await overhead(simulator), *await reading(simulator)]


async def walking(simulator: Simulated) -> list[Figure]:
    """All 10,000 incidents by one call of a node: requests, and memory beside what it returns."""
    since = datetime.now(UTC) - timedelta(days=1)
    walk = pagerduty.all_incidents.definition.function
    async with provider(simulator) as working:
        await walk(working, since=since, limit=200)  # connections, validators, the first page
        gc.collect()
        before, _ = simulator.work()
        tracemalloc.start()
        output = await walk(working, since=since)
        _, most = tracemalloc.get_traced_memory()
        gc.collect()
        kept, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        after, _ = simulator.work()
    count = len(output.incidents)
    return [
        Figure("incidents walked", f"{count:,}", f"{INCIDENTS:,}", count == INCIDENTS),
        at_most("requests for that", after - before, INCIDENTS / 100, "requests"),
        at_most("memory at most / of the result", most / kept, 1.1, "times", 2),
    ]


async def overhead(simulator: Simulated) -> list[Figure]:
    """Milliseconds of a request through a node beyond the same one through httpx, its JSON read in both."""
    path = f"{simulator.url}/incidents/{simulator.incident}"
    headers = {
        "authorization": f"Token token={WORLD.account_key}",
        "accept": "application/vnd.pagerduty+json;version=2",
    }
    get = pagerduty.get_incident.definition.function
    async with provider(simulator) as working, httpx.AsyncClient(headers=headers) as client:

        async def by_node() -> None:
            await get(working, id=simulator.incident)

        async def by_httpx() -> None:
            (await client.get(path)).json()

        await each_ms(by_node)
        await each_ms(by_httpx)
        ours, theirs = list[float](), list[float]()
        for number in range(ROUNDS):  # one right after the other: what else the machine does hits both
            for way, times in ((by_node, ours), (by_httpx, theirs))[:: 1 if number % 2 else -1]:
                times.append(await each_ms(way))
    beyond = statistics.median(one - other for one, other in zip(ours, theirs, strict=True))
    return [
        Figure("a request: by httpx, by a node", f"{min(theirs):.2f} and {min(ours):.2f} ms"),
        at_most("a node's overhead per request beyond httpx", beyond, 1, "ms", 2),
    ]


async def reading(simulator: Simulated) -> list[Figure]:
    """Reads per second: of the wall clock, and of one core at work."""
    found: list[Figure] = []
    reads = {
        "an incident": f"/incidents/{simulator.incident}",
        "a page of 25 incidents": "/incidents?limit=25",
        "who is on call": "/oncalls",
    }
    for what, path in reads.items():
        await asyncio.gather(*(read(simulator.url, path, READS // 4) for _ in range(READERS)))
        before, worked = simulator.work()
        begun = time.perf_counter()
        await asyncio.gather(*(read(simulator.url, path, READS) for _ in range(READERS)))
        taken = time.perf_counter() - begun
        after, working = simulator.work()
        count = after - before
        found.append(at_least(f"simulator: {what}, by one core", count / (working - worked), 500, "reads/s", 0))
        found.append(Figure(f"simulator: {what}, {READERS} clients", f"{count / taken:.0f} reads/s"))
    return found


async def read(url: str, path: str, times: int) -> None:
    """Reads a path again and again over one connection, with as little work on this side as can be."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    request = f"GET {path} HTTP/1.1\r\nhost: {parts.netloc}\r\nauthorization: Token token={WORLD.account_key}\r\n\r\n"
    try:
        for _ in range(times):
            writer.write(request.encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            if not head.startswith("http/1.1 200"):
                raise ValueError(f"GET {path}: {head.splitlines()[0]}")
            await reader.readexactly(int(head.partition("content-length: ")[2].partition("\r\n")[0]))
    finally:
        writer.close()
        await writer.wait_closed()


async def each_ms(request: Callable[[], Awaitable[None]]) -> float:
    """Milliseconds of one request, one after the other."""
    begun = time.perf_counter()
    for _ in range(REQUESTS):
        await request()
    return (time.perf_counter() - begun) / REQUESTS * 1000


@contextlib.asynccontextmanager
async def provider(simulator: Simulated) -> AsyncGenerator[pagerduty.PagerDuty]:
    """The provider as a worker has it, its audit log included, inside a call of a node."""
    config = pagerduty.PagerDutyConfig(
        api_key=SecretStr(WORLD.account_key), api_url=simulator.url, from_email=WORLD.from_email
    )
    enter_call(CallContext(flow="bench", run_id="bench", step="bench", node="bench", attempt=1))
    with tempfile.TemporaryDirectory(prefix="resolute-bench-") as folder:
        async with pagerduty.PagerDuty(config, audit_log=Path(folder) / "audit.jsonl") as working:
            yield working


@contextlib.contextmanager
def simulated() -> Generator[Simulated]:
    """A simulator with 10,000 incidents, in a process of its own."""
    command = [sys.executable, "-c", _SIMULATOR]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        asked, told = process.stdin, process.stdout
        if asked is None or told is None:
            raise RuntimeError("the simulator has no pipes")
        url, incident = told.readline().split()
        yield Simulated(url, incident, asked, told)
        asked.close()  # at the end of its input it ends
