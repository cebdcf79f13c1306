"""How many deliveries a worker takes in at a time, and how much of their bodies it holds."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from resolute.plan.errors import ResoluteError
from resolute_worker.seldom import Seldom

log = logging.getLogger(__name__)

DELIVERIES: Final = 48
"""Deliveries in flight, unless told otherwise.

Beyond what Temporal starts at its full speed, more of them only make each start later, until all of them are too late.
"""

BODIES: Final = 64 * 1024 * 1024
"""Bytes of bodies that are held at a time."""


class BusyError(ResoluteError):
    """As many deliveries are in flight as the worker takes: the sender has to come again."""


class Intake:
    """Bounds on the deliveries that a worker has in hand; what is beyond them is refused at once.

    Attributes:
        most: deliveries in flight at a time.
        in_flight: those that are now.
    """

    def __init__(self, most: int = DELIVERIES, most_bytes: int = BODIES) -> None:
        self.most = most
        self.in_flight = 0
        self._most_bytes = most_bytes
        self._held = 0
        self._say = Seldom(log)

    def check(self, path: str) -> None:
        """Refuses a delivery before its body is read.

        Raises:
            BusyError: too many are in flight.
        """
        if self.in_flight >= self.most:
            self._refuse(path, f"{self.most} deliveries are in flight")

    @contextmanager
    def delivery(self, path: str) -> Generator[None]:
        """One delivery in flight, for the length of a `with`.

        Raises:
            BusyError: too many are in flight.
        """
        self.check(path)
        self.in_flight += 1
        try:
            yield
        finally:
            self.in_flight -= 1

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
            self._refuse(path, f"{self._held:,} bytes of bodies are held")
        self._held += size

    def _refuse(self, path: str, reason: str) -> None:
        # The path alone tells such lines apart: a reason with a number in it would make each a kind of its own.
        self._say(logging.WARNING, "webhook %s not taken: too much at a time; senders are asked to come again", path)
        raise BusyError(reason)


class Held:
    """The part of a body that has been read."""

    def __init__(self, intake: Intake, path: str) -> None:
        self.size = 0
        self._intake = intake
        self._path = path

    def add(self, size: int) -> None:
        """Counts more of the body in.

        Raises:
            BusyError: too many bytes are held, of all bodies together.
        """
        self._intake.hold(self._path, size)
        self.size += size
