"""How one request goes out: never without a line in the audit log, never while an earlier one may be in progress."""

from __future__ import annotations

from time import monotonic

from resolute.plan.attempts import leave, left
from resolute.providing.audit import AuditEntry, entry_of_now
from resolute.providing.guard import Guard
from resolute_pagerduty.account.doubt import (
    ANSWERED,
    LOST,
    REQUEST,
    SENDING,
    check_settled,
    is_doubtful,
    lose,
    pass_doubt_on,
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

    def __init__(self, account: str, transport: Transport, guard: Guard, *, settle: float, prefix: str) -> None:
        self.account = account
        self.settle = settle
        self.prefix = prefix
        self._transport = transport
        self._guard = guard

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
        pass_doubt_on(self.settle)
        if request.writes:
            await self._guard.check_write(request.what, self._entry(operation, resource))
        if settles:
            check_settled(request.what, self.settle)
        entry = self._entry(operation, resource)
        await self._guard.audit.begin(entry)
        # What an earlier attempt lost stays in doubt, whatever happens to this one: its result may still appear.
        certain = LOST if left().get(REQUEST) == LOST else ANSWERED
        began = monotonic()
        if settles:
            leave(**{REQUEST: SENDING})
        try:
            answer = await self._transport.send(request)
        except UnreachableError as error:
            if settles and error.sent:
                lose(self._rest(began))
            elif settles:
                leave(**{REQUEST: certain})
            outcome = "unknown" if error.sent else "failed"
            await self._guard.audit.end(entry.model_copy(update={"outcome": outcome, "error": type(error).__name__}))
            if settles and error.sent:
                raise paused(error, self._rest(began)) from None
            raise
        doubtful = settles and is_doubtful(answer.status)
        if doubtful:
            lose(self._rest(began))
        elif settles:
            leave(**{REQUEST: certain})
        await self._guard.audit.end(entry.model_copy(update=_came(answer)))
        if doubtful:
            raise paused(answer.error(request.what, prefix=self.prefix), self._rest(began))
        return answer

    async def check_grant(self, operation: Operation, resource: str) -> None:
        """Lets pass what the grants allow.

        Raises:
            NotGrantedError: they do not; nothing was sent.
        """
        what = f"{operation.method} {operation.path}"
        await self._guard.check_grant(what, operation.grant, self._entry(operation, resource))

    def _rest(self, began: float) -> float:
        return max(self.settle - (monotonic() - began), 0.0)

    def _entry(self, operation: Operation, resource: str) -> AuditEntry:
        return entry_of_now(
            account=self.account,
            operation=operation.id,
            method=operation.method,
            resource=resource,
            outcome="unknown",
        )


def _came(answer: Answer) -> dict[str, object]:
    """The outcome of a request, for its audit entry."""
    return {
        "outcome": "done" if answer.ok else "failed",
        "status": answer.status,
        "error": None if answer.ok else class_for(answer.status).__name__,
        "request_id": answer.request_id,
    }
