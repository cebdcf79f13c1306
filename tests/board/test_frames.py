"""What open pages are sent is made once for all of them."""

from __future__ import annotations

import asyncio

import pytest

from resolute_worker.board import frames
from resolute_worker.board.frames import MOST, Frames, Page


def page(version: str, text: bytes = b"<p>") -> Page:
    """A page that was made."""
    made = Page("")
    made.made, made.version = text, version
    return made


async def test_a_page_is_made_once_for_each_version() -> None:
    """Fifty who ask at the same time are given one page; so is who asks for the newer version that it turned out as."""
    known, made = Frames(), list[str]()

    async def make() -> Page:
        made.append("page")
        await asyncio.sleep(0)
        return page("2")

    found = await asyncio.gather(*(known.of("run", "1", make) for _ in range(50)))
    found.append(await known.of("run", "2", make))
    other = await known.of("run", "3", make)

    assert {b"id: 2\nevent: page\ndata: <p>\n\n"} == {frame.event for frame in [*found, other]}
    assert ["page", "page"] == made


async def test_who_goes_away_takes_the_page_from_nobody() -> None:
    """One of two who wait for a page closes it: the other one is sent it."""
    known, going = Frames(), asyncio.Event()

    async def make() -> Page:
        await going.wait()
        return page("1")

    gone, stays = (asyncio.create_task(known.of("run", "1", make)) for _ in range(2))
    await asyncio.sleep(0)
    gone.cancel()
    going.set()

    assert "1" == (await stays).version


async def test_a_strangers_line_breaks_begin_no_event() -> None:
    """Whatever breaks a line in a page, it stays in the data of one event."""

    async def make() -> Page:
        return page("1", b"a\rid: 7\r\nevent: other\n\ndata: b")

    frame = await Frames().of("run", "1", make)

    assert b"id: 1\nevent: page\ndata: a\ndata: id: 7\ndata: event: other\ndata: \ndata: data: b\n\n" == frame.event


async def test_a_page_that_cannot_be_made_is_fetched() -> None:
    """A page that is refused now has its browser fetch it, and see why; a mistake is not kept."""
    known = Frames()

    async def refused() -> None:
        return None

    async def broken() -> Page:
        raise OSError

    with pytest.raises(OSError):
        await known.of("run", "1", broken)

    assert b"event: changed\ndata: 1\n\n" == (await known.of("run", "1", refused)).event


async def test_what_changes_quickly_is_made_at_a_bounded_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that took long to make is made again only after a pause as many times longer; nothing is kept for ever."""
    clock = iter([0.0, 3.0, 3.0, 3.0])
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    async def make() -> Page:
        return page("1")

    known = Frames()
    with monkeypatch.context() as patched:
        patched.setattr(frames, "thread_time", lambda: next(clock))
        patched.setattr(frames, "monotonic", lambda: 100.0)
        patched.setattr(frames.asyncio, "sleep", sleep)
        await known.of("run", "1", make)
        await known.of("run", "2", make)
    for number in range(MOST + 1):
        await known.of(number, "1", make)
    kept = len(known)
    known.clear()

    assert [0.0, 6.0] == pauses
    assert (MOST, 0) == (kept, len(known))
