"""The way from a thread into the loop of another."""

import asyncio
import threading
from typing import Any, cast

import pytest

from resolute.temporal.activities.crossing import Crossing


def ready_for(crossing: Crossing) -> list[object]:
    """What its loop is about to call of it: asyncio does not say it otherwise."""
    ready: list[Any] = list(cast("Any", crossing.loop)._ready)
    return [handle for handle in ready if getattr(handle._callback, "__self__", None) is crossing]


async def test_what_comes_while_the_loop_is_busy_wakes_it_once() -> None:
    """A hundred calls of another thread arrive in their order, and wake a busy loop once."""
    loop, seen, all_here = asyncio.get_running_loop(), list[int](), asyncio.Event()
    crossing = Crossing(loop)

    def take(number: int) -> None:
        seen.append(number)
        if number == 99:
            all_here.set()

    def call() -> None:
        for number in range(100):
            crossing.call(take, number)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()  # the loop is busy until here
    woken = len(ready_for(crossing))
    await all_here.wait()

    assert list(range(100)) == seen
    assert 1 == woken


async def test_each_of_the_calls_comes_to_its_end_by_itself() -> None:
    """A call that raises is the loop's to report, and keeps none of the others from being made."""
    loop, told, done = asyncio.get_running_loop(), list[str](), asyncio.Event()
    usual, crossing = loop.get_exception_handler(), Crossing(loop)
    loop.set_exception_handler(lambda _, context: told.append(type(context["exception"]).__name__))
    try:
        crossing.call(int, "no number")
        crossing.call(done.set)
        await done.wait()
    finally:
        loop.set_exception_handler(usual)  # of the loop that other tests run on

    assert ["ValueError"] == told


def test_a_closed_loop_is_said_at_once() -> None:
    """Whoever calls into a loop that is closed is told so each time."""
    loop = asyncio.new_event_loop()
    crossing = Crossing(loop)
    loop.close()

    for _ in range(2):
        with pytest.raises(RuntimeError, match="closed"):
            crossing.call(print)
