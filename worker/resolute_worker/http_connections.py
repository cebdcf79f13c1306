"""Connections from anywhere: how long one may keep the server waiting, and how many there may be at a time.

Uvicorn bounds neither the time that the head of a request takes nor the time that an answer waits to be read, so that
a few hundred half requests would stand for ever. Here each wait has an end, and where there are too many connections
the one that has kept the server waiting longest makes room.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import Any, Final, cast

from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.server import ServerState

from resolute_worker.seldom import Seldom

log = logging.getLogger(__name__)

HEAD_SECONDS: Final = 10.0
"""How long the head of a request may take, from the connection or from its first byte on a connection that is kept."""

IDLE_SECONDS: Final = 5
"""How long a connection is kept without a request."""

UNREAD_SECONDS: Final = 10.0
"""How long an answer may wait for a client that does not read."""

_MOST: Final = 1000
_ANSWER: Final = b"HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_TOO_SLOW: Final = _ANSWER % b"408 Request Timeout"
_TOO_MANY: Final = _ANSWER % b"503 Service Unavailable\r\nRetry-After: 5"


def most_connections() -> int:
    """How many connections a server takes: half of the files that the process may open, for nodes need some too."""
    if sys.platform == "win32":
        return _MOST
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST if soft == resource.RLIM_INFINITY else max(1, min(_MOST, soft // 2))


class Crowd:
    """The connections of one server.

    Attributes:
        most: how many there may be.
        head_seconds: see `HEAD_SECONDS`.
    """

    def __init__(self, most: int | None = None, head_seconds: float = HEAD_SECONDS) -> None:
        self.most = most or most_connections()
        self.head_seconds = head_seconds
        self.say = Seldom(log)
        self._all: set[HttpConnection] = set()
        self._waiting: dict[HttpConnection, None] = {}

    def __len__(self) -> int:
        return len(self._all)

    def admit(self, connection: HttpConnection) -> bool:
        """Counts a connection in; False where everybody who is there is being served."""
        if len(self._all) >= self.most:
            self.say(logging.WARNING, "HTTP: more than %d connections; the slowest are closed", self.most)
            if not self.make_room():
                return False
        self._all.add(connection)
        self._waiting[connection] = None
        return True

    def make_room(self) -> bool:
        """Closes the connection that has been without a request longest; False where each has one."""
        oldest = next(iter(self._waiting), None)
        if oldest is None:
            return False
        self.leave(oldest)
        oldest.transport.abort()
        return True

    def serve(self, connection: HttpConnection, *, busy: bool) -> None:
        """Notes whether a request of a connection is at work."""
        if busy:
            self._waiting.pop(connection, None)
        elif connection in self._all:
            self._waiting.setdefault(connection)

    def leave(self, connection: HttpConnection) -> None:
        """Counts a connection out."""
        self._all.discard(connection)
        self._waiting.pop(connection, None)


class HttpConnection(H11Protocol):
    """One connection of a crowd."""

    def __init__(self, crowd: Crowd, config: Config, server_state: ServerState, app_state: dict[str, Any]) -> None:
        super().__init__(config, server_state, app_state)
        self.logger = log
        self._crowd = crowd
        self._admitted = False
        self._head: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn declares it
        """Begins to wait for a request, or turns the client away."""
        super().connection_made(transport)
        self._admitted = self._crowd.admit(self)
        if self._admitted:
            self._await_head()
        else:
            self._end(_TOO_MANY)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets the connection and its timers."""
        self._crowd.leave(self)
        self._forget_head()
        if self._unread is not None:
            self._unread.cancel()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Takes what came, and sees that a head which has begun comes to its end."""
        if not self._admitted:
            return
        super().data_received(data)
        if not self._is_busy and self._head is None:
            self._await_head()
        self._note()

    def on_response_complete(self) -> None:
        """Waits for the next request, if it is not here yet."""
        super().on_response_complete()
        self._note()

    def pause_writing(self) -> None:
        """Gives a client that does not read a while."""
        super().pause_writing()
        self._unread = self.loop.call_later(UNREAD_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """The client reads again."""
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def timeout_keep_alive_handler(self) -> None:
        """Ends an idle connection at once: what is still to be written would keep it open."""
        self.transport.abort()

    @property
    def _is_busy(self) -> bool:
        cycle = cast("RequestResponseCycle | None", self.cycle)  # none before the first request
        return cycle is not None and not cycle.response_complete

    def _note(self) -> None:
        busy = self._is_busy
        if busy:
            self._forget_head()
        self._crowd.serve(self, busy=busy)

    def _await_head(self) -> None:
        self._head = self.loop.call_later(self._crowd.head_seconds, self._end, _TOO_SLOW)

    def _forget_head(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None

    def _end(self, answer: bytes) -> None:
        """Answers and closes; without an answer where the client has not even read the last one."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
            return
        self.transport.write(answer)
        self.transport.close()
