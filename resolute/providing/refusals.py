"""Refusals of what strangers send, in the audit log: bounded, so that nobody can push the log out of itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final
from uuid import uuid4

from resolute.providing.audit import AuditEntry, AuditSink

PER_MINUTE: Final = 120
"""Refusals that are written in a minute. Of more only the number is."""


class Refusals:
    """Counts refusals, and writes those that the bound lets pass."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._minute = clock()
        self._count = 0
        self._left = 0

    def passes(self) -> bool:
        """Counts one, and says whether it is to be written."""
        now = self._clock()
        if now - self._minute >= 60:
            self._left += max(0, self._count - PER_MINUTE)
            self._minute, self._count = now, 0
        self._count += 1
        return self._count <= PER_MINUTE

    async def write(self, sink: AuditSink, entry: AuditEntry) -> None:
        """Writes one, after the number of those that were not written."""
        left, self._left = self._left, 0
        if left:
            said = f"{left} more requests were refused"
            of_all = {"person": None, "flow": None, "run": None, "step": None, "operation": "refused", "resource": ""}
            await sink.refused(entry.model_copy(update={**of_all, "id": uuid4().hex[:16], "error": said}))
        await sink.refused(entry)
