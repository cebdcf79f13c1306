"""Trips of one run in a pause: what has begun is tried again, and what has not waits until the run goes on."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from resolute.plan.plan import INTERPRETER
from resolute.plan.policies import Policy
from resolute.plan.values import Json, JsonObject
from resolute.running.runtime import Answered, CallRequest
from resolute.temporal.workflows.trips import Trips

AGAIN: Json = {"again": 60.0, "attempts": None}


class Pause:
    """The pause of a run, which a test begins and ends."""

    def __init__(self) -> None:
        self.is_on = False
        self.ended: list[Callable[[], None]] = []

    def __bool__(self) -> bool:
        return self.is_on

    def end(self) -> None:
        """The run goes on."""
        self.is_on = False
        for each in tuple(self.ended):
            each()


class ScriptedWay:
    """A worker that records what a test says, trip by trip. Time passes when somebody waits, unless it stands still."""

    def __init__(self, pause: Pause, *records: Json) -> None:
        self.given_up = 0
        self.asked: list[list[str]] = []
        self.waits = asyncio.Event()
        self.stands_still = False
        self._records = list(records)
        self._now = datetime(2026, 1, 1, tzinfo=UTC)
        self._pause = pause

    def now(self) -> datetime:
        """The clock."""
        return self._now

    async def make_room(self, size: int) -> None:
        """There is room."""

    def stop_where_given_up(self, step: str, before: int) -> None:
        """As the runs do."""
        if self.given_up > before:
            raise asyncio.CancelledError

    async def pause(self, name: str, step: str, until: datetime) -> None:
        """Waits for ever, or no time at all."""
        self.waits.set()
        if self.stands_still:
            await asyncio.get_running_loop().create_future()
        self._now = until

    async def carry(self, name: str, arguments: JsonObject, time: timedelta) -> Json:
        """Gives the next record; the run is paused while the first trip is under way."""
        self.asked.append(
            [cast("str", cast("JsonObject", each)["step"]) for each in cast("list[Json]", arguments["calls"])]
        )
        self._pause.is_on = self._pause.is_on or len(self.asked) == 1
        return self._records.pop(0)


def _request(step: str) -> CallRequest:
    return CallRequest(step=step, node="node", arguments={}, policy=Policy(), lane="local")


REQUESTS = [_request(step) for step in ("one", "two", "three")]


def _trips(way: ScriptedWay) -> Trips:
    return Trips(way, lambda _: None, INTERPRETER)


async def test_calls_that_have_not_begun_are_put_off_in_a_pause() -> None:
    """Of calls beside each other those that have begun are tried again in a pause, until all of them have ended."""
    pause = Pause()
    way = ScriptedWay(pause, {"one": AGAIN}, {"one": [1]})
    answers = await _trips(way).beside(REQUESTS, at_once=1, stops=False, paused=pause)

    assert [["one", "two", "three"], ["one"]] == way.asked
    assert [Answered(output=1), Answered(put_off=True), Answered(put_off=True)] == answers


async def test_calls_begin_as_soon_as_the_run_goes_on() -> None:
    """What a pause has kept from beginning does not wait for the next attempt of what had begun."""
    pause = Pause()
    way = ScriptedWay(pause, {"one": AGAIN}, {"two": [2], "three": [3]}, {"one": [1]})
    way.stands_still = True
    made = asyncio.ensure_future(_trips(way).beside(REQUESTS, at_once=1, stops=False, paused=pause))
    await way.waits.wait()
    assert [["one", "two", "three"]] == way.asked
    way.stands_still = False
    pause.end()

    assert [Answered(output=1), Answered(output=2), Answered(output=3)] == await made
    assert [["one", "two", "three"], ["two", "three"], ["one"]] == way.asked
    assert [] == pause.ended


async def test_who_is_given_up_in_a_pause_is_not_woken_by_its_end() -> None:
    """A cancel lifts the pause: nothing begins because of that, and a trip that waits is given up."""
    pause = Pause()
    way = ScriptedWay(pause, {"one": AGAIN})
    way.stands_still = True
    made = asyncio.ensure_future(_trips(way).beside(REQUESTS, at_once=1, stops=False, paused=pause))
    await way.waits.wait()
    pause.end()
    way.given_up += 1

    assert [Answered(given_up=True)] * 3 == await made
    assert [["one", "two", "three"]] == way.asked


async def test_a_wait_in_a_pause_can_be_cancelled() -> None:
    """Who ends the run's own task ends the wait, although the pause ends in the same moment."""
    pause = Pause()
    way = ScriptedWay(pause, {"one": AGAIN})
    way.stands_still = True
    made = asyncio.ensure_future(_trips(way).beside(REQUESTS, at_once=1, stops=False, paused=pause))
    await way.waits.wait()
    made.cancel()
    pause.end()

    with pytest.raises(asyncio.CancelledError):
        await made
    assert [] == pause.ended


async def test_calls_of_an_earlier_interpreter_begin_in_a_pause() -> None:
    """A run in flight of which a pause kept no call from beginning does the same again."""
    pause = Pause()
    way = ScriptedWay(pause, {"one": [1]}, {"two": [2], "three": [3]})
    answers = await _trips(way).beside(REQUESTS, at_once=1, stops=False, paused=None)

    assert pause
    assert [["one", "two", "three"], ["two", "three"]] == way.asked
    assert [1, 2, 3] == [answer.output for answer in answers]


async def test_a_call_goes_alone_in_a_pause() -> None:
    """A call that is tried again in a pause takes none of those behind it along, which no trip knows then."""
    pause = Pause()
    way = ScriptedWay(pause, [["one", AGAIN, 0.1]], [["one", [1], 0.1]])
    trips = _trips(way)
    answer = await trips.in_turn(REQUESTS[0], REQUESTS[1:], pause)

    assert Answered(output=1) == answer
    assert [["one", "two", "three"], ["one"]] == way.asked
    assert not trips.is_ahead


async def test_neighbours_that_were_recorded_in_a_pause_are_known() -> None:
    """What an earlier release made in a pause is taken as it ended, in the record of a run in flight."""
    pause = Pause()
    way = ScriptedWay(pause, [["one", AGAIN, 0.1]], [["one", [1], 0.1], ["two", [2], 0.2], ["three", [3], 0.3]])
    trips = _trips(way)

    assert Answered(output=1) == await trips.in_turn(REQUESTS[0], REQUESTS[1:], pause)
    assert [2, 3] == [(await trips.in_turn(request, (), pause)).output for request in REQUESTS[1:]]
    assert 2 == len(way.asked)
