"""Something that changes, and all who wait for it: each state has a version, which a reader may have already."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager


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
