"""The runs that people watch: each is followed once, by Temporal's long poll of its history."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Final

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError

from resolute.plan.errors import ResoluteError
from resolute.temporal.wire.finding import RunKey, UnknownRunError
from resolute_worker.board.reads import Reads, stage_of, version_of
from resolute_worker.board.topic import Topic
from resolute_worker.serving.seldom import Seldom

log = logging.getLogger(__name__)

MOST: Final = 50
"""Runs that are followed at a time."""

_AGAIN: Final = 2.0
"""Seconds after which a run is looked at again of which no event tells: attempts add none to a history."""

_TOGETHER: Final = 0.05
"""Seconds in which several events count as one change."""


class TooManyRunsError(ResoluteError):
    """More runs are watched than are followed at a time."""

    def __init__(self) -> None:
        super().__init__(f"{MOST} runs are watched already: close a page of another run")


class Watches:
    """Follows runs for as long as somebody watches them."""

    def __init__(self, client: Client, reads: Reads) -> None:
        self._client = client
        self._reads = reads
        self._followed: dict[RunKey, tuple[Topic, asyncio.Task[None]]] = {}
        self._say = Seldom(log)

    @property
    def followed(self) -> tuple[RunKey, ...]:
        """The runs that are followed now."""
        return tuple(self._followed)

    @contextmanager
    def watching(self, key: RunKey) -> Generator[Topic]:
        """A run's topic, for the length of a `with`.

        Raises:
            TooManyRunsError: too many other runs are followed.
        """
        if key not in self._followed:
            if len(self._followed) >= MOST:
                raise TooManyRunsError
            topic = Topic()
            self._followed[key] = topic, asyncio.create_task(self._follow(key, topic), name="board run")
        topic, task = self._followed[key]
        try:
            with topic.watched():
                yield topic
        finally:
            if not topic.watchers:
                task.cancel()
                del self._followed[key]

    async def _follow(self, key: RunKey, topic: Topic) -> None:
        """Publishes each change of a run until it has ended."""
        while True:
            try:
                if await self._followed_to_its_end(key, topic):
                    return
            except UnknownRunError:
                return  # deleted meanwhile
            except RPCError as error:
                self._say(logging.WARNING, "the board cannot follow a run: %s", error.status.name)
                await asyncio.sleep(_AGAIN)

    async def _followed_to_its_end(self, key: RunKey, topic: Topic) -> bool:
        """Follows one history; False where the run goes on in another one."""
        found = await self._reads.described(key)
        moved = asyncio.Event()
        following = asyncio.create_task(self._events(found.id, found.run_id, moved))
        try:
            while True:
                topic.publish(version_of(stage_of(found)))
                if found.status != WorkflowExecutionStatus.RUNNING:
                    return True
                if following.done():
                    following.result()
                    return False
                with suppress(TimeoutError):
                    await asyncio.wait_for(moved.wait(), _AGAIN)
                    await asyncio.sleep(_TOGETHER)
                moved.clear()
                found = await self._reads.described(key)
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    async def _events(self, workflow_id: str, run_id: str, moved: asyncio.Event) -> None:
        """Says of each event that it has come."""
        handle = self._client.get_workflow_handle(workflow_id, run_id=run_id)
        async for _ in handle.fetch_history_events(wait_new_event=True):
            moved.set()
        moved.set()
