"""What makes a write safe to repeat: keys and marks that are the same in every attempt of a step, and in no other.

Where PagerDuty keeps no key and shows no trace of a write, it is done at most once.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeVar

from resolute.plan.context import current_call
from resolute_pagerduty.account.account import Account
from resolute_pagerduty.account.doubt import ANSWERED, REQUEST, SENDING, leave, left, may_have_sent
from resolute_pagerduty.errors import (
    AuditError,
    MethodNotAllowedError,
    NotFoundError,
    PagerDutyAPIError,
    RateLimitedError,
    RefusedError,
    TokenExpiredError,
    UncertainOutcomeError,
    UnreachableError,
)
from resolute_pagerduty.http.operations import Operation

T = TypeVar("T")

log = logging.getLogger(__name__)

_NEWEST: Final = "newest"


def step_digest(length: int = 32) -> str:
    """Hexadecimal digits that stand for this step of this run, whichever attempt of it runs."""
    return hashlib.sha256(current_call().idempotency_key.encode()).hexdigest()[:length]


def derived_key() -> str:
    """A deduplication or incident key for an author who gave none."""
    return f"resolute-{step_digest()}"


def mark() -> str:
    """A few words that name this step of this run, to find its own work again."""
    return f"[ref: {step_digest(16)}]"


def marked(text: str) -> str:
    """Text that ends with this step's mark."""
    return f"{text}\n\n{mark()}"


def is_repeat() -> bool:
    """Whether an earlier attempt of this step may have done its work already."""
    return current_call().attempt > 1


def is_news(newest: str) -> bool:
    """Whether something is newer than it was when the first attempt of this step began.

    So an attempt sees by what it finds that one before it did its work, whatever the clocks say. The first attempt
    leaves what it found with its heartbeat; where that got lost with its worker, the next one counts as the first.

    Args:
        newest: names the newest of what is looked at; empty where there is none.
    """
    before = left().get(_NEWEST)
    if is_repeat() and isinstance(before, str):
        return newest != before
    leave(**{_NEWEST: newest})
    return False


async def take_back(account: Account, operation: Operation, path: Mapping[str, str]) -> None:
    """Removes what this step made twice. What is gone or over is no mistake, and what may not be removed stays."""
    try:
        await account.send(operation, path=path)
    except (NotFoundError, MethodNotAllowedError):
        return
    except RefusedError as error:
        log.warning("what step %s made twice cannot be taken back: %s", current_call().step, error)


async def at_most_once(send: Callable[[], Awaitable[T]], what: str, *, repeat: bool) -> T:
    """Sends something of which PagerDuty keeps no trace that could be looked for.

    It is tried again only after it was certainly not done: without a connection, or refused.

    Args:
        send: sends it.
        what: what it is, for the message.
        repeat: whether the author would rather have it twice than not at all.

    Raises:
        UncertainOutcomeError: it may have been done, in this attempt or in one before that died.
    """
    if may_have_sent() and not repeat:
        raise UncertainOutcomeError(f"an earlier attempt may have sent {what}: it is not sent again. {_ADVICE}")
    leave(**{REQUEST: SENDING})
    try:
        return await send()
    except PagerDutyAPIError as error:
        if _certainly_not_done(error):
            leave(**{REQUEST: ANSWERED})
            raise
        if repeat:
            raise
        raise UncertainOutcomeError(f"{error}. It is not sent again, for it may have been done. {_ADVICE}") from error
    except AuditError:
        leave(**{REQUEST: ANSWERED})
        raise


_ADVICE: Final = "Look whether it is there, or say repeat=True where twice is better than not at all"


def _certainly_not_done(error: PagerDutyAPIError) -> bool:
    if isinstance(error, UnreachableError):
        return not error.sent
    return isinstance(error, (RateLimitedError, RefusedError, TokenExpiredError))
