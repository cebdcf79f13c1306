"""Whether an earlier attempt of a step may have posted its message, and Slack may still be at work on that.

Slack has no key by which it would know a message again. (`client_msg_id` is for Slack's own programs: other apps are
asked not to rely on it, https://github.com/slackapi/java-slack-sdk/issues/852.) So an attempt records that it is about
to post, and one that comes after it looks for the message before it posts again.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

from resolute.plan.attempts import leave, left
from resolute.plan.context import current_call
from resolute.providing.settling import carry_doubt, settles_in, unsettled_for
from resolute_slack.errors import SlackAPIError, UnsettledError, may_be_done

_REQUEST: Final = "request"
_SENDING: Final = "sending"
_LOST: Final = "lost"
_DONE: Final = "done"
_REFUSED: Final = "refused"
_SINCE: Final = "since"

_SKEW: Final = 300.0
"""Seconds by which the clocks of workers and Slack may differ."""

_LONG_AGO: Final = 24 * 3600.0
"""Seconds to look back where nobody knows when the first attempt was: its worker died with it."""


def may_have_posted() -> bool:
    """Whether an earlier attempt of this step may have posted."""
    call = current_call()
    return call.attempt > 1 and (call.unheard or left().get(_REQUEST) != _REFUSED)


def since() -> float:
    """From which time on a message of this step can be, in seconds since 1970."""
    known = left().get(_SINCE)
    return (known if isinstance(known, (int, float)) else time.time() - _LONG_AGO) - _SKEW


def pass_doubt_on(settle: float) -> None:
    """Leaves word of an earlier attempt of which nothing was heard, before this one fails of something else."""
    if carry_doubt(settle) and left().get(_REQUEST) != _SENDING:
        leave(**{_REQUEST: _LOST})


def check_settled(what: str, settle: float) -> None:
    """Goes on only if no earlier request can still be in progress.

    The attempt that lost its answer asked for the pause itself, unless its worker was killed. Then it is asked for
    here.

    Raises:
        UnsettledError: an earlier request may be.
    """
    rest = unsettled_for(settle, sending=left().get(_REQUEST) == _SENDING)
    if not rest:
        return
    settles_in(rest)
    leave(**{_REQUEST: _LOST})
    raise UnsettledError(
        f"{what}: an earlier attempt may have ended while it was sending, and Slack may still be at work on that; "
        f"nothing was sent; looked for, and sent again where it is not there, in {rest:.0f} s",
        retry_after=timedelta(seconds=rest),
    )


@asynccontextmanager
async def posting(settle: float) -> AsyncGenerator[None]:
    """Around a request that adds something: leaves word of it, and a pause where its answer is lost.

    What an earlier attempt lost stays in doubt, whatever happens to this one: its result may still appear.
    """
    before = left().get(_REQUEST)
    certain = before if before in (_LOST, _DONE) else _REFUSED
    started = left().get(_SINCE)
    leave(**{_REQUEST: _SENDING, _SINCE: time.time() if started is None else started})
    try:
        yield
    except SlackAPIError as error:
        if may_be_done(error):
            settles_in(settle)
            leave(**{_REQUEST: _LOST})
            error.retry_after = max(error.retry_after or timedelta(0), timedelta(seconds=settle))
            error.args = (f"{error}; looked for, and sent again where it is not there, in {settle:g} s",)
        else:
            leave(**{_REQUEST: certain})
        raise
    except Exception:
        leave(**{_REQUEST: certain})  # nothing was sent: a dry run, the brake, no token
        raise
    leave(**{_REQUEST: _LOST if before == _LOST else _DONE})
