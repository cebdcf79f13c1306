"""The connections of one server: how many there may be at a time, and which requests are refused.

If there are too many, the one that has kept the server waiting longest is closed.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import Final, Protocol

from resolute_worker.serving.refusals import Pace, Refusal, no_refusal
from resolute_worker.serving.seldom import Seldom

log = logging.getLogger(__name__)

HEAD_SECONDS: Final = 10.0
"""How long a request's head may take, from the connection or from its first byte on a kept-alive connection."""

_MOST: Final = 1000


def most_connections() -> int:
    """How many connections a server accepts: half of the files that the process may open, as nodes need some too."""
    if sys.platform == "win32":
        return _MOST
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST if soft == resource.RLIM_INFINITY else max(1, min(_MOST, soft // 2))


class Member(Protocol):
    """A connection, as its crowd sees it."""

    transport: asyncio.Transport


class Crowd:
    """The connections of one server.

    Attributes:
        most: how many there may be.
        head_seconds: see `HEAD_SECONDS`.
        refusal: says which requests are refused before they reach an application.
        pace: when refusals go out.
    """

    def __init__(
        self, most: int | None = None, head_seconds: float = HEAD_SECONDS, refusal: Refusal = no_refusal
    ) -> None:
        self.most = most or most_connections()
        self.head_seconds = head_seconds
        self.refusal = refusal
        self.pace = Pace()
        self.say = Seldom(log)
        self._all: set[Member] = set()
        self._waiting: dict[Member, None] = {}

    def __len__(self) -> int:
        return len(self._all)

    def admit(self, connection: Member) -> bool:
        """Adds a connection; False if there is no room because all others are being served."""
        if len(self._all) >= self.most:
            self.say(logging.WARNING, "HTTP: more than %d connections; the slowest are closed", self.most)
            if not self.make_room():
                return False
        self._all.add(connection)
        self._waiting[connection] = None
        return True

    def make_room(self) -> bool:
        """Closes the connection that has been idle longest; False if none is idle."""
        oldest = next(iter(self._waiting), None)
        if oldest is None:
            return False
        self.leave(oldest)
        oldest.transport.abort()
        return True

    def serve(self, connection: Member, *, busy: bool) -> None:
        """Records whether a connection has a request in progress."""
        if busy:
            self._waiting.pop(connection, None)
        elif connection in self._all:
            self._waiting.setdefault(connection)

    def leave(self, connection: Member) -> None:
        """Removes a connection."""
        self._all.discard(connection)
        self._waiting.pop(connection, None)
