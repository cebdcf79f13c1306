"""Automatic heartbeats: a killed worker is noticed in seconds, however long its nodes may take.

If a node's policy has no heartbeat of its own, its worker sends heartbeats for it, from the worker's event loop. If
something blocks that loop, a thread does it instead: a healthy node never counts as lost because of another one.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from contextvars import copy_context
from datetime import timedelta
from time import monotonic
from typing import Final

from temporalio import activity
from temporalio.client import AsyncActivityCancelledError
from temporalio.service import RPCError

from resolute.execution.trace import stack_of_thread
from resolute.plan.policies import SIGN_OF_LIFE
from resolute.plan.values import Json
from resolute.running.made import NOTHING_MADE, Made
from resolute.temporal.wire.attempts import Attempts, as_detail, split

log = logging.getLogger(__name__)

EVERY: Final = 4.0
"""Seconds between two heartbeats: three fit into `SIGN_OF_LIFE`, so two may get lost. A quick node sends none."""

THROTTLE: Final = timedelta(seconds=1)
"""How long the SDK may hold back a heartbeat. Its default, 80 % of the timeout, would leave little to spare."""

_LATE: Final = 1.5 * EVERY
_LOOK: Final = 1.0
_LINGER: Final = 10.0
_RPC_TIMEOUT: Final = timedelta(seconds=5)


class Heart:
    """The heartbeats of one attempt of a node: its own and those that its worker sends for it.

    `node_thread` is the thread of the loop that the node runs on, if that is not the worker's loop; `made` are attempts
    before a switch stopped the call. `before` are the attempts that failed before this one, and `unheard` says that the
    last one before it is not among them: nobody knows how that ended.
    """

    def __init__(self, info: activity.Info, node_thread: int | None = None, made: Made = NOTHING_MADE) -> None:
        self.step = info.activity_id
        self._automatic = info.heartbeat_timeout == timedelta(seconds=SIGN_OF_LIFE)
        self.said, self.before = split(info.heartbeat_details)
        if made and not info.heartbeat_details:  # the first attempt since a switch stopped the call
            self.said, self.before = made.heartbeat, split([made.failed])[1]
        self._attempts = self.before
        last = made.attempts + info.attempt - 1
        never_ended = info.attempt > 1 and all(each.number != last for each in self.before)
        self.unheard = never_ended or (info.attempt == 1 and made.unheard)
        self._loop = asyncio.get_running_loop()
        self.thread, self._node_thread = threading.get_ident(), node_thread
        self._context = copy_context()
        self._client, self._token = activity.client(), info.task_token
        self._last = monotonic()

    def beat(self, *details: Json) -> None:
        """What a node calls, from any thread.

        Raises:
            asyncio.CancelledError: in a thread, if nobody waits for the node any longer. A coroutine does not need
                this: it is cancelled where it waits.
        """
        self.said = details
        if threading.get_ident() == self.thread:
            self._send()
            return
        in_thread = threading.get_ident() != self._node_thread
        if in_thread and (self._context.copy().run(activity.is_cancelled) or self._loop.is_closed()):
            raise asyncio.CancelledError(f"nobody waits for step {self.step!r} any more")
        self._loop.call_soon_threadsafe(self._send, context=self._context.copy())

    @contextmanager
    def beating(self) -> Generator[None]:
        """Sends heartbeats while the block runs, unless the author expects them from the node itself."""
        if not self._automatic:
            yield
            return
        self._timer = self._loop.call_later(EVERY, self._tick)
        _WATCH.add(self)
        try:
            yield
        finally:
            _WATCH.remove(self)
            self._timer.cancel()

    def _tick(self) -> None:
        self._send()
        self._timer = self._loop.call_later(EVERY, self._tick)

    def _send(self) -> None:
        self._last = monotonic()
        activity.heartbeat(*self._details)  # with the node's last details: an empty heartbeat would erase them

    def remember(self, attempts: Attempts) -> None:
        """Passes failed attempts on to the next one."""
        self._attempts = attempts
        self._send()

    @property
    def _details(self) -> tuple[Json, ...]:
        return (*self.said, as_detail(self._attempts)) if self._attempts else self.said

    @property
    def late(self) -> bool:
        """Whether the event loop was too late."""
        return monotonic() - self._last > _LATE

    async def send_elsewhere(self) -> None:
        """Sends the heartbeat from another event loop."""
        self._last = monotonic()
        try:
            handle = self._client.get_async_activity_handle(task_token=self._token)
            await handle.heartbeat(*self._details, rpc_timeout=_RPC_TIMEOUT)
        except AsyncActivityCancelledError:
            return  # the blocked loop learns about it when it runs again
        except RPCError as error:
            log.warning("no heartbeat could be sent for step %s: %s", self.step, error.message)


class _Watch:
    """A thread that sends heartbeats for blocked event loops. It ends when there is nothing to do."""

    def __init__(self) -> None:
        self._hearts: dict[int, Heart] = {}
        self._changed = threading.Condition()
        self._at_work = False

    def add(self, heart: Heart) -> None:
        """Looks after a heart."""
        with self._changed:
            self._hearts[id(heart)] = heart
            if self._at_work:
                self._changed.notify()
                return
            self._at_work = True
        threading.Thread(target=self._run, name="resolute-heartbeats", daemon=True).start()

    def remove(self, heart: Heart) -> None:
        """Forgets it."""
        with self._changed:
            self._hearts.pop(id(heart), None)

    def _run(self) -> None:
        while hearts := self._waited():
            late = [heart for heart in hearts if heart.late]
            if late:
                log.warning(
                    "the worker's event loop has been blocked for %g s; other threads keep its nodes alive: %s",
                    _LATE,
                    ", ".join(sorted(heart.step for heart in late)),
                    extra={"trace": stack_of_thread(late[0].thread)},
                )
                asyncio.run(_send_all(late))
            threading.Event().wait(_LOOK)

    def _waited(self) -> list[Heart]:
        with self._changed:
            self._changed.wait_for(lambda: bool(self._hearts), _LINGER)
            self._at_work = bool(self._hearts)
            return list(self._hearts.values())


async def _send_all(hearts: Sequence[Heart]) -> None:
    await asyncio.gather(*(heart.send_elsewhere() for heart in hearts))


_WATCH: Final = _Watch()
