"""Reports which node blocks an event loop, and where."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from time import monotonic
from typing import Final

from resolute.execution.trace import stack_of_thread
from resolute.temporal.activities.at_work import Work

log = logging.getLogger(__name__)

BLOCKED: Final = 3.0
"""Seconds without an answer after which a loop counts as blocked."""

_AGAIN: Final = 60.0
"""Seconds until it is reported again."""

_LOOK: Final = 0.5
_LINGER: Final = 10.0


class Standstill:
    """Watches one loop, from a thread that lives as long as something is running there.

    Args:
        loop: the loop.
        thread: the thread that it runs in.
        work: whose task is currently running on it.
        mask: removes secrets from the lines of code that are shown.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        thread: threading.Thread,
        work: Callable[[], Work | None],
        mask: Callable[[str], str],
    ) -> None:
        self._loop, self._thread, self._work, self._mask = loop, thread, work, mask
        self._at_work = 0
        self._looking = False
        self._changed = threading.Condition()

    def begin(self) -> None:
        """Something begins there."""
        with self._changed:
            self._at_work += 1
            if self._looking:
                if self._at_work == 1:
                    self._changed.notify()
                return
            self._looking = True
        threading.Thread(target=self._run, name=f"{self._thread.name}-watch", daemon=True).start()

    def end(self) -> None:
        """It has ended."""
        with self._changed:
            self._at_work -= 1

    def _run(self) -> None:
        while self._something():
            answered = threading.Event()
            asked = monotonic()
            with contextlib.suppress(RuntimeError):  # closed: nothing runs there any longer
                self._loop.call_soon_threadsafe(answered.set)
                self._wait(answered, asked)
            threading.Event().wait(_LOOK)

    def _something(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._at_work > 0, _LINGER)
            self._looking = self._at_work > 0
            return self._looking

    def _wait(self, answered: threading.Event, asked: float) -> None:
        patience = BLOCKED
        while not answered.wait(patience):
            if self._loop.is_closed() or not self._thread.is_alive():
                return
            self._say(monotonic() - asked)
            patience = _AGAIN
        if patience != BLOCKED:
            log.info("the event loop %s continues after %.0f s", self._thread.name, monotonic() - asked)

    def _say(self, seconds: float) -> None:
        work = self._work()
        trace = stack_of_thread(self._thread.ident, self._mask)
        about = {} if work is None else {"flow": work.flow, "run": work.run, "step": work.step, "attempt": work.attempt}
        log.warning(
            "%s blocks the event loop %s, which has not run for %.0f s: other async nodes wait for it. Make it a "
            "plain function (def), which runs in a thread of its own, or await what it waits for",
            "a task" if work is None else f"step {work.step}",
            self._thread.name,
            seconds,
            extra={**about, "trace": trace},
        )
