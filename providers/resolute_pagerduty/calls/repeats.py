"""What makes a write safe to repeat: keys and references that all attempts of a step share, and no other step.

If PagerDuty keeps no key and shows no trace of a write, it is done at most once.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeVar

from resolute.plan.attempts import leave, left, step_digest
from resolute.plan.context import current_call
from resolute.plan.errors import AuditError, BrakedError
from resolute_pagerduty.account.account import Account
from resolute_pagerduty.account.doubt import ANSWERED, REQUEST, SENDING, may_have_sent
from resolute_pagerduty.errors import (
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


def derived_key() -> str:
    """A deduplication or incident key for when the author gives none."""
    return f"resolute-{step_digest()}"


_MARK: Final = re.compile(r"\[ref: [0-9a-f]{16}\]\s*$")


def mark(ref: str = "") -> str:
    """A few words that identify this step of this run, or what `ref` says, so that its own work is found again."""
    return f"[ref: {ref or step_digest(16)}]"


def marked(text: str, ref: str = "") -> str:
    """Text that ends with this reference."""
    return f"{text}\n\n{mark(ref)}"


def is_marked(text: str) -> bool:
    """Whether text ends with the reference of a step, of whichever run."""
    return _MARK.search(text) is not None


def is_repeat() -> bool:
    """Whether an earlier attempt of this step may already have done its work."""
    return current_call().attempt > 1


def is_ordered() -> bool:
    """Whether a person has just said that this step is to be tried again, who could look what has become of it."""
    call = current_call()
    return call.attempt > 1 and call.is_first


def is_news(newest: str) -> bool:
    """Whether something is newer than it was when the first attempt of this step started.

    This shows whether an earlier attempt did its work, whatever the clocks say. The first attempt records what it
    found in its heartbeat; if that was lost with its worker, the next attempt counts as the first. So does one that a
    person has ordered, where nothing of before is in doubt: what is newer since is somebody else's.

    Args:
        newest: identifies the newest of what is looked at; empty if there is none.
    """
    before = left().get(_NEWEST)
    counts = may_have_sent() or not current_call().earlier
    if is_repeat() and counts and isinstance(before, str):
        return newest != before
    leave(**{_NEWEST: newest})
    return False


async def take_back(account: Account, operation: Operation, path: Mapping[str, str]) -> None:
    """Removes what this step made twice. It may already be gone or over; what may not be removed stays."""
    try:
        await account.send(operation, path=path)
    except (NotFoundError, MethodNotAllowedError):
        return
    except RefusedError as error:
        log.warning("step %s made something twice, and it cannot be removed: %s", current_call().step, error)


async def at_most_once(send: Callable[[], Awaitable[T]], what: str, *, repeat: bool) -> T:
    """Sends something that PagerDuty keeps no trace of.

    It is retried only if it was certainly not done: there was no connection, or it was refused. A person who has a held
    step tried again has it sent once more.

    Args:
        send: sends it.
        what: what it is, for the message.
        repeat: whether the author prefers twice to not at all.

    Raises:
        UncertainOutcomeError: it may have been done, in this attempt or in one before that died.
    """
    if may_have_sent() and not (repeat or is_ordered()):
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
        raise UncertainOutcomeError(
            f"{error}. It is not sent again, because it may have been done. {_ADVICE}"
        ) from error
    except (AuditError, BrakedError):
        leave(**{REQUEST: ANSWERED})
        raise


_ADVICE: Final = "Check whether it was done, or pass repeat=True if twice is better than not at all"


def _certainly_not_done(error: PagerDutyAPIError) -> bool:
    if isinstance(error, UnreachableError):
        return not error.sent
    return isinstance(error, (RateLimitedError, RefusedError, TokenExpiredError))
