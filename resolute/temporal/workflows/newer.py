"""A run whose plan only a newer worker can run, and of which an older one has taken up a task."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from temporalio import workflow

TAKEN_OVER: Final = timedelta(minutes=5)
"""How long after its start a run waits for a newer worker: longer than it takes to replace workers one by one."""


def may_be_taken_over() -> bool:
    """Whether a task is to fail, and not its run: a newer worker may be given the next attempt.

    It may while workers are being replaced. The time is that of the task, as the history has it, and each attempt has
    a later one; a replay of a run that was failed in the end has the time of that attempt, and fails it again.
    """
    return workflow.now() - workflow.info().workflow_start_time < TAKEN_OVER
