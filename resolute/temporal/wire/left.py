"""What the attempts of a call that has failed for good have left, for a person who has it made again.

Its worker says so in the details of the failure. Where no worker could, since the last attempt was never heard of, the
server knows the last heartbeat. Neither adds an event to the history.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

from temporalio.exceptions import ActivityError, ApplicationError, FailureError, TimeoutType
from temporalio.exceptions import TimeoutError as TemporalTimeoutError

from resolute.plan.values import JsonObject
from resolute.running.made import Made, left_behind
from resolute.temporal.wire.attempts import attempts_in, split

_KEY: Final = "resolute.left"


def left_detail(left: JsonObject) -> JsonObject:
    """What `left_behind` wrote, as a detail of a failure."""
    return {_KEY: left}


def left_in(error: FailureError, before: Made) -> JsonObject:
    """What a call has left that failed so; `before` is what it began with.

    Where nobody has said how the last attempt ended, it may have done its work: nothing was heard of it.
    """
    cause = error.cause if isinstance(error, ActivityError) else error
    if isinstance(cause, ApplicationError) and (left := _told(cause)) is not None:
        return left
    said, failed = before.heartbeat, attempts_in(cause)
    if isinstance(cause, TemporalTimeoutError) and cause.last_heartbeat_details:
        said, known = split(cause.last_heartbeat_details)
        failed = known or failed
    latest = failed[-1].number if failed else before.attempts
    has_begun = not (isinstance(cause, TemporalTimeoutError) and cause.type == TimeoutType.SCHEDULE_TO_START)
    return left_behind(latest + 1, said, unheard=has_begun or before.unheard)


def _told(error: ApplicationError) -> JsonObject | None:
    for detail in error.details:
        if isinstance(detail, Mapping) and set(cast("Mapping[str, object]", detail)) == {_KEY}:
            return cast("JsonObject", cast("Mapping[str, object]", detail)[_KEY])
    return None
