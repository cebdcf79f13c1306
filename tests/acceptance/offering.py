"""Offers deliveries at a rate, whatever becomes of them, and with little work: the machine has others to do."""

import asyncio
import contextlib
import itertools
import json
import time
from dataclasses import dataclass, field
from typing import Final, TypeAlias

Streams: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]

_MOMENT: Final = 0.1


@dataclass
class Offered:
    """What became of deliveries: how long each answer took, by status, and the runs that were begun."""

    seconds: float = 0
    waits: dict[int, list[float]] = field(default_factory=dict[int, list[float]])
    runs: list[str] = field(default_factory=list[str])

    def count(self, status: int) -> int:
        """How many answers had a status."""
        return len(self.waits.get(status, ()))

    def wait(self, status: int, share: float) -> float:
        """Seconds that a share of the answers of a status took at most."""
        waits = sorted(self.waits.get(status, [0.0]))
        return waits[min(len(waits) - 1, int(len(waits) * share))]

    @property
    def per_second(self) -> float:
        """Deliveries accepted in a second."""
        return self.count(202) / self.seconds


class Sender:
    """Sends deliveries of `{"number": N}` to one path, over connections that are kept."""

    def __init__(self, host: str, port: int, path: str) -> None:
        self._host, self._port, self._path = host, port, path
        self._free: list[Streams] = []
        self._numbers = itertools.count(1)

    async def offer(self, *, seconds: float, rate: float | None = None, at_once: int = 1000) -> Offered:
        """Offers so many deliveries a second; without a rate, as many as are answered with so many on their way.

        Without a rate, whoever is refused waits a moment, so that offering again costs the machine next to nothing.
        """
        found, tasks = Offered(), set[asyncio.Task[int]]()
        began, end = time.monotonic(), time.monotonic() + seconds
        if rate is None:
            async with asyncio.TaskGroup() as group:
                for _ in range(at_once):
                    group.create_task(self._one_after_another(found, end))
        else:
            for turn in itertools.count():
                due = began + turn / rate
                if due > end:
                    break
                if (pause := due - time.monotonic()) > 0:
                    await asyncio.sleep(pause)
                if len(tasks) < at_once:
                    task = asyncio.create_task(self._send(found))
                    tasks.add(task)
                    task.add_done_callback(tasks.discard)
            found.seconds = time.monotonic() - began
            await asyncio.gather(*tasks)
        found.seconds = found.seconds or time.monotonic() - began
        return found

    async def close(self) -> None:
        """Closes the connections."""
        for _, writer in self._free:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _one_after_another(self, found: Offered, end: float) -> None:
        while time.monotonic() < end:
            if await self._send(found) == 503:
                await asyncio.sleep(_MOMENT)

    async def _send(self, found: Offered) -> int:
        number = next(self._numbers)
        body = b'{"number": %d}' % number
        head = f"POST {self._path} HTTP/1.1\r\nHost: {self._host}\r\nContent-Length: {len(body)}\r\n\r\n"
        began = time.monotonic()
        status, answer = 0, b""
        while not status:
            streams = self._free.pop() if self._free else await asyncio.open_connection(self._host, self._port)
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):  # a connection that was closed meanwhile
                status, answer = await self._answer(streams, head.encode() + body)
        found.waits.setdefault(status, []).append(time.monotonic() - began)
        if status == 202:
            found.runs.append(json.loads(answer)["flows"][0]["run"])
        return status

    async def _answer(self, streams: Streams, request: bytes) -> tuple[int, bytes]:
        reader, writer = streams
        try:
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            answer = await reader.readexactly(int(head.partition(b"content-length: ")[2].split(b"\r\n", 1)[0]))
        except (OSError, asyncio.IncompleteReadError):
            writer.close()
            raise
        self._free.append(streams)
        return int(head.split(b" ", 2)[1]), answer
