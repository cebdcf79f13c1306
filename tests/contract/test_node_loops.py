"""The loops that nodes run on: as if they were awaited where they are waited for, and apart from it all the same."""

import asyncio
import logging
import threading
from collections.abc import Sequence
from contextvars import ContextVar
from typing import ClassVar, Self

import pytest

from resolute.plan.provider import NodeDefinition, Provider
from resolute.temporal.activities import standstill
from resolute.temporal.activities.at_work import AtWork, Work
from resolute.temporal.activities.loops import NodeLoop, NodeLoops

WHOSE: ContextVar[str] = ContextVar("whose", default="nobody")
HELLO = NodeDefinition(name="line.Hello", function=print, provider="line")
WORK = Work("flow", "run", "step", 1)


class Line(Provider):
    """A provider that knows in which thread, and in which task, it was opened and closed."""

    name: ClassVar[str] = "line"

    def __init__(self) -> None:
        self.seen: list[tuple[int, object]] = []

    @classmethod
    def nodes(cls) -> Sequence[NodeDefinition]:
        return []

    async def __aenter__(self) -> Self:
        self.seen.append((threading.get_ident(), asyncio.current_task()))
        return self

    async def __aexit__(self, *_: object) -> None:
        self.seen.append((threading.get_ident(), asyncio.current_task()))


class Broken(Line):
    """A provider that cannot be opened."""

    name: ClassVar[str] = "broken"

    async def __aenter__(self) -> Self:
        raise ConnectionError("nobody there")


async def test_work_runs_elsewhere_in_the_callers_context() -> None:
    """What is awaited runs in the loop's thread, and sees the caller's context variables."""
    WHOSE.set("mine")

    async def look() -> tuple[int, str]:
        return threading.get_ident(), WHOSE.get()

    async with NodeLoop("test") as loop:
        thread, whose = await loop.begin(look())

        assert (loop.ident, "mine") == (thread, whose)
        assert threading.get_ident() != thread


async def test_cancelled_work_is_waited_for() -> None:
    """Whoever waits is cancelled when the work has ended its cleaning up, not before."""
    begun, done = threading.Event(), threading.Event()

    async def linger() -> None:
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            for _ in range(10):
                await asyncio.sleep(0)
            done.set()

    async def wait(loop: NodeLoop) -> None:
        await loop.begin(linger())

    async with NodeLoop("test") as loop:
        waiting = asyncio.create_task(wait(loop))
        await asyncio.to_thread(begun.wait)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

        assert done.is_set()


async def test_work_that_ignores_its_cancellation_gives_its_result() -> None:
    """As with a task, a node that ends well after it was cancelled has ended well."""
    begun = threading.Event()

    async def stubborn() -> str:
        try:
            begun.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "done all the same"
        return "never"

    async def wait(loop: NodeLoop) -> str:
        return await loop.begin(stubborn())

    async with NodeLoop("test") as loop:
        waiting = asyncio.create_task(wait(loop))
        await asyncio.to_thread(begun.wait)
        waiting.cancel()

        assert "done all the same" == await waiting


async def test_a_provider_lives_on_a_loop_of_its_own() -> None:
    """A provider is opened and closed in one task of the loop that its nodes run on, which is not that of authors."""
    line = Line()
    async with NodeLoops([line]) as loops:
        own, authors = loops.of(HELLO).ident, loops.of(None).ident
    opened, closed = line.seen

    assert opened == closed
    assert opened[0] == own
    assert own != authors


async def test_a_provider_that_cannot_be_opened_says_so() -> None:
    """Its error reaches whoever starts the worker, and what was opened before is closed."""
    line = Line()
    with pytest.raises(ConnectionError, match="nobody there"):
        async with NodeLoops([line, Broken()]):
            pytest.fail("it was opened")

    assert 2 == len(line.seen)


async def test_a_loop_outlives_an_exit_in_a_task_that_was_left_behind() -> None:
    """`sys.exit()` in a task that a node has begun ends neither the loop nor the worker."""

    async def leave() -> None:
        raise SystemExit(3)

    async def begin() -> None:
        task = asyncio.create_task(leave())
        await asyncio.wait([task])
        task.exception()

    async def answer() -> str:
        return "still here"

    async with NodeLoop("test") as loop:
        await loop.begin(begin())

        assert "still here" == await loop.begin(answer())


class Heard(logging.Handler):
    """What is logged with a line of code in it. Of a loop that waits for its processor something is logged as well."""

    def __init__(self, line: str) -> None:
        super().__init__()
        self.line = line
        self.records: list[logging.LogRecord] = []
        self.said = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if self.line in vars(record).get("trace", ""):
            self.records.append(record)
            self.said.set()


@pytest.mark.parametrize("nested", [False, True])
async def test_a_blocked_loop_names_the_step_and_its_line(nested: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever blocks a loop is named with its step and its line of code, also from a task that the node has begun."""
    for name in ("BLOCKED", "_AGAIN"):
        monkeypatch.setattr(standstill, name, 0.3)
    heard, go_on = Heard(line := "go_on.wait()  # the mistake that this is about"), threading.Event()
    standstill.log.addHandler(heard)

    async def block() -> None:
        go_on.wait()  # the mistake that this is about

    async def node() -> None:
        await (asyncio.create_task(block()) if nested else block())

    async with NodeLoop("test") as loop:
        with AtWork().held(WORK), loop.watched():
            waiting = loop.begin(node())
            await asyncio.to_thread(heard.said.wait)
            go_on.set()
            await waiting
    standstill.log.removeHandler(heard)
    said = heard.records[0]

    assert "step step blocks the event loop nodes-test" in said.getMessage()
    assert ("flow", "run", "step", 1) == tuple(getattr(said, name) for name in ("flow", "run", "step", "attempt"))
    assert line in vars(said)["trace"]
