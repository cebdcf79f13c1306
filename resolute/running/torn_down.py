"""A run whose engine lets go of it."""

from __future__ import annotations

import asyncio


def is_torn_down() -> bool:
    """Whether the task itself is cancelled: its engine lets go of the run, which goes on elsewhere or later.

    What it still waits for may never be answered then, so it waits for nothing any more.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
