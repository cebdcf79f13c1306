"""One call in memory: what limits its attempts, and the heartbeats that it is watched by."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from resolute.plan.values import Json


@dataclass(frozen=True)
class Output:
    """What a node has answered in an attempt."""

    output: Json


@dataclass(frozen=True)
class Limit:
    """What ends an attempt that does not answer: its own timeout, or the time that all attempts have together."""

    seconds: float
    text: str
    told: float | None = None


class Heartbeat:
    """The heartbeats of one call: the details of the last one, and how long ago it was.

    `heard` says whether the end of the last attempt was heard of.
    """

    def __init__(self, every: float | None, details: tuple[Json, ...], *, heard: bool = True) -> None:
        self.every = every or 0.0
        self.details = details
        self.heard = heard
        self._watch: asyncio.Timeout | None = None
        self._end: float | None = None
        self._loop = asyncio.get_running_loop()

    @property
    def silent(self) -> bool:
        """Whether missing heartbeats ended the attempt."""
        when = self._watch.when() if self._watch else None
        return when is not None and self._end is not None and when < self._end

    def begin(self, watch: asyncio.Timeout) -> None:
        """Watches an attempt."""
        self._watch, self._end = watch, watch.when()
        self._wait()

    def beat(self, *details: Json) -> None:
        """What a node calls, from any thread."""
        self.details = details
        self._loop.call_soon_threadsafe(self._wait)

    def _wait(self) -> None:
        if self.every and self._watch and self._end is not None and not self._watch.expired():
            self._watch.reschedule(min(self._end, self._loop.time() + self.every))
