"""A process from start to exit code."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import logging
import os
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from typing import Any, Final

from resolute.plan.errors import ResoluteError
from resolute_worker.signals import StopSignals
from resolute_worker.streams import unbreakable_streams

OVERTIME: Final = 2.0
"""Seconds beyond the grace period that closing everything may take. Then the process is killed."""

_THRESHOLDS: Final = (700, 10, 3)
"""Python's own are (700, 10, 10): a full collection three times as often, each with a third of the garbage."""

_SETTLED: Final = 5.0
"""Seconds after which a process has started, and no longer needs what it took to start."""

_BETWEEN: Final = 60.0
"""Seconds between two times that memory is given back. It takes some milliseconds, in a thread."""

log = logging.getLogger(__name__)


class WorkLeftError(ResoluteError):
    """The worker has ended while nodes are still running: threads that do not end, tasks that ignore cancellation.

    `work` says what they are.
    """

    def __init__(self, work: Sequence[object]) -> None:
        self.work = tuple(work)
        super().__init__(left_behind(self.work))


def left_behind(work: Sequence[object]) -> str:
    """The message about work that a process leaves behind; names at most ten nodes."""
    named = "; ".join(map(str, work[:10])) + (f"; and {len(work) - 10} more" if len(work) > 10 else "")
    return f"did not end in time and is abandoned; it is retried when its timeout expires: {named}"


def collect_in_small_steps() -> None:
    """Keeps the garbage collector's pauses short: the whole process halts for each, and whoever calls waits for it.

    A full collection walks through everything that has been loaded, and a finished run leaves some hundred objects that
    only it can find: 0.2 s every few hundred runs. What has been loaded so far stays until the process ends, so it is
    left out; and a collection takes place before there is much to collect.
    """
    gc.collect()
    _give_back()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)


@contextlib.asynccontextmanager
async def giving_back_memory() -> AsyncGenerator[None]:
    """Gives memory that nothing uses any more back to the system, for the length of the block.

    The C library keeps what was needed to start, or for a burst of work, until it is told to.
    """

    async def in_turn() -> None:
        await asyncio.sleep(_SETTLED)
        while True:
            await asyncio.to_thread(_give_back)
            await asyncio.sleep(_BETWEEN)

    task = asyncio.create_task(in_turn(), name="giving back memory")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _give_back() -> None:
    if sys.platform == "linux":
        with contextlib.suppress(AttributeError):  # another C library than glibc
            ctypes.CDLL(None).malloc_trim(0)


def quick_loop() -> asyncio.AbstractEventLoop:
    """An event loop: uvloop's where that is installed, which is not on Windows."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def live(work: Callable[[StopSignals], Coroutine[Any, Any, None]], *, grace: float) -> None:
    """Runs a process's work, and ends it within `grace` seconds of a signal, whatever it is busy with.

    Returns if everything has ended. Otherwise it ends the process itself, with code 1: Python would wait for threads
    that never end.
    """
    with unbreakable_streams(), StopSignals(grace + OVERTIME) as signals:
        try:
            with asyncio.Runner(loop_factory=quick_loop) as runner:
                runner.run(_to_its_end(work, signals))
        finally:
            gc.unfreeze()
            gc.collect()  # what the Temporal SDK leaves behind may crash the interpreter at shutdown


async def _to_its_end(work: Callable[[StopSignals], Coroutine[Any, Any, None]], signals: StopSignals) -> None:
    signals.take_over()
    try:
        await work(signals)
    except WorkLeftError as error:
        log.error("%s", error)  # the reader needs no traceback
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(1)
