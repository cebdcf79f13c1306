"""What the provider adds to its requests, what long lists cost, and how fast the simulator answers."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

from benchmarks.figures import Figure, at_least, at_most
from resolute.context import CallContext, enter_call
from resolute_pagerduty import PagerDuty, PagerDutyConfig, all_incidents, get_incident
from resolute_pagerduty.simulator import WORLD

INCIDENTS = 10_000
PAGE = 100
REQUESTS = 300
READS = 3_000
CONNECTIONS = 4

_SIMULATOR = """
import sys
from pathlib import Path
from resolute_pagerduty.simulator import Options, run
run(Options(rate_limit=None, seed_file=Path(sys.argv[1])), lambda sim: print(sim.url, flush=True))
"""


@dataclass(frozen=True)
class Answered:
    """A simulator in a process of its own, and a provider that talks to it."""

    url: str
    provider: PagerDuty

    @property
    def headers(self) -> dict[str, str]:
        """What a client of the REST API sends."""
        return {"Authorization": f"Token token={WORLD.account_key}", "Accept": "application/json"}


async def measure() -> list[Figure]:
    """The figures of the provider and of the simulator."""
    with _simulator() as url:
        config = PagerDutyConfig(
            api_key=SecretStr(WORLD.account_key), from_email=WORLD.from_email, api_url=url, events_url=url
        )
        async with PagerDuty(config) as provider:
            enter_call(CallContext(flow="bench", run_id="bench", step="bench", node="bench"))
            answered = Answered(url, provider)
            return [*await _walk(answered), await _overhead(answered), await _reads(answered)]


async def _walk(answered: Answered) -> list[Figure]:
    async with httpx.AsyncClient(base_url=answered.url) as client:
        await client.delete("/_simulator/requests")
        gc.collect()
        tracemalloc.start()
        found = await all_incidents.__wrapped__(answered.provider, since=datetime.now(UTC) - timedelta(days=30))
        gc.collect()
        held, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        asked = (await client.get("/_simulator/requests")).json()["requests"]
    count = len(found.incidents)
    return [
        Figure(
            f"requests for {count:,} incidents", str(len(asked)), f"<= {count // PAGE}", len(asked) <= count // PAGE
        ),
        at_most("memory at its highest / of the result", peak / held, 1.1, "", 2),
    ]


async def _overhead(answered: Answered) -> Figure:
    """What a node's request takes beyond the same request with httpx alone, each measured right after the other."""
    async with httpx.AsyncClient(base_url=answered.url, headers=answered.headers) as client:

        async def bare() -> None:
            json.loads((await client.get("/incidents/1")).content)

        async def node() -> None:
            await get_incident.__wrapped__(answered.provider, id=1)

        pairs = [(await _timed(bare), await _timed(node)) for _ in range(REQUESTS)]
    return at_most(
        "a node's request beyond httpx alone", statistics.median(long - short for short, long in pairs), 1, "ms", 2
    )


async def _timed(what: Callable[[], Awaitable[None]]) -> float:
    begun = time.perf_counter()
    await what()
    return (time.perf_counter() - begun) * 1000


async def _reads(answered: Answered) -> Figure:
    """Reads per second over a few connections, asked as cheaply as can be: what is measured is who answers."""
    head = "".join(f"{name}: {value}\r\n" for name, value in answered.headers.items())
    request = f"GET /incidents/1 HTTP/1.1\r\nHost: simulator\r\n{head}\r\n".encode()
    address = urlsplit(answered.url)

    async def connection(count: int) -> None:
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        for _ in range(count):
            writer.write(request)
            answer = await reader.readuntil(b"\r\n\r\n")
            length = next(line for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(int(length.partition(b":")[2]))
        writer.close()

    begun = time.perf_counter()
    await asyncio.gather(*(connection(READS // CONNECTIONS) for _ in range(CONNECTIONS)))
    return at_least("reads of the simulator", READS / (time.perf_counter() - begun), 500, "/s", 0)


@contextlib.contextmanager
def _simulator() -> Generator[str]:
    """Serves a simulator with many incidents; gives its address."""
    incidents = [
        {"title": f"Incident {number}", "service": "Checkout", "opened_minutes_ago": number + 1}
        for number in range(INCIDENTS)
    ]
    with tempfile.TemporaryDirectory(prefix="resolute-bench-") as folder:
        seed = Path(folder) / "seed.json"
        seed.write_text(json.dumps({"incidents": incidents}))
        process = subprocess.Popen([sys.executable, "-c", _SIMULATOR, str(seed)], stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
            process.wait()
