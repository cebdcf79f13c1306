"""The audit log of people: what they did on the board and by links to gates, and what was refused.

`resolute audit FILE` reads it.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Final
from uuid import uuid4

from resolute.plan.errors import AuditError, ConfigurationError
from resolute.providing.audit import AuditEntry, AuditFile, Outcome
from resolute.providing.refusals import Refusals
from resolute_worker.private import private_folder
from resolute_worker.settings import Settings

LARGEST: Final = 20_000_000
"""Bytes of the log from which on it is rotated."""

_LONGEST: Final = 300


LOG_FILE: Final = "board.audit"
"""The audit log in the state folder, unless RESOLUTE_BOARD_AUDIT_LOG names another one."""

log = logging.getLogger(__name__)


class Journal:
    """Writes what people do; the file is there from the first entry on.

    Args:
        settings: where the file is.
        account: where people do it: on the `board`, or by `links`.
    """

    def __init__(self, settings: Settings, account: str) -> None:
        self.path = settings.board_audit_log or settings.state_dir / LOG_FILE
        self._is_own = settings.board_audit_log is None
        self._account = account
        self._file: AuditFile | None = None
        self._refusals = Refusals()

    def open(self) -> AuditFile:
        """The file; made where it is not there yet.

        Raises:
            ConfigurationError: it cannot be written.
        """
        if self._file is None:
            if self._is_own:
                private_folder(self.path.parent)
            self._file = AuditFile(self.path, largest=LARGEST, setting="RESOLUTE_BOARD_AUDIT_LOG")
        return self._file

    async def begin(
        self, person: str, word: str, *, resource: str = "", flow: str = "", run: str = "", step: str = ""
    ) -> AuditEntry:
        """Writes what somebody is about to do, and gives the entry for its end.

        Raises:
            AuditError: it cannot be written, so it must not be done.
        """
        entry = self._entry(person, word, resource=resource, flow=flow, run=run, step=step)
        try:
            file = self.open()
        except ConfigurationError as error:
            raise AuditError(str(error)) from None
        await file.begin(entry)
        return entry

    async def end(self, entry: AuditEntry, error: str | None = None, *, outcome: Outcome | None = None) -> None:
        """Writes what came of it: done, failed with an error, or another outcome."""
        ended = outcome or ("failed" if error else "done")
        done = {"outcome": ended, "error": error[:_LONGEST] if error else None}
        await self.open().end(entry.model_copy(update=done))

    async def refused(self, person: str, word: str, why: str, *, resource: str = "", run: str = "") -> None:
        """Writes what somebody wanted and may not do. It is refused even if that cannot be written."""
        if not self._refusals.passes():
            return
        try:
            file = self.open()
        except ConfigurationError as error:
            log.error("%s; it does not say that %s was refused: %s", error, word, why)
            return
        await self._refusals.write(file, self._entry(person, word, why=why, resource=resource, run=run))

    def close(self) -> None:
        """Ends it."""
        if self._file is not None:
            self._file.close()

    def _entry(
        self,
        person: str,
        word: str,
        *,
        why: str = "",
        resource: str = "",
        flow: str = "",
        run: str = "",
        step: str = "",
    ) -> AuditEntry:
        return AuditEntry(
            id=uuid4().hex[:16],
            time=datetime.now(UTC),
            person=person[:_LONGEST] or None,
            flow=flow or None,
            run=run[:_LONGEST] or None,
            step=step[:_LONGEST] or None,
            account=self._account,
            operation=word[:_LONGEST],
            method="-",
            resource=resource[:_LONGEST],
            outcome="refused" if why else "unknown",
            error=why[:_LONGEST] or None,
        )
