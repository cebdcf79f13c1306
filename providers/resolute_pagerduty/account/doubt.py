"""What an attempt passes on to the next one, above all whether PagerDuty may still be processing its request.

A request whose answer is lost may be carried out later, after the next attempt has looked for its result and found
nothing. So the next attempt waits until the lost request has either been carried out or never will be. An attempt
records in its heartbeat that it is about to send, so this is known even if the worker is killed before any answer.
"""

from __future__ import annotations

from datetime import timedelta
from time import monotonic
from typing import Final, TypeVar

from resolute.plan.attempts import leave, left
from resolute.plan.context import current_call
from resolute.plan.errors import ResoluteError
from resolute.providing.settling import carry_doubt, is_unheard, settles_in, unsettled_for
from resolute_pagerduty.errors import PagerDutyAPIError, UnsettledError

E = TypeVar("E", bound=PagerDutyAPIError)

USUAL_SETTLE: Final = 90.0
"""Seconds after which PagerDuty is no longer processing a request, counted from when it was sent.

PagerDuty publishes no such limit. It gives up on slow requests itself ("the request took too long to process"), such
gateways usually do so after 60 seconds, and its own Terraform provider waits a minute for an answer. Another half is
added for work after the gateway has hung up. If that is not enough, a later attempt removes a second note, override or
maintenance window; a second change event, snooze or escalation stays.
"""

REQUEST: Final = "request"
SENDING: Final = "sending"
LOST: Final = "lost"
ANSWERED: Final = "answered"

_DOUBTFUL: Final = frozenset({408, 502, 504})
"""Statuses of gateways that hang up while PagerDuty may continue. After 500 and 503 it does not."""


def may_have_sent() -> bool:
    """Whether an earlier attempt of this step sent a request that may have been carried out.

    One of which nothing was heard may have: its worker can be killed before its word that it sends has arrived.
    """
    return left().get(REQUEST) in (SENDING, LOST) or is_unheard()


def is_doubtful(status: int) -> bool:
    """Whether PagerDuty may still be processing a request that was answered like this."""
    return status in _DOUBTFUL or status > 504


def pass_doubt_on(settle: float) -> None:
    """Leaves word of an earlier attempt of which nothing was heard, before this one fails of something else."""
    if carry_doubt(settle) and left().get(REQUEST) != SENDING:
        leave(**{REQUEST: LOST})


def check_settled(what: str, settle: float) -> None:
    """Lets a request out only if no earlier one can still be in progress.

    The attempt that lost its answer requested the pause itself, unless it was killed. Then it is requested here.

    Raises:
        UnsettledError: an earlier request may be.
    """
    rest = unsettled_for(settle, sending=left().get(REQUEST) == SENDING)
    if not rest:
        return
    lose(rest)
    error = UnsettledError(
        f"{what}: an earlier attempt may have ended while it was sending, and PagerDuty may still be processing that; "
        "nothing was sent"
    )
    raise paused(error, rest)


def lose(rest: float) -> None:
    """Leaves word that an answer was lost, and in how many seconds PagerDuty is no longer processing the request."""
    settles_in(rest)
    leave(**{REQUEST: LOST})


def paused(error: E, pause: float) -> E:
    """The error, with a pause before the next attempt that is longer than PagerDuty may still need."""
    asked = error.retry_after or timedelta(0)
    pause = max(pause, asked.total_seconds())
    error.retry_after = timedelta(seconds=pause)
    try:
        time_left = current_call().last_deadline - monotonic()
    except ResoluteError:
        return error
    if time_left > pause:
        advice = f"looked for, and sent again where it is not there, in {pause:.0f} s"
    else:
        advice = (
            f"not retried: a retry has to wait for {pause:.0f} s, and the step's time (within) ends before; "
            "look whether it is there"
        )
    error.args = (f"{error}; {advice}",)
    return error
