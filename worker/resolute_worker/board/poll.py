"""One look at the namespace for everybody who watches, however many they are."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import replace
from time import monotonic
from typing import Final

from temporalio.service import RPCError

from resolute.plan.errors import ResoluteError
from resolute_worker.board.looking import Looking
from resolute_worker.board.sight import Sight
from resolute_worker.board.topic import Topic
from resolute_worker.serving.seldom import Seldom

log = logging.getLogger(__name__)

WATCHED: Final = 1.0
"""Seconds between two looks while somebody watches."""

IDLE: Final = 10.0
"""Seconds between two looks while nobody does, so that the first page has something to show."""

_SHARE: Final = 9
"""A look that takes long is followed by a pause that is as many times longer."""

_PATIENCE: Final = 0.05
_FIRST: Final = 20.0


class NothingSeenError(ResoluteError):
    """Temporal has not answered yet, so there is nothing to show."""


class Poll:
    """The latest sight, kept current."""

    def __init__(self, looking: Looking) -> None:
        self.topic = Topic()
        self.notices = Topic()
        """What every page says first; see `Sight.notices`."""
        self.sight: Sight | None = None
        self._looking = looking
        self._at = 0.0
        self._took = 0.0
        self._now: asyncio.Task[None] | None = None
        self._wanted = asyncio.Event()
        self._say = Seldom(log)

    async def latest(self) -> Sight:
        """A sight that is as fresh as a moment's patience allows.

        Raises:
            NothingSeenError: there is none at all.
        """
        if self.sight is not None and not self.sight.problem and monotonic() - self._at < WATCHED:
            return self.sight
        look = self.soon()
        await asyncio.wait([look], timeout=_PATIENCE if self.sight is not None else _FIRST)
        if self.sight is None:
            raise NothingSeenError("Temporal does not answer: check that it runs, and TEMPORAL_ADDRESS")
        return self.sight

    async def anew(self) -> None:
        """Looks again, after something was done that has to be seen."""
        if self._now is not None and not self._now.done():
            await asyncio.wait([self._now])
        await asyncio.wait([self.soon()], timeout=2.0)

    def soon(self) -> asyncio.Task[None]:
        """The look that is on its way, or a new one."""
        if self._now is None or self._now.done():
            self._now = asyncio.create_task(self._look(), name="board look")
        return self._now

    def wake(self) -> None:
        """Somebody has come to watch."""
        self._wanted.set()

    async def keep(self) -> None:
        """Looks again and again, until it is cancelled."""
        try:
            while True:
                await asyncio.wait([self.soon()])
                pause = max(WATCHED if self.topic.watchers else IDLE, _SHARE * self._took)
                if self.sight is not None and self.sight.unread:
                    pause = max(WATCHED, _SHARE * self._took)
                await self._pause(pause)
        finally:
            if self._now is not None:
                self._now.cancel()

    async def _pause(self, seconds: float) -> None:
        """Until the next look is due, or somebody comes who wants one; meanwhile only the switches are read."""
        until = monotonic() + seconds
        self._wanted.clear()
        while (left := until - monotonic()) > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wanted.wait(), min(left, WATCHED))
                return
            if left > WATCHED and self.notices.watchers and not self.topic.watchers:
                await self._glance()

    async def _glance(self) -> None:
        """Reads what every page says first, and nothing else."""
        if self.sight is None or self._is_looking:
            return
        before = self.sight
        try:
            seen = await self._looking.glance(before)
        except (RPCError, ResoluteError):
            return  # the next look says so
        if self.sight is before and not self._is_looking:  # else a look was quicker, and has seen more
            self._show(seen)

    @property
    def _is_looking(self) -> bool:
        return self._now is not None and not self._now.done()

    def _show(self, sight: Sight) -> None:
        self.sight = sight
        self.topic.publish(sight.version)
        self.notices.publish(sight.notices)

    async def _look(self) -> None:
        began = monotonic()
        try:
            self.sight = await self._looking.look()
        except (RPCError, ResoluteError) as error:
            self._say(logging.WARNING, "the board could not look at Temporal: %s", type(error).__name__)
            if self.sight is not None:
                self.sight = replace(self.sight, problem="Temporal does not answer: what is shown may be old")
        except Exception:  # whatever it is, whoever looks at the board is told that it stands still
            log.exception("the board could not look at Temporal: this is a mistake of its own")
            if self.sight is not None:
                self.sight = replace(self.sight, problem="The board failed to look: what is shown may be old")
        self._at = monotonic()
        self._took = self._at - began
        if self.sight is not None:
            self._show(self.sight)
