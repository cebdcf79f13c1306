"""What webhooks cost: how long a delivery takes until its run is on disk, and what becomes of a burst of them."""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import tempfile
import time
from collections import Counter, deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from temporalio.client import Client

from benchmarks.figures import Figure, at_most
from benchmarks.processes import ready, started
from benchmarks.servers import HOST, free_port

PER_SECOND = 50
STEADY = 500
BURST = 2_000
CONNECTIONS = 400
PATIENCE = 60.0
BUSY = (429, 503)
A_WHILE = 1.0
"""Seconds until a sender comes again that was asked to. It is asked for five; a benchmark is not to take as long."""

FLOW = """
from pydantic import BaseModel

from resolute import flow, input_data, node, unverified, webhook


class Alert(BaseModel):
    service: str
    number: int


@node
async def look(service: str) -> dict[str, str]:
    return {"service": service}


alerts = (
    flow("alerts")
    .triggered_by(webhook("/hooks/alerts", verify=unverified(), input=Alert))
    .then(look(input_data(Alert).service).as_("look"))
    .build()
)
"""


class Sender:
    """One connection to the worker, that sends one delivery at a time. One that was idle for long is opened again."""

    def __init__(self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._port, self._reader, self._writer = port, reader, writer

    @classmethod
    async def opened(cls, port: int) -> Self:
        """A sender that is connected."""
        return cls(port, *await asyncio.open_connection(HOST, port))

    async def send(self, number: int) -> int:
        """The status of the answer to a delivery."""
        if self._reader.at_eof():
            self.close()
            self._reader, self._writer = await asyncio.open_connection(HOST, self._port)
        body = json.dumps({"service": "checkout", "number": number}).encode()
        head = f"POST /hooks/alerts HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {len(body)}\r\n\r\n"
        self._writer.write(head.encode() + body)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        fields = dict(line.lower().split(": ", 1) for line in answer.decode().split("\r\n")[1:] if line)
        await self._reader.readexactly(int(fields["content-length"]))
        return int(answer.split(b" ", 2)[1])

    def close(self) -> None:
        """Ends the connection."""
        self._writer.close()


@dataclass(frozen=True)
class Place:
    """A worker with an embedded server, as people start it."""

    port: int
    worker: int
    server: int
    client: Client

    async def ended(self, runs: int) -> bool:
        """Whether so many runs come to their end."""
        deadline = time.monotonic() + PATIENCE
        while (
            await self.client.count_workflows("WorkflowType = 'alerts' AND ExecutionStatus = 'Completed'")
        ).count < runs:
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(0.1)
        return True

    async def kept(self) -> int:
        """How many runs there are, whatever has become of them."""
        return (await self.client.count_workflows("WorkflowType = 'alerts'")).count


async def measure() -> list[Figure]:
    """The figures."""
    with tempfile.TemporaryDirectory(prefix="resolute-bench-") as folder:
        async with _place(Path(folder)) as place:
            first = await Sender.opened(place.port)
            for number in range(50):  # connections, caches, the first pages of the database
                await first.send(-1 - number)
            first.close()
            await place.ended(50)
            before = processor(place.worker), processor(place.server)
            took, again = await _steadily(place)
            ended = await place.ended(50 + STEADY)
            after = processor(place.worker), processor(place.server)
            statuses, slowest, delivered = await _at_once(place)
            accepted = 50 + STEADY + BURST
            burst_ended = await place.ended(accepted)
            kept = await place.kept()
    others = statuses.total() - statuses[202] - statuses[200] - sum(statuses[status] for status in BUSY)
    answers = ", ".join(f"{status}: {count:,}" for status, count in sorted(statuses.items()))
    worker, server = ((b - a) / STEADY * 1000 for a, b in zip(before, after, strict=True))
    return [
        at_most(f"accepted on disk, at {PER_SECOND} a second: p50", statistics.median(took) * 1000, 15, "ms", 1),
        at_most("p99", statistics.quantiles(took, n=100)[98] * 1000, 50, "ms", 1),
        at_most("processor time of a run: the worker", worker, 8.5, "ms", 1),
        at_most("processor time of a run: the embedded server", server, 14.5, "ms", 1),
        Figure("of which were asked to come again", f"{again} of {STEADY}"),
        Figure(
            f"a burst of {BURST:,} over {CONNECTIONS} connections",
            f"{answers}; slowest {slowest:.1f} s; all delivered after {delivered:.0f} s",
        ),
        Figure(
            "lost, or answered otherwise than 202 and come again",
            f"{accepted - kept} and {others}" + ("" if ended and burst_ended else "; not all have ended"),
            "none",
            accepted == kept and not others and ended and burst_ended,
        ),
    ]


async def _steadily(place: Place) -> tuple[list[float], int]:
    """Seconds until each delivery is accepted, so many a second, and how many had to come again.

    A late one delays no other.
    """
    idle: list[Sender] = []
    begun, again = time.perf_counter(), 0

    async def one(number: int) -> float:
        due = begun + number / PER_SECOND
        await asyncio.sleep(due - time.perf_counter())
        nonlocal again
        sent = time.perf_counter()
        sender = idle.pop() if idle else await Sender.opened(place.port)
        while await sender.send(number) != 202:
            again += 1
            await asyncio.sleep(A_WHILE)
        idle.append(sender)
        return time.perf_counter() - sent

    took = await asyncio.gather(*(one(number) for number in range(STEADY)))
    for sender in idle:
        sender.close()
    return took, again


async def _at_once(place: Place) -> tuple[Counter[int], float, float]:
    """The answers to a burst, the seconds of the slowest one, and those until everything is delivered.

    What is asked to come again comes again behind the rest, as a sender of webhooks would do it.
    """
    numbers = deque(range(STEADY, STEADY + BURST))
    begun = time.perf_counter()
    statuses: Counter[int] = Counter()
    slowest = 0.0

    async def one() -> None:
        nonlocal slowest
        sender = await Sender.opened(place.port)
        while numbers:
            number, sent = numbers.popleft(), time.perf_counter()
            status = await sender.send(number)
            statuses[status] += 1
            slowest = max(slowest, time.perf_counter() - sent)
            if status in BUSY:
                numbers.append(number)
                await asyncio.sleep(A_WHILE)
        sender.close()

    await asyncio.gather(*(one() for _ in range(CONNECTIONS)))
    return statuses, slowest, time.perf_counter() - begun


@asynccontextmanager
async def _place(folder: Path) -> AsyncGenerator[Place]:
    (folder / "alerts.py").write_text(FLOW)
    port, temporal = free_port(), free_port()
    settings = {"RESOLUTE_EMBEDDED_PORT": str(temporal), "RESOLUTE_LOG_LEVEL": "error"}
    with started(["worker", "--embedded", "alerts.py", "--http-port", str(port)], str(folder), **settings) as worker:
        await asyncio.to_thread(ready, worker, port)
        client = await Client.connect(f"{HOST}:{temporal}")
        yield Place(port, worker.pid, _child(worker.pid), client)


def _child(parent: int) -> int:
    """The process that another one has started."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return int(children[0])


def processor(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
