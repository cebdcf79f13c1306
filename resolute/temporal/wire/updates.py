"""Sends an update again, under the same id, while its workflow cannot take it; Temporal counts each id once.

A history that ends at the moment of the update, a workflow task that fails, a server under load: an update is refused
then, and the same one is taken a moment later.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Final, TypeVar

from temporalio.client import WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.service import RPCError, RPCStatusCode

from resolute.plan.errors import ResoluteError
from resolute.running.messages import MessageRefusedError

log = logging.getLogger(__name__)

T = TypeVar("T")

PATIENCE: Final = timedelta(seconds=20)

NOT_YET: Final = (
    RPCStatusCode.FAILED_PRECONDITION,  # the workflow task that had the update has failed, or such tasks keep failing
    RPCStatusCode.RESOURCE_EXHAUSTED,  # the history is ending, or other updates wait
    RPCStatusCode.UNAVAILABLE,  # the server gave the update up, or is about to start
    RPCStatusCode.ABORTED,
)
"""What Temporal answers to an update that it may take a moment later."""

_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 2.0
_TELLING: Final = 4
"""The attempt from which on it is told in the log that there was none before: the first three take 0.7 s."""


class UnansweredError(ResoluteError):
    """No answer came in time. `last` says why the update was not taken; None where nobody has said anything."""

    def __init__(self, patience: timedelta, last: RPCError | MessageRefusedError | None) -> None:
        self.patience = patience
        self.last = last
        super().__init__(f"no answer within {patience.total_seconds():g} s")


async def answered(
    send: Callable[[], Awaitable[T]],
    what: str,
    *,
    patience: timedelta = PATIENCE,
    not_yet: Sequence[RPCStatusCode] = NOT_YET,
) -> T:
    """Sends an update until it is answered. `send` sends it, under the same id each time; `what` names it in the log.

    Raises:
        MessageRefusedError: the workflow refused it, and not because it moves to another history.
        UnansweredError: nobody has answered within `patience`; the update may still be taken.
        temporalio.service.RPCError: Temporal refused, with another status than those in `not_yet`.
    """
    clock = asyncio.get_running_loop().time
    until, pause, attempt = clock() + patience.total_seconds(), _PAUSE, 1
    last: RPCError | MessageRefusedError | None = None
    while True:
        limit = asyncio.timeout_at(until)
        try:
            async with limit:
                return await send()
        except TimeoutError:
            raise UnansweredError(patience, last) from None
        except WorkflowUpdateRPCTimeoutOrCancelledError as error:
            # The SDK raises it in the place of a cancellation too: that of the limit, or of whoever waits here.
            if limit.expired():
                raise UnansweredError(patience, last) from None
            if isinstance(error.__cause__, asyncio.CancelledError):
                raise error.__cause__ from None
            said = "it has not answered in time"
        except RPCError as error:
            if error.status not in not_yet:
                raise
            last, said = error, error.message
        except MessageRefusedError as error:
            if error.why != "moving":
                raise
            last, said = error, str(error)
        if clock() + pause >= until:
            raise UnansweredError(patience, last)
        level = logging.WARNING if attempt == _TELLING else logging.DEBUG
        log.log(level, "%s is sent again, because it has not been taken yet: %s", what, said)
        await asyncio.sleep(pause)
        pause, attempt = min(2 * pause, _LONGEST_PAUSE), attempt + 1
