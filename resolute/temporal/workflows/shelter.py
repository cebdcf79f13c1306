"""Work that a run's cancellation does not interrupt: it is notified, and ends in its own time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final, TypeVar

T = TypeVar("T")

SHELTERS: Final = 2
"""The first interpreter whose runs undo their work when they are cancelled."""


async def sheltered(
    work: Coroutine[Any, Any, T], cancelled: Callable[[], None], failing: asyncio.Future[None] | None = None
) -> T:
    """Waits for work in its own task. Each cancellation of the waiting task calls `cancelled` and goes no further.

    Where `failing` fails, so does the waiting, whatever becomes of the work.

    When the SDK evicts a run from its cache it cancels every task, including the work's; then waiting ends immediately.
    """
    task = asyncio.ensure_future(work)
    while not task.done():
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        for each in (task, failing):
            if each is not None:
                each.add_done_callback(partial(_wake, woken))
        try:
            await woken
        except asyncio.CancelledError:
            if task.cancelling():
                raise
            cancelled()
        if failing is not None and failing.done():
            failing.result()
    return task.result()


def _wake(woken: asyncio.Future[None], _: object) -> None:
    if not woken.done():
        woken.set_result(None)
