"""Runs a block for each item of a list, so many at a time."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import islice
from typing import Final

from resolute.plan.errors import NodeFailedError
from resolute.plan.kinds.each import Each
from resolute.plan.values import Json
from resolute.running.frame import Frame
from resolute.running.kinds.call import is_quick
from resolute.running.kinds.items import Items
from resolute.running.run import Run, RunSuspendedError
from resolute.running.together import KEEPS_ALL, PUTS_OFF, OneOfTogether, Together

TOGETHER: Final = 100
"""Items whose calls in the local lane are made as one, at most."""


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
    await _Working(each, items, run, frame).run_all()
    return items.outputs()


class _Working:
    """The items at work. A failure that is not collected gives up the others."""

    def __init__(self, each: Each, items: Items, run: Run, frame: Frame) -> None:
        self._each = each
        self._items = items
        self._run = run
        self._alone = frame.alone
        self._part = f"{frame.path}{each.id}["
        self._left = items.left()
        self._failures: dict[int, Exception] = {}

    async def run_all(self) -> None:
        """Runs all items that are left, and raises what the block ends by where not all of them come to their end."""
        try:
            if self._alone and _is_quick(self._each) and not self._may_hold():
                await self._run_together()
            else:
                workers = min(self._each.at_once, len(self._items))
                alone = self._alone and workers == 1
                self._settle(await asyncio.gather(*(self._work(alone) for _ in range(workers)), return_exceptions=True))
        finally:
            self._run.end_part(self._part)

    def _may_hold(self) -> bool:
        """Whether an item may wait for a person, which the items beside it are not to wait for."""
        return self._run.plan.holds and self._each.on_error == "fail"

    async def _work(self, alone: bool) -> None:
        while (number := next(self._left, None)) is not None:
            self._run.rest()
            await self._item(number, self._items.frame_of(number, alone=alone))

    async def _run_together(self) -> None:
        stops = self._each.on_error == "fail"
        while numbers := list(islice(self._left, TOGETHER)):
            self._run.rest()
            together = Together(
                self._run.runtime,
                len(numbers),
                at_once=self._each.at_once,
                stops=stops,
                passed=self._run.stopping.passed,
                paused=self._run.pausing if self._run.plan.interpreter >= PUTS_OFF else None,
                over=self._run.pausing.over,
                keeps_all=self._run.plan.interpreter >= KEEPS_ALL,
            )
            items = (self._item_of(number, together) for number in numbers)
            self._settle(await asyncio.gather(*items, together.make(), return_exceptions=True))

    async def _item_of(self, number: int, together: Together) -> None:
        one = OneOfTogether(together)
        try:
            await self._item(number, replace(self._items.frame_of(number, alone=True), together=one))
        finally:
            one.arrive()

    async def _item(self, number: int, frame: Frame) -> None:
        try:
            try:
                await self._run.block(self._each.body, frame)
            except NodeFailedError as error:
                if not self._items.collects(number, error):
                    raise
                self._run.notebook.ended_badly(frame.path)
            else:
                self._items.completes(number, frame)
        except RunSuspendedError:
            raise
        except Exception as error:
            self._left = iter(())
            self._items.fails(number)
            if not self._failures:
                self._run.give_up(self._part)
            self._failures[number] = error

    def _settle(self, ended: list[BaseException | None]) -> None:
        given_up = [each for each in ended if each is not None]
        for each in given_up:
            if not isinstance(each, (asyncio.CancelledError, RunSuspendedError)):
                raise each
        if self._failures:
            raise self._failures[min(self._failures)]
        # Who has let go first: what is at work beside it has ended by now.
        for each in (*(each for each in given_up if isinstance(each, RunSuspendedError)), *given_up):
            raise each


def _is_quick(each: Each) -> bool:
    """Whether an item is one call in the local lane."""
    (*others, step) = each.body
    return not others and is_quick(step)
