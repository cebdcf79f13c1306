"""Something that changes, and all who wait for it: each state has a version, which a reader may have already."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from typing import Protocol


class Changing(Protocol):
    """What people watch."""

    @property
    def version(self) -> str:
        """How it stands now; empty where that is not known."""
        ...

    async def after(self, version: str) -> str:
        """The version as soon as it is another one than a reader has."""
        ...


class Topic:
    """The version of one thing that people watch. Waiting costs nothing until it changes."""

    def __init__(self) -> None:
        self.version = ""
        self.watchers = 0
        self._changed = asyncio.Event()

    def publish(self, version: str) -> None:
        """Tells everybody, if the version is another one."""
        if version != self.version:
            self.version = version
            self._changed.set()
            self._changed = asyncio.Event()

    async def after(self, version: str) -> str:
        """The version as soon as it is another one than a reader has."""
        while self.version in ("", version):
            await self._changed.wait()
        return self.version

    @contextmanager
    def watched(self) -> Generator[None]:
        """One more watcher, for the length of a `with`."""
        self.watchers += 1
        try:
            yield
        finally:
            self.watchers -= 1


class Both:
    """Two topics as one, which changes when either does; it stands for nothing until the first of them does."""

    def __init__(self, one: Changing, other: Changing) -> None:
        self._topics = one, other

    @property
    def version(self) -> str:
        """The versions of both."""
        one, other = self._topics
        return joined(one.version, other.version)

    async def after(self, version: str) -> str:
        """The version as soon as it is another one than a reader has."""
        while self.version in ("", version):
            waiting = [asyncio.ensure_future(topic.after(topic.version)) for topic in self._topics]
            try:
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for each in waiting:
                    each.cancel()
        return self.version


def joined(one: str, other: str) -> str:
    """The version of two things, by the version of each; empty where the first one is."""
    return f"{one}.{other}" if one else ""
