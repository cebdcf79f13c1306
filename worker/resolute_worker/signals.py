"""How a process is stopped: by SIGTERM, SIGINT and SIGHUP, whatever its event loop is busy with.

After the first signal nothing new starts, and running work may finish. A second signal ends the process immediately.
A process that has not ended some time after the first is killed; that needs a thread, because a node may block the
event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator
from types import FrameType, TracebackType
from typing import Any, Final, Self

log = logging.getLogger(__name__)

NUMBERS: Final = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGHUP") if sys.platform != "win32")
KILLED_BY: Final = 128
"""The exit code of a process that a signal ended is this plus the signal's number, as in shells."""

_LAST_WORDS: Final = 0.3


class StopSignals:
    """Listens for signals for the length of a `with`, on the main thread of a system that has them.

    Args:
        limit: seconds after the first signal until the process is killed; never by default.

    Attributes:
        asked: whether a signal has come.
        last_words: says what a killed process leaves behind; empty if nothing.
        on_exit: called before the process is killed; must not wait for anything.
    """

    def __init__(self, limit: float | None = None) -> None:
        self._limit = limit
        self.asked = False
        self._stop: Callable[[], object] = lambda: None
        self._before: dict[int, Any] = {}
        self.last_words: Callable[[], str] = str
        self.on_exit: list[Callable[[], object]] = []

    def take_over(self) -> None:
        """Hears signals in place of the running loop, which may hear them only while it turns, as uvloop does."""
        if self._before:
            other = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
            self._others = self._others if other == self._writer else other

    def sets(self, stop: asyncio.Event) -> None:
        """Makes the first signal set an event of the running loop, even if it has already arrived."""
        loop = asyncio.get_running_loop()

        def set_it() -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: there is nothing left to stop
                loop.call_soon_threadsafe(stop.set)

        self._stop = set_it
        if self.asked:
            set_it()

    def __enter__(self) -> Self:
        if not NUMBERS or threading.current_thread() is not threading.main_thread():
            return self
        # What is ignored stays ignored, as `nohup` intends.
        heard = [number for number in NUMBERS if signal.getsignal(number) not in (signal.SIG_IGN, None)]
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        self._before = {number: signal.signal(number, _heard_by_the_thread) for number in heard}
        self._others = self._fd_before = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        self._thread = threading.Thread(target=self._listen, name="signals", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._before:
            return
        signal.set_wakeup_fd(self._fd_before)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._writer)
        self._thread.join()
        os.close(self._reader)

    def _listen(self) -> None:
        deadline: float | None = None
        while True:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not select.select([self._reader], [], [], left)[0]:
                self._cut_off()
            numbers = os.read(self._reader, 1)
            if not numbers:
                return
            if numbers[0] not in self._before:
                with contextlib.suppress(OSError):  # not our signal: it is for the previous handler
                    os.write(self._others, numbers)
            elif self.asked:
                self._exit(KILLED_BY + numbers[0])
            else:
                self.asked = True
                deadline = None if self._limit is None else time.monotonic() + self._limit
                self._stop()

    def _cut_off(self) -> None:
        said = self.last_words()
        # In a separate thread: blocked code may hold the log's lock.
        last = threading.Thread(target=log.error, args=("%s", said or "ended before all was closed"), daemon=True)
        last.start()
        last.join(_LAST_WORDS)
        self._exit(1 if said else 0)

    def _exit(self, code: int) -> None:
        for act in self.on_exit:
            with contextlib.suppress(Exception):
                act()
        os._exit(code)


@contextlib.contextmanager
def stopping_signals(stop: asyncio.Event) -> Generator[None]:
    """Makes a signal set an event of the running loop, for the length of a `with`."""
    with StopSignals() as signals:
        signals.sets(stop)
        yield


def _heard_by_the_thread(number: int, frame: FrameType | None) -> None:
    """Python writes the number to the pipe; this only keeps the signal from ending the process."""
