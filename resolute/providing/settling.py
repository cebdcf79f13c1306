"""How long a service may still be at work on a request of an earlier attempt, whose answer nobody has had.

An attempt that loses an answer asks for a pause. Nobody knows whether it was heard: its worker may have died before the
failure was recorded. So it leaves behind when the pause is over, by the clock that all attempts share; and an attempt
that comes after one of which nothing was heard waits in any case, because what that one left may not have arrived.
"""

from __future__ import annotations

from time import monotonic
from typing import Final

from resolute.plan.attempts import leave, left
from resolute.plan.context import current_call
from resolute.plan.errors import ResoluteError

_SETTLED: Final = "settled"

_ROUNDING: Final = 1.0
"""Seconds that two machines may differ in how long a pause was."""


def settles_in(seconds: float) -> None:
    """Leaves word for the next attempt that a lost request of this one is over and done with in so many seconds."""
    if (now := _now()) is not None:
        leave(**{_SETTLED: now + seconds})


def is_unheard() -> bool:
    """Whether nothing was heard of the end of the attempt before this one; False where no step is running."""
    try:
        return current_call().unheard
    except ResoluteError:
        return False


def carry_doubt(settle: float) -> bool:
    """Leaves word for the next attempt where nothing was heard of the one before this; says whether that is so.

    Before the first request of an attempt: that may fail, and what is heard of this attempt then hides the other one.
    """
    now = _now()
    if now is None or not is_unheard():
        return False
    until = left().get(_SETTLED)
    if not isinstance(until, (int, float)) or until < now + settle - _ROUNDING:
        settles_in(settle)
    return True


def unsettled_for(settle: float, *, sending: bool) -> float:
    """How many seconds to wait before anything is sent again; 0 where no earlier request can be in progress.

    `settle` is how long a request may be in progress at all, and `sending` says that the last thing heard of an earlier
    attempt is that it was about to send.
    """
    now = _now()
    if sending or is_unheard():
        return settle
    until = left().get(_SETTLED)
    rest = until - now if now is not None and isinstance(until, (int, float)) else 0.0
    return min(rest, settle) if rest > _ROUNDING else 0.0


def _now() -> float | None:
    """The time by the clock that all attempts of a step share; None where no step is running."""
    try:
        return monotonic() + current_call().clock_offset
    except ResoluteError:
        return None
