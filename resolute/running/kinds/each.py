"""Runs a block for each item of a list, so many at a time."""

from __future__ import annotations

import asyncio

from resolute.plan.errors import NodeFailedError
from resolute.plan.kinds.each import Each
from resolute.plan.values import Json
from resolute.running.frame import Frame
from resolute.running.kinds.items import Items
from resolute.running.run import Run, RunSuspendedError


async def run_each(each: Each, frame: Frame, run: Run) -> Json:
    """Gives the outputs of the items, in their order.

    Raises:
        EvaluationError: there is no list to run over.
        PayloadTooLargeError: the outputs are more than Temporal accepts.
        NodeFailedError: an item failed, the first of those that did; not where failures are collected.
    """
    items = Items(each, frame, run)
    for number in items.failed:
        await run.block(each.body, items.frame_of(number, alone=False))  # it fails as it did before
    workers = min(each.at_once, len(items))
    working = _Working(each, items, run, f"{frame.path}{each.id}[", alone=frame.alone and workers == 1)
    await working.run_all(workers)
    return items.outputs()


class _Working:
    """The items at work. A failure that is not collected gives up the others."""

    def __init__(self, each: Each, items: Items, run: Run, part: str, *, alone: bool) -> None:
        self._body = each.body
        self._items = items
        self._run = run
        self._part = part
        self._alone = alone
        self._left = items.left()
        self._failures: dict[int, Exception] = {}

    async def run_all(self, at_once: int) -> None:
        """Runs all items that are left, and raises what the block ends by where not all of them come to their end."""
        try:
            ended = await asyncio.gather(*(self._work() for _ in range(at_once)), return_exceptions=True)
        finally:
            self._run.end_part(self._part)
        given_up = [each for each in ended if each is not None]
        for each in given_up:
            if not isinstance(each, (asyncio.CancelledError, RunSuspendedError)):
                raise each
        if self._failures:
            raise self._failures[min(self._failures)]
        # Who has let go first: what is at work beside it has ended by now.
        for each in (*(each for each in given_up if isinstance(each, RunSuspendedError)), *given_up):
            raise each

    async def _work(self) -> None:
        while (number := next(self._left, None)) is not None:
            self._run.rest()
            frame = self._items.frame_of(number, alone=self._alone)
            try:
                try:
                    await self._run.block(self._body, frame)
                except NodeFailedError as error:
                    if not self._items.collects(number, error):
                        raise
                else:
                    self._items.completes(number, frame)
            except RunSuspendedError:
                raise
            except Exception as error:
                self._fail(number, error)

    def _fail(self, number: int, error: Exception) -> None:
        self._left = iter(())
        self._items.fails(number)
        if not self._failures:
            self._run.give_up(self._part)
        self._failures[number] = error
