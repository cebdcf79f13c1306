"""A connection from anywhere: how long it may keep the server waiting, how much it may send ahead, what is refused.

Uvicorn limits neither the time nor the bytes that a request's head takes, nor how many requests are sent before others
are answered, nor the time that an answer waits to be read: a few hundred clients would fill a worker. Here each has its
limit.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final, cast

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from resolute.plan.errors import ResoluteError
from resolute_worker.serving.crowd import Crowd
from resolute_worker.serving.refusals import post_in

log = logging.getLogger(__name__)

IDLE_SECONDS: Final = 5
"""How long an idle connection is kept."""

UNREAD_SECONDS: Final = 10.0
"""How long an answer may wait for a client that does not read."""

LONGEST_HEAD: Final = 64 * 1024
"""Bytes that the head of a request may have, beyond what comes at once."""

MOST_AHEAD: Final = 16
"""Requests that a client may send before the first of them is answered."""

_ANSWER: Final = b"HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_TOO_SLOW: Final = _ANSWER % b"408 Request Timeout"
_TOO_LONG: Final = _ANSWER % b"431 Request Header Fields Too Large"
_TOO_MANY: Final = _ANSWER % b"503 Service Unavailable\r\nRetry-After: 5"


class _TooManyAheadError(ResoluteError):
    """A client has sent more requests than it may before the first of them is answered."""


class HttpConnection(HttpToolsProtocol):
    """One connection of a crowd."""

    def __init__(self, crowd: Crowd, config: Config, server_state: ServerState, app_state: dict[str, Any]) -> None:
        super().__init__(config, server_state, app_state)
        self.logger = log
        self._crowd = crowd
        self._admitted = False
        self._head: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._refused: bytes | None = None
        self._rest = 0
        self._in_request = False
        self._in_head = False
        self._head_size = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn declares it
        """Starts to wait for a request, or turns the client away."""
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
        """Takes the data, and limits the time until the head is complete."""
        if not self._admitted:
            return
        if self._rest:
            self._rest, data = self._rest - min(self._rest, len(data)), data[self._rest :]
            if not data:
                return
        if self._turns_away(data):
            return
        super().data_received(data)
        if self._in_head:
            self._head_size += len(data)
            if self._head_size > LONGEST_HEAD:
                self._end(_TOO_LONG)
                return
        if not self._is_busy and self._head is None:
            self._await_head()
        self._note()

    def refuse(self) -> None:
        """Answers a request that is turned away, and waits for the next one."""
        answer, self._refused = self._refused, None
        if answer is None or self.transport.is_closing():
            return
        self.transport.write(answer)
        self.transport.resume_reading()  # nothing, unless it had to wait
        self.server_state.total_requests += 1
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)
        self._note()

    def shutdown(self) -> None:
        """Ends the connection once its request is answered."""
        self.refuse()
        super().shutdown()

    def on_message_begin(self) -> None:
        """A request begins.

        Raises:
            _TooManyAheadError: too many of them wait already.
        """
        if len(self.pipeline) >= MOST_AHEAD:
            raise _TooManyAheadError
        self._in_request = self._in_head = True
        self._head_size = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head of a request is there."""
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """A request is there as a whole."""
        self._in_request = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Waits for the next request, if it is not here yet."""
        super().on_response_complete()
        self._note()

    def pause_writing(self) -> None:
        """Gives a client that does not read some time."""
        super().pause_writing()
        self._unread = self.loop.call_later(UNREAD_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """The client is reading again."""
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def timeout_keep_alive_handler(self) -> None:
        """Closes an idle connection immediately: unwritten data would keep it open."""
        self.transport.abort()

    def _turns_away(self, data: bytes) -> bool:
        """Whether data is a refused request; nothing more is read until it is answered."""
        if self._is_busy or self._in_request or self.flow.write_paused or (post := post_in(data)) is None:
            return False
        self._refused = self._crowd.refusal(post.path)
        if self._refused is None:
            return False
        self._rest = post.rest
        self._unset_keepalive_if_required()
        self._forget_head()
        if self._crowd.pace.is_open():
            self.refuse()
        else:
            self.transport.pause_reading()
            self._crowd.serve(self, busy=True)
            self._crowd.pace.add(self)
        return True

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
        """Answers and closes; without an answer if the client has not even read the last one."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
            return
        self.transport.write(answer)
        self.transport.close()
