"""What a worker is running: the nodes that it waits for, and the threads of plain nodes, which nobody can stop."""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import Context, ContextVar
from dataclasses import dataclass
from itertools import count
from typing import Final, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Work:
    """One attempt of one step."""

    flow: str
    run: str
    step: str
    attempt: int

    def __str__(self) -> str:
        return f"step {self.step} of run {self.run} (flow {self.flow}, attempt {self.attempt})"


class AtWork:
    """The attempts that a worker is running, accessible from any thread."""

    def __init__(self) -> None:
        self._numbers = count()
        self._held: dict[int, Work] = {}

    @contextmanager
    def held(self, work: Work) -> Generator[None]:
        """Counts an attempt as running for the length of a `with`."""
        number = next(self._numbers)
        self._held[number] = work
        token = _CURRENT.set(work)
        try:
            yield
        finally:
            _CURRENT.reset(token)
            del self._held[number]

    def now(self) -> list[Work]:
        """Each running attempt, oldest first."""
        return list(dict.fromkeys(work for _, work in sorted(self._held.copy().items())))


def current_work(context: Context | None = None) -> Work | None:
    """What is running in a context; by default in the current one."""
    return _CURRENT.get() if context is None else context.get(_CURRENT)


class NodeThreads(ThreadPoolExecutor):
    """Threads for plain nodes. An attempt counts as running until its thread has ended, even if nobody waits for it."""

    def __init__(self, at_work: AtWork, most: int) -> None:
        super().__init__(most, thread_name_prefix="node")
        self._at_work = at_work

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Like every executor's; what a node submits counts as its work."""
        work = _CURRENT.get()
        return super().submit(fn if work is None else self._holding(work, fn), *args, **kwargs)

    def _holding(self, work: Work, fn: Callable[P, R]) -> Callable[P, R]:
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            with self._at_work.held(work):
                return fn(*args, **kwargs)

        return call


_CURRENT: Final[ContextVar[Work | None]] = ContextVar("resolute_work", default=None)
