"""An event loop without a clock of its own: what is ready runs in its order, and time jumps to the next thing due.

Nothing in it waits, so a run takes only the time that it computes, and the same program runs in the same way each time.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from contextvars import Context, copy_context
from itertools import count
from typing import Any, TypeVar, cast

T = TypeVar("T")


class _Turn:
    """Something that is to be called. Stands in for asyncio's handles, of which only this much is used."""

    __slots__ = ("args", "at", "callback", "context", "is_off")

    def __init__(self, at: float, callback: Callable[..., object], args: tuple[Any, ...], context: Context) -> None:
        self.at = at
        self.callback = callback
        self.args = args
        self.context = context
        self.is_off = False

    def cancel(self) -> None:
        """Takes it back."""
        self.is_off = True

    def cancelled(self) -> bool:
        """Whether it was taken back."""
        return self.is_off

    def when(self) -> float:
        """The time at which it is due."""
        return self.at


class VirtualLoop(asyncio.AbstractEventLoop):
    """The loop. What a callback raises is raised to who drives the loop."""

    def __init__(self) -> None:
        self._ready: deque[_Turn] = deque()
        self._due: list[tuple[float, int, _Turn]] = []
        self._numbers = count()
        self._now = 0.0

    def time(self) -> float:
        """The virtual time, in seconds."""
        return self._now

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Context | None = None) -> asyncio.Handle:
        """Calls it when all that is ready has had its turn."""
        turn = _Turn(self._now, callback, args, context or copy_context())
        self._ready.append(turn)
        return cast("asyncio.Handle", turn)

    def call_soon_threadsafe(
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """As `call_soon`: there is one thread."""
        return self.call_soon(callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Calls it when nothing is ready and nothing is due before."""
        turn = _Turn(when, callback, args, context or copy_context())
        heapq.heappush(self._due, (when, next(self._numbers), turn))
        return cast("asyncio.TimerHandle", turn)

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """See `call_at`."""
        return self.call_at(self._now + delay, callback, *args, context=context)

    def create_future(self) -> asyncio.Future[Any]:
        """A future of this loop."""
        return asyncio.Future(loop=self)

    def create_task(
        self,
        coro: Coroutine[Any, Any, T] | Generator[Any, None, T],
        *,
        name: str | None = None,
        context: Context | None = None,
    ) -> asyncio.Task[T]:
        """A task of this loop."""
        return asyncio.Task(cast("Coroutine[Any, Any, T]", coro), loop=self, context=context)

    def get_debug(self) -> bool:
        """Never."""
        return False

    def is_running(self) -> bool:
        """Whoever asks is run by it."""
        return True

    def is_closed(self) -> bool:
        """Never: it holds nothing open."""
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Tasks of a worker that has died are never ended, and nobody takes what they raise."""

    def drain(self) -> None:
        """Runs all that is ready, and what that makes ready."""
        ready = self._ready
        while ready:
            turn = ready.popleft()
            if not turn.is_off:
                turn.context.run(turn.callback, *turn.args)

    def step(self) -> bool:
        """Runs what is due next, and all that it makes ready; False where nothing is due any more."""
        while self._due:
            at, _, turn = heapq.heappop(self._due)
            if not turn.is_off:
                self._now = max(self._now, at)
                turn.context.run(turn.callback, *turn.args)
                self.drain()
                return True
        return False

    @contextmanager
    def running(self) -> Generator[None]:
        """Makes it the running loop of this thread."""
        asyncio._set_running_loop(self)  # pyright: ignore[reportPrivateUsage]  # what loops are told to call
        try:
            yield
        finally:
            asyncio._set_running_loop(None)  # pyright: ignore[reportPrivateUsage]  # as above
            self._ready.clear()
            self._due.clear()
