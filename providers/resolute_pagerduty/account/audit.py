"""The audit log: what PagerDuty was asked, by which step of which run, and what came of it.

A request has two lines of JSON, one before it is sent and one with its answer; `read_audit` makes them one entry. So no
request goes out that is not in the log, and one that was on its way when its worker was killed is there as `unknown`.
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
from resolute.plan.errors import ConfigurationError, ResoluteError
from resolute_pagerduty.account.audit_file import LineFile
from resolute_pagerduty.errors import AuditError

log = logging.getLogger(__name__)

LARGEST: Final = 100_000_000
"""Bytes of a log, after which it is put aside and another one begun."""

KEPT: Final = 10
"""How many logs that were put aside are kept."""

_OPEN: Final = 10_000
"""Requests that a reader takes for on their way at the same time."""

Outcome = Literal["done", "failed", "unknown", "refused"]


class AuditEntry(BaseModel):
    """What was asked of PagerDuty, by which step of which run, and what came of it. Holds no secret.

    Attributes:
        id: what the two lines of one request have in common.
        time: when it was sent.
        outcome: `done`; `failed` as PagerDuty said, or because there was no connection; `unknown` where no answer came,
            so that it may have been done; `refused` by the grants, before anything was sent.
        resource: the path of the request, or the deduplication key of an event.
        error: the class of the error, where there was one.
    """

    model_config = ConfigDict(frozen=True)

    id: str | None = None
    time: datetime
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
        """Keeps what is about to be sent.

        Raises:
            AuditError: it cannot be kept, so it is not to be sent.
        """
        ...

    async def end(self, entry: AuditEntry) -> None:
        """Keeps what came of it."""
        ...

    async def refused(self, entry: AuditEntry) -> None:
        """Keeps what was not sent."""
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
        path: the file. What was put aside because it was full is beside it, as `.1` (the newest), `.2` and so on.
        largest: bytes after which it is put aside; 0 for never.
        kept: how many that were put aside are kept.

    Raises:
        ConfigurationError: the file cannot be written; an audit that silently holds nothing would be worse than none.
    """

    def __init__(self, path: Path, *, largest: int = LARGEST, kept: int = KEPT) -> None:
        self._file = LineFile(path, largest=largest, kept=kept)
        # A thread of its own: whatever nodes do with theirs, requests need not wait for it.
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="resolute-audit")
        try:
            self._file.prepare()
        except OSError as error:
            raise ConfigurationError(
                f"the audit log {path} cannot be written ({error.strerror}): set PAGERDUTY_AUDIT_LOG to a file that "
                "can, and that belongs to the user of the worker"
            ) from None

    async def begin(self, entry: AuditEntry) -> None:
        """See `AuditSink`."""
        try:
            await self._write(entry)
        except OSError as error:
            raise AuditError(
                f"the audit log {self._file.path} cannot be written ({error.strerror}); {entry.method} "
                f"{entry.resource} was not sent: fix that, or set PAGERDUTY_AUDIT_LOG to another file"
            ) from None

    async def end(self, entry: AuditEntry) -> None:
        """See `AuditSink`. Where it cannot be kept, the log says `unknown`; the request is not repeated."""
        await self._keep(entry)

    async def refused(self, entry: AuditEntry) -> None:
        """See `AuditSink`. It is refused also where that cannot be kept."""
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
        """Lets go of the thread that writes."""
        self._writer.shutdown(wait=False)


def read_audit(path: Path, *, bad: Callable[[str], None] | None = None) -> Iterator[AuditEntry]:
    """The entries of an audit log and of those that were put aside, oldest first.

    Args:
        path: the log.
        bad: told the place of each line that is left out because it is no entry: one that a crash cut off, or of
            another hand.

    Raises:
        OSError: it cannot be read.
        ResoluteError: it holds lines, and none of them is an audit entry.
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
        raise ResoluteError(f"{first_bad} is no audit entry: is it an audit log of PagerDuty?")
    yield from (entry for entry, _ in waiting.values())


def entry_of_now(
    *, account: str, operation: str, method: str, resource: str, outcome: Outcome, error: str | None = None
) -> AuditEntry:
    """An entry for the call that runs now; outside of a run, such as at a terminal, flow, run and step are left out."""
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
        account=account,
        operation=operation,
        method=method,
        resource=resource,
        outcome=outcome,
        error=error,
    )
