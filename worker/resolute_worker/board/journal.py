"""The board's audit log: who did what, and what was refused. `resolute audit FILE` reads it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import uuid4

from resolute.providing.audit import AuditEntry, AuditFile
from resolute.providing.refusals import Refusals

LARGEST: Final = 20_000_000
"""Bytes of the log from which on it is rotated."""

_LONGEST: Final = 300


class Journal:
    """Writes what people do.

    Raises:
        ConfigurationError: the file cannot be written.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.path = path
        self._file = AuditFile(path, largest=LARGEST, setting="RESOLUTE_BOARD_AUDIT_LOG")
        self._refusals = Refusals(clock)

    async def begin(
        self, person: str, word: str, *, resource: str = "", flow: str = "", run: str = "", step: str = ""
    ) -> AuditEntry:
        """Writes what somebody is about to do, and gives the entry for its end.

        Raises:
            AuditError: it cannot be written, so it must not be done.
        """
        entry = _entry(person, word, resource=resource, flow=flow, run=run, step=step)
        await self._file.begin(entry)
        return entry

    async def end(self, entry: AuditEntry, error: str | None = None) -> None:
        """Writes what came of it."""
        done = {"outcome": "failed" if error else "done", "error": error[:_LONGEST] if error else None}
        await self._file.end(entry.model_copy(update=done))

    async def refused(self, person: str, word: str, why: str, *, resource: str = "", run: str = "") -> None:
        """Writes what somebody wanted and may not do."""
        if self._refusals.passes():
            await self._refusals.write(self._file, _entry(person, word, why=why, resource=resource, run=run))

    def close(self) -> None:
        """Ends it."""
        self._file.close()


def _entry(
    person: str, word: str, *, why: str = "", resource: str = "", flow: str = "", run: str = "", step: str = ""
) -> AuditEntry:
    return AuditEntry(
        id=uuid4().hex[:16],
        time=datetime.now(UTC),
        person=person[:_LONGEST] or None,
        flow=flow or None,
        run=run[:_LONGEST] or None,
        step=step[:_LONGEST] or None,
        account="board",
        operation=word[:_LONGEST],
        method="-",
        resource=resource[:_LONGEST],
        outcome="refused" if why else "unknown",
        error=why[:_LONGEST] or None,
    )
