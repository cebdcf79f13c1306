"""The attempts of local activities: those that failed, and the time that all of them have together.

Temporal's SDK retries a local activity regardless of its schedule-to-close timeout (seen in temporalio 1.35), so the
attempts themselves observe it. The SDK gets a slightly longer one, so that it never gives up at the same moment.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from temporalio import activity

from resolute.execution.executor import FailureFacts
from resolute.plan.policies import Retry
from resolute.plan.texts import shortened
from resolute.plan.values import Json
from resolute.running.report import Attempt
from resolute.temporal.wire.activity import GRACE
from resolute.temporal.wire.attempts import Attempts

_LONGEST: Final = 500
_LOCAL_STEPS: Final = 1_000


async def in_time(info: activity.Info, work: Callable[[], Awaitable[Json]]) -> Json:
    """Runs an attempt, for at most the time that all attempts have together.

    Raises:
        TimeoutError: no time is left, and the attempt did not start or did not end.
    """
    within = _within(info)
    if within is None:
        return await work()
    left = _left(info, within)
    late = TimeoutError(f"not done within {within.total_seconds():g} s")
    if left <= timedelta(0):
        raise late
    watch = asyncio.timeout(left.total_seconds())
    try:
        async with watch:
            return await work()
    except TimeoutError as error:
        raise late if watch.expired() else error from None


def is_last(info: activity.Info, retry_after: timedelta | None) -> bool:
    """Whether the next attempt would come too late."""
    within, policy = _within(info), info.retry_policy
    if within is None or policy is None:
        return False
    retry = Retry.model_construct(
        initial=policy.initial_interval.total_seconds(),
        coefficient=policy.backoff_coefficient,
        maximum=(policy.maximum_interval or policy.initial_interval).total_seconds(),
    )
    pause = timedelta(seconds=retry.pause(info.attempt)) if retry_after is None else retry_after
    return _left(info, within) <= pause


def _within(info: activity.Info) -> timedelta | None:
    return None if info.schedule_to_close_timeout is None else info.schedule_to_close_timeout - GRACE


def _left(info: activity.Info, within: timedelta) -> timedelta:
    return info.scheduled_time + within - datetime.now(UTC)


def failed_attempt(number: int, facts: FailureFacts) -> Attempt:
    """An attempt that has just failed."""
    return Attempt(
        number=number, at=datetime.now(UTC), error_type=facts.error_type, message=shortened(facts.message, _LONGEST)
    )


class LocalAttempts:
    """The failed attempts of steps in the local lane, which have no heartbeats: kept by the worker that runs them."""

    def __init__(self) -> None:
        self._steps: OrderedDict[tuple[str, str], Attempts] = OrderedDict()

    def before(self, run_id: str, step: str, attempt: int) -> Attempts:
        """What is known about the attempts before one."""
        return self._steps.get((run_id, step), ()) if attempt > 1 else ()

    def keep(self, run_id: str, step: str, attempts: Attempts) -> None:
        """Keeps what the next attempt should know; of very many steps, only the latest ones."""
        self._steps[run_id, step] = attempts
        self._steps.move_to_end((run_id, step))
        while len(self._steps) > _LOCAL_STEPS:
            self._steps.popitem(last=False)

    def forget(self, run_id: str, step: str) -> None:
        """The step has ended."""
        self._steps.pop((run_id, step), None)
