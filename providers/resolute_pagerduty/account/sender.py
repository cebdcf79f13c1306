"""How one request goes out: never without a line in the audit log, never while an earlier one may be in progress."""

from __future__ import annotations

from time import monotonic
from typing import Literal

from resolute.plan.attempts import leave, left
from resolute.plan.context import check_may_write
from resolute.plan.errors import BrakedError, DryRunError, NotGrantedError
from resolute.providing.audit import AuditEntry, AuditSink, entry_of_now
from resolute_pagerduty.account.doubt import (
    ANSWERED,
    LOST,
    REQUEST,
    SENDING,
    check_settled,
    is_doubtful,
    paused,
)
from resolute_pagerduty.errors import UnreachableError, class_for
from resolute_pagerduty.http.exchange import Answer, Request, Transport
from resolute_pagerduty.http.operations import Operation


class Sender:
    """Sends the requests of one account, each once.

    Attributes:
        account: the account's name, for the audit log.
        settle: seconds after which PagerDuty is no longer processing a request.
        prefix: what the names of the account's settings start with, for messages.
    """

    def __init__(self, account: str, transport: Transport, audit: AuditSink, *, settle: float, prefix: str) -> None:
        self.account = account
        self.settle = settle
        self.prefix = prefix
        self._transport = transport
        self._audit = audit

    async def send(self, operation: Operation, request: Request, resource: str, *, settles: bool) -> Answer:
        """Sends a request and returns whatever the answer is, including errors.

        Args:
            operation: what is requested.
            request: how.
            resource: what the audit log calls it.
            settles: whether a second such request would add to the first; see `Operation.settles`.

        Raises:
            DryRunError: it may change something, and the step is of a dry run; nothing was sent.
            BrakedError: it may change something, and the brake is on; nothing was sent.
            AuditError: the audit log cannot be written; nothing was sent.
            UnsettledError: an earlier request of the step may still be in progress; nothing was sent.
            UnreachableError: there was no connection, or no answer in time.
            PagerDutyAPIError: a gateway hung up while PagerDuty may still be processing a request that settles.
        """
        if request.writes:
            await self._check_may_write(operation, request, resource)
        if settles:
            check_settled(request.what, self.settle)
        entry = self._entry(operation, resource, "unknown")
        await self._audit.begin(entry)
        # What an earlier attempt lost stays in doubt, whatever happens to this one: its result may still appear.
        certain = LOST if left().get(REQUEST) == LOST else ANSWERED
        began = monotonic()
        if settles:
            leave(**{REQUEST: SENDING})
        try:
            answer = await self._transport.send(request)
        except UnreachableError as error:
            if settles:
                leave(**{REQUEST: LOST if error.sent else certain})
            outcome = "unknown" if error.sent else "failed"
            await self._audit.end(entry.model_copy(update={"outcome": outcome, "error": type(error).__name__}))
            if settles and error.sent:
                raise paused(error, self._rest(began)) from None
            raise
        doubtful = settles and is_doubtful(answer.status)
        if settles:
            leave(**{REQUEST: LOST if doubtful else certain})
        await self._audit.end(entry.model_copy(update=_came(answer)))
        if doubtful:
            raise paused(answer.error(request.what, prefix=self.prefix), self._rest(began))
        return answer

    async def refused(self, operation: Operation, resource: str) -> None:
        """Records that the grants refused a request."""
        await self._audit.refused(self._entry(operation, resource, "refused", error=NotGrantedError.__name__))

    async def _check_may_write(self, operation: Operation, request: Request, resource: str) -> None:
        try:
            check_may_write(request.what)
        except (DryRunError, BrakedError) as error:
            await self._audit.refused(self._entry(operation, resource, "refused", error=type(error).__name__))
            raise

    def _rest(self, began: float) -> float:
        return max(self.settle - (monotonic() - began), 0.0)

    def _entry(
        self, operation: Operation, resource: str, outcome: Literal["unknown", "refused"], *, error: str | None = None
    ) -> AuditEntry:
        return entry_of_now(
            account=self.account,
            operation=operation.id,
            method=operation.method,
            resource=resource,
            outcome=outcome,
            error=error,
        )


def _came(answer: Answer) -> dict[str, object]:
    """The outcome of a request, for its audit entry."""
    return {
        "outcome": "done" if answer.ok else "failed",
        "status": answer.status,
        "error": None if answer.ok else class_for(answer.status).__name__,
        "request_id": answer.request_id,
    }
