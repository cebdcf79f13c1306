"""The audit log: what was requested from a service, by which step of which run, and the outcome.

A request has two lines of JSON, one before it is sent and one with its answer; `read_audit` combines them into one
entry. So every request that goes out is in the log, and one in flight when its worker was killed is `unknown`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal, Protocol
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, ValidationError

from resolute.plan.context import current_call
from resolute.plan.errors import AuditError, ConfigurationError, ResoluteError
from resolute.providing.audit_file import LineFile

log = logging.getLogger(__name__)

LARGEST: Final = 100_000_000
"""The size of a log in bytes at which it is rotated."""

KEPT: Final = 10
"""How many rotated logs are kept."""

_OPEN: Final = 10_000
"""How many requests a reader considers to be in flight at the same time."""

Outcome = Literal["done", "failed", "unknown", "refused"]


class AuditEntry(BaseModel):
    """What was requested from a service, by which step of which run, and the outcome. Contains no secret.

    Attributes:
        id: shared by the two lines of one request.
        time: when it was sent.
        outcome: `done`; `failed` if the service refused or there was no connection; `unknown` if no answer came, so it
            may have been done; `refused` by the grants, before anything was sent.
        person: who did it, where somebody did it on the board or with a button.
        account: the account of PagerDuty, `slack`, or `board`.
        resource: the path of the request, or the deduplication key of an event.
        error: the class of the error, if there was one.
    """

    model_config = ConfigDict(frozen=True)

    id: str | None = None
    time: datetime
    person: str | None = None
    flow: str | None = None
    run: str | None = None
    step: str | None = None
    attempt: int | None = None
    node: str | None = None
    account: str
    operation: str
    method: str
    resource: str
    outcome: Outcome
    status: int | None = None
    error: str | None = None
    request_id: str | None = None


class AuditSink(Protocol):
    """Where audit entries go."""

    async def begin(self, entry: AuditEntry) -> None:
        """Records what is about to be sent.

        Raises:
            AuditError: it cannot be recorded, so it must not be sent.
        """
        ...

    async def end(self, entry: AuditEntry) -> None:
        """Records the outcome."""
        ...

    async def refused(self, entry: AuditEntry) -> None:
        """Records what was not sent."""
        ...

    def close(self) -> None:
        """Keeps nothing more."""
        ...


class NoAudit:
    """Keeps nothing."""

    async def begin(self, entry: AuditEntry) -> None:
        """Forgets it."""

    async def end(self, entry: AuditEntry) -> None:
        """Forgets it."""

    async def refused(self, entry: AuditEntry) -> None:
        """Forgets it."""

    def close(self) -> None:
        """Keeps nothing more."""


class AuditFile:
    """A file of audit entries, for its owner alone. Several processes may write to one file.

    Args:
        path: the file. Rotated files are next to it, as `.1` (the newest), `.2` and so on.
        largest: the size in bytes at which it is rotated; 0 for never.
        kept: how many rotated files to keep.
        setting: the variable that names the file, for messages.

    Raises:
        ConfigurationError: the file cannot be written; a silently empty audit log would be worse than none.
    """

    def __init__(
        self, path: Path, *, largest: int = LARGEST, kept: int = KEPT, setting: str = "PAGERDUTY_AUDIT_LOG"
    ) -> None:
        self._setting = setting
        self._file = LineFile(path, largest=largest, kept=kept)
        # A thread of its own: requests need not wait for whatever nodes do with theirs.
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="resolute-audit")
        try:
            self._file.prepare()
        except OSError as error:
            raise ConfigurationError(
                f"the audit log {path} cannot be written ({error.strerror}): set {setting} to a file that "
                "can, and that belongs to the user of the worker"
            ) from None

    async def begin(self, entry: AuditEntry) -> None:
        """See `AuditSink`."""
        try:
            await self._write(entry)
        except OSError as error:
            raise AuditError(
                f"the audit log {self._file.path} cannot be written ({error.strerror}); {entry.method} "
                f"{entry.resource} was not sent: fix that, or set {self._setting} to another file"
            ) from None

    async def end(self, entry: AuditEntry) -> None:
        """See `AuditSink`. If it cannot be recorded, the log says `unknown`; the request is not repeated."""
        await self._keep(entry)

    async def refused(self, entry: AuditEntry) -> None:
        """See `AuditSink`. It is refused even if that cannot be recorded."""
        await self._keep(entry)

    async def _keep(self, entry: AuditEntry) -> None:
        try:
            await self._write(entry)
        except OSError as error:
            log.error(
                "the audit log %s cannot be written (%s); it does not say that %s %s was %s",
                *(self._file.path, error.strerror, entry.method, entry.resource, entry.outcome),
            )

    async def _write(self, entry: AuditEntry) -> None:
        line = entry.model_dump_json(exclude_none=True).encode()
        await asyncio.get_running_loop().run_in_executor(self._writer, self._file.append, line)

    def close(self) -> None:
        """Stops the thread that writes."""
        self._writer.shutdown(wait=False)


def read_audit(path: Path, *, bad: Callable[[str], None] | None = None) -> Iterator[AuditEntry]:
    """The entries of an audit log and its rotated files, oldest first.

    Args:
        path: the log.
        bad: called with the place of each line that is left out because it is not an entry: one that a crash cut
            off, or that something else wrote.

    Raises:
        OSError: it cannot be read.
        ResoluteError: it has lines, but none of them is an audit entry.
    """
    first_bad = ""
    good = False
    waiting: dict[str, tuple[AuditEntry, bool]] = {}
    for number, (place, line) in enumerate(LineFile(path).lines()):
        try:
            entry = AuditEntry.model_validate_json(line)
        except ValidationError:
            first_bad = first_bad or place
            if bad:
                bad(place)
            continue
        good = True
        key = entry.id or f"line {number}"
        begins = entry.outcome == "unknown" and entry.error is None and key not in waiting
        waiting[key] = (entry, not begins)
        while waiting and (next(iter(waiting.values()))[1] or len(waiting) > _OPEN):
            yield waiting.pop(next(iter(waiting)))[0]
    if first_bad and not good:
        raise ResoluteError(f"{first_bad} is not an audit entry: is this an audit log of Resolute?")
    yield from (entry for entry, _ in waiting.values())


def entry_of_now(
    *,
    account: str,
    operation: str,
    method: str,
    resource: str,
    outcome: Outcome,
    error: str | None = None,
    person: str | None = None,
) -> AuditEntry:
    """An entry for the current call; outside a run, such as in a terminal, flow, run and step are left out."""
    try:
        call = current_call()
    except ResoluteError:
        call = None
    return AuditEntry(
        id=uuid4().hex[:16],
        time=datetime.now(UTC),
        flow=call and call.flow,
        run=call and call.run,
        step=call and call.step,
        attempt=call and call.attempt,
        node=call and call.node,
        person=person,
        account=account,
        operation=operation,
        method=method,
        resource=resource,
        outcome=outcome,
        error=error,
    )
