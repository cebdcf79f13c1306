"""The audit log: one line of JSON for every request to PagerDuty, and for every one that was refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict, ValidationError

from resolute.plan.context import current_call
from resolute.plan.errors import ConfigurationError, ResoluteError


class AuditEntry(BaseModel):
    """What was asked of PagerDuty, by which step of which run, and what came of it. Holds no secret.

    Attributes:
        outcome: `done`; `failed` as PagerDuty said; `unknown` where no answer came, so that it may have been done;
            `refused` by the grants, before anything was sent.
        resource: the path of the request, or the deduplication key of an event.
        error: the class of the error, where there was one.
    """

    model_config = ConfigDict(frozen=True)

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
    outcome: Literal["done", "failed", "unknown", "refused"]
    status: int | None = None
    error: str | None = None
    request_id: str | None = None


class AuditSink(Protocol):
    """Where audit entries go."""

    def record(self, entry: AuditEntry) -> None:
        """Keeps an entry."""
        ...


class NoAudit:
    """Keeps nothing."""

    def record(self, entry: AuditEntry) -> None:
        """Forgets the entry."""


class AuditFile:
    """A file of audit entries, one line each. Several processes may write to one file.

    Raises:
        ConfigurationError: the file cannot be written; an audit that silently holds nothing would be worse than none.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.open("a", encoding="utf-8").close()
        except OSError as error:
            raise ConfigurationError(
                f"the audit log {path} cannot be written ({error.strerror}): set PAGERDUTY_AUDIT_LOG to a file that can"
            ) from None

    def record(self, entry: AuditEntry) -> None:
        """Appends an entry. One write to a file opened for appending is never torn by another process."""
        with self._path.open("ab", buffering=0) as file:
            file.write(entry.model_dump_json(exclude_none=True).encode() + b"\n")


def read_audit(path: Path) -> Iterator[AuditEntry]:
    """The entries of an audit file, oldest first. A last line that is still being written is left out.

    Raises:
        ResoluteError: a line is no audit entry.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            try:
                yield AuditEntry.model_validate_json(line)
            except ValidationError:
                raise ResoluteError(f"{path}:{number} is no audit entry: is it an audit log of PagerDuty?") from None


def entry_of_now(
    *,
    account: str,
    operation: str,
    method: str,
    resource: str,
    outcome: Literal["done", "failed", "unknown", "refused"],
    status: int | None = None,
    error: str | None = None,
    request_id: str | None = None,
) -> AuditEntry:
    """An entry for the call that runs now; outside of a run, such as at a terminal, flow, run and step are left out."""
    try:
        call = current_call()
    except ResoluteError:
        call = None
    return AuditEntry(
        time=datetime.now(UTC),
        flow=call and call.flow,
        run=call and call.run_id,
        step=call and call.step,
        attempt=call and call.attempt,
        node=call and call.node,
        account=account,
        operation=operation,
        method=method,
        resource=resource,
        outcome=outcome,
        status=status,
        error=error,
        request_id=request_id,
    )
