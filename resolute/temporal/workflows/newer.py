"""A run that only a newer worker can run, and of which an older one has taken up a task.

It has a plan that the older one cannot read, or a flow or a node of the local lane that was deployed just now and that
the older one does not have.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from temporalio import workflow

from resolute.plan.values import Json
from resolute.temporal.wire.elsewhere import Waits

TAKEN_OVER: Final = timedelta(minutes=5)
"""How long after its start a run waits for a newer worker: longer than it takes to replace workers one by one."""


def may_be_taken_over() -> bool:
    """Whether a task is to fail, and not its run: a newer worker may be given the next attempt.

    It may while workers are being replaced. The time is that of the task, as the history has it, and each attempt has
    a later one; a replay of a run that was failed in the end has the time of that attempt, and fails it again.
    """
    return workflow.now() < _until()


def taken_over_until() -> str:
    """When a run that no newer worker has taken over by then fails."""
    return f"{_until():%H:%M:%S} UTC"


def waiting() -> Json:
    """What a worker is told of that, beside a call of the local lane."""
    return Waits(until=taken_over_until(), over=not may_be_taken_over()).as_json()


def _until() -> datetime:
    return workflow.info().workflow_start_time + TAKEN_OVER
