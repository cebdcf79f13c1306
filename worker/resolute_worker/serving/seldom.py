"""Log lines that a flood cannot multiply."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

LINES: Final = 5
PERIOD: Final = 60.0
_KINDS: Final = 64


class Seldom:
    """Writes the first lines of a kind in each minute, and at the end of the minute how many more there were.

    Lines are of one kind if their message and arguments are the same. Needs a running loop.

    Args:
        log: where to write.
        lines: how many lines of a kind are written in a period.
        period: seconds.
    """

    def __init__(self, log: logging.Logger, *, lines: int = LINES, period: float = PERIOD) -> None:
        self._log = log
        self._lines = lines
        self._period = period
        self._counts: dict[tuple[object, ...], int] = {}

    def __call__(
        self, level: int, message: str, *args: object, flow: str | None = None, run: str | None = None
    ) -> None:
        """Writes a line, or counts it."""
        kind: tuple[object, ...] = (message, args, flow)
        if kind not in self._counts and len(self._counts) >= _KINDS:
            kind = (message,)  # too many kinds to tell apart
        count = self._counts[kind] = self._counts.get(kind, 0) + 1
        if count == 1:
            loop = asyncio.get_running_loop()
            loop.call_later(self._period, self._sum_up, kind, level, message, args, flow)
        if count <= self._lines:
            self._log.log(level, message, *args, extra={"flow": flow})

    def _sum_up(
        self, kind: tuple[object, ...], level: int, message: str, args: tuple[object, ...], flow: str | None
    ) -> None:
        more = self._counts.pop(kind) - self._lines
        if more > 0:
            text = f"{message} (%d more such lines in %d s)"
            self._log.log(level, text, *args, more, self._period, extra={"flow": flow})
