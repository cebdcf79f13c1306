"""How many deliveries a worker accepts at a time, and how much of their bodies it keeps in memory."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

from resolute.plan.errors import ResoluteError
from resolute.temporal.workflows.reached import Bound, Reached
from resolute_worker.serving.seldom import Seldom

log = logging.getLogger(__name__)

DELIVERIES: Final = 48
"""The default limit of deliveries in flight.

Beyond Temporal's full speed, more deliveries only delay each start, until all of them are too late.
"""

BODIES: Final = 64 * 1024 * 1024
"""Bytes of bodies in memory at a time."""

_FEWEST: Final = 4
_SLOW: Final = 0.8
"""Seconds after which a delivery shows overload.

A run needs several answers from Temporal after its start, each as slow as the start. If starts filled Temporal until
each of them took two seconds, runs would take ten, and hundreds of them would pile up: they cost more the more there
are, so fewer would be accepted in the end.
"""

_QUICK: Final = 0.4
"""Seconds within which a delivery shows that there is room for more."""

_LESS: Final = 0.75
_MORE: Final = 0.25


class BusyError(ResoluteError):
    """The worker has as many deliveries in flight as it accepts: the sender must retry."""

    def __init__(self) -> None:
        super().__init__("too many requests; try again later")


class Intake:
    """Limits on the deliveries that a worker handles at a time; others are refused immediately.

    If deliveries take long, fewer are accepted at a time: as many as finish in time, on any machine.

    Attributes:
        most: deliveries in flight at a time, at most.
        in_flight: those that are now.
        reached: where it is noted that deliveries were refused.
    """

    def __init__(
        self,
        most: int = DELIVERIES,
        most_bytes: int = BODIES,
        clock: Callable[[], float] = time.monotonic,
        reached: Reached | None = None,
    ) -> None:
        self.most = most
        self.reached = reached or Reached()
        self.in_flight = 0
        self._allowed = float(most)
        self._lessened = clock()
        self._most_bytes = most_bytes
        self._clock = clock
        self._held = 0
        self._say = Seldom(log)

    @property
    def is_full(self) -> bool:
        """Whether another delivery would be refused."""
        return self.in_flight >= int(self._allowed)

    def check(self, path: str) -> None:
        """Refuses a delivery before its body is read.

        Raises:
            BusyError: too many are in flight.
        """
        if self.is_full:
            self._refuse(path)

    @contextmanager
    def delivery(self, path: str) -> Generator[None]:
        """One delivery in flight, for the length of a `with`.

        Raises:
            BusyError: too many are in flight.
        """
        self.check(path)
        self.in_flight += 1
        began = self._clock()
        try:
            yield
        finally:
            self.in_flight -= 1
            self._adapt(began)

    def _adapt(self, began: float) -> None:
        """Learns from a delivery how many can finish in time.

        Deliveries that were in flight together lower the limit only once: they were slow for the same reason.
        """
        now = self._clock()
        if now - began < _QUICK:
            self._allowed = min(self.most, self._allowed + _MORE)
        elif now - began > _SLOW and began >= self._lessened:
            self._allowed = max(min(_FEWEST, self.most), self._allowed * _LESS)
            self._lessened = now

    @contextmanager
    def body(self, path: str) -> Generator[Held]:
        """One body that is being read or held, for the length of a `with`."""
        held = Held(self, path)
        try:
            yield held
        finally:
            self._held -= held.size

    def hold(self, path: str, size: int) -> None:
        """Counts bytes of a body.

        Raises:
            BusyError: too many bytes are held.
        """
        if self._held + size > self._most_bytes:
            self._refuse(path)
        self._held += size

    def note_refusal(self, path: str) -> None:
        """Logs that a request is refused, and notes it for the watcher. `path` is of a webhook, or names what it is."""
        what = f"webhook {path}" if path.startswith("/") else path
        said = f"{what} asks its senders to come again: too many deliveries at once for a worker"
        self.reached.note(Bound(about=what, kind="full", said=said))
        self._say(logging.WARNING, "%s not accepted: too many deliveries at once; senders are asked to retry", what)

    def _refuse(self, path: str) -> None:
        self.note_refusal(path)
        raise BusyError


class Held:
    """The part of a body that has been read."""

    def __init__(self, intake: Intake, path: str) -> None:
        self.size = 0
        self._intake = intake
        self._path = path

    def add(self, size: int) -> None:
        """Counts more of the body.

        Raises:
            BusyError: too many bytes are held, of all bodies together.
        """
        self._intake.hold(self._path, size)
        self.size += size
