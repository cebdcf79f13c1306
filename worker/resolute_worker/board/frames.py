"""What is sent to open pages when something has changed: made once for all who see the same, however many they are."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from time import monotonic, thread_time
from typing import Final

from starlette.responses import HTMLResponse

MOST: Final = 32
"""Pages of which the latest frame is kept."""

SHARE: Final = 2
"""The next frame of a page that took long to make begins as many times longer after it: however quickly something
changes and however large it is, a page of it takes at most a third of a core."""


class Page(HTMLResponse):
    """A page as it is answered, with what it was made from: `made` is the same for all readers of these roles.

    `is_whole` says that it shows all that there is; one that does not is followed by another. As an `event` it is sent
    as a `page`, or as a `part` that is put in the place of what has the same id.
    """

    made: bytes = b""
    version: str = ""
    is_whole: bool = True
    event: str = "page"


@dataclass(frozen=True)
class Frame:
    """An event that holds a page. `version` is what it shows, which may be newer than what was asked for."""

    version: str
    event: bytes
    is_whole: bool = True


@dataclass
class _Kept:
    asked: str
    making: asyncio.Task[Frame]
    not_before: float = 0.0


class Frames:
    """The latest frame of each page that somebody watches."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def clear(self) -> None:
        """Nobody watches any more."""
        for kept in self._kept.values():
            kept.making.cancel()
        self._kept.clear()

    async def of(self, key: Hashable, version: str, make: Callable[[], Awaitable[Page | None]]) -> Frame:
        """The frame of a page by a version; the first who asks for it has it made, the others wait for that."""
        kept = self._kept.get(key)
        if kept is None or version not in _versions(kept):
            not_before = kept.not_before if kept is not None else 0.0
            kept = _Kept(version, asyncio.create_task(self._make(key, version, not_before, make), name="board frame"))
            self._kept[key] = kept
            while len(self._kept) > MOST:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return await asyncio.shield(kept.making)

    async def _make(
        self, key: Hashable, version: str, not_before: float, make: Callable[[], Awaitable[Page | None]]
    ) -> Frame:
        await asyncio.sleep(max(0.0, not_before - monotonic()))
        began = thread_time()
        page = await make()
        used = thread_time() - began  # of this thread alone: a busy machine makes nobody wait longer
        if (kept := self._kept.get(key)) is not None and (page is None or page.is_whole):
            kept.not_before = monotonic() + SHARE * used
        if page is None:
            return Frame(version, f"event: changed\ndata: {version}\n\n".encode())
        # Each of the three line breaks of a stranger's text would begin a field of the event.
        lines = page.made.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\ndata: ")
        return Frame(
            page.version, f"id: {page.version}\nevent: {page.event}\ndata: ".encode() + lines + b"\n\n", page.is_whole
        )


def _versions(kept: _Kept) -> tuple[str, ...]:
    """The versions that a frame stands for."""
    if not kept.making.done():
        return (kept.asked,)
    if kept.making.cancelled() or kept.making.exception() is not None:
        return ()
    made = kept.making.result()
    return (kept.asked, made.version) if made.is_whole else ()
