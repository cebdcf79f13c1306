"""What makes a write safe to repeat: keys and marks that are the same in every attempt of a step, and in no other.

Where PagerDuty keeps no key and shows no trace of a write, it is done at most once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from resolute.plan.context import current_call
from resolute.plan.errors import ResoluteError
from resolute.plan.values import Json
from resolute_pagerduty.errors import (
    PagerDutyAPIError,
    RateLimitedError,
    RefusedError,
    TokenExpiredError,
    UncertainOutcomeError,
    UnreachableError,
)

T = TypeVar("T")

_NEWEST: Final = "newest"
_SENDING: Final = "sending"
_NOT_DONE: Final = "not done"


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
    call = current_call()
    match call.last_heartbeat:
        case ({"newest": str(before)}, *_) if is_repeat():
            return newest != before
        case _:
            call.heartbeat({_NEWEST: newest})
            return False


def alive(**progress: Json) -> None:
    """Says that a long step is at work, and how far it is. At a terminal nobody waits for that."""
    try:
        call = current_call()
    except ResoluteError:
        return
    call.heartbeat(progress)


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
    call = current_call()
    if call.last_heartbeat == (_SENDING,) and not repeat:
        raise UncertainOutcomeError(f"an earlier attempt may have sent {what}: it is not sent again. {_ADVICE}")
    call.heartbeat(_SENDING)
    try:
        return await send()
    except PagerDutyAPIError as error:
        if _certainly_not_done(error):
            call.heartbeat(_NOT_DONE)
            raise
        if repeat:
            raise
        raise UncertainOutcomeError(f"{error}. It is not sent again, for it may have been done. {_ADVICE}") from error


_ADVICE: Final = "Look at the incident, or say repeat=True where twice is better than not at all"


def _certainly_not_done(error: PagerDutyAPIError) -> bool:
    if isinstance(error, UnreachableError):
        return not error.sent
    return isinstance(error, (RateLimitedError, RefusedError, TokenExpiredError))
