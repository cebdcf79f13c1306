"""A held step that a person has tried again goes on from what its attempts have left: they may still be in progress."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import Client

from resolute import NodeError, Retry, current_call, each, flow, manual, node
from resolute.running.switches import OFF, Thrown
from tests.contract.going import PLACES, Going, MemoryPlace, Place, TemporalPlace

SEEN: defaultdict[str, list[Any]] = defaultdict(list)
"""What each attempt was told: its number, those before a person's word, the last heartbeat, `unheard`."""

_FAILS: defaultdict[str, int] = defaultdict(int)
ADA = Thrown(by="ada", since=datetime.now(UTC).isoformat(), reason="a bad deploy")


def _see(what: str) -> None:
    call = current_call()
    SEEN[what].append((call.attempt, call.earlier, list(call.last_heartbeat), call.unheard))
    call.heartbeat({what: call.attempt})
    _FAILS[what] -= 1


@node(retry=Retry(attempts=2, initial=0.01))
async def lose(what: str) -> str:
    """Fails for now, as often as it is said."""
    _see(what)
    if _FAILS[what] >= 0:
        raise NodeError("no answer")
    return what


@node(retry=Retry(attempts=1), timeout=timedelta(seconds=3))
async def hang(what: str) -> str:
    """Is never heard of again, as often as it is said."""
    _see(what)
    if _FAILS[what] >= 0:
        await asyncio.Event().wait()
    return what


@node(lane="local", retry=Retry(attempts=1))
async def quick(what: str) -> str:
    """As `lose`, in the local lane, where nobody hears a heartbeat."""
    _see(what)
    if _FAILS[what] >= 0:
        raise NodeError("no answer")
    return what


activity_lane = (
    flow("again-activity", when_stuck="hold")
    .triggered_by(manual("go"))
    .then(lose("first").as_("first"))
    .then(lose("lost").as_("lost"))
    .then(lose("last").as_("last"))
    .build()
)
unheard = flow("again-unheard", when_stuck="hold").triggered_by(manual("go")).then(hang("hung").as_("hung")).build()
local_lane = (
    flow("again-local", when_stuck="hold")
    .triggered_by(manual("go"))
    .then(quick("one").as_("one"))
    .then(quick("two").as_("two"))
    .then(each(["a", "b"], lambda item: quick(item).as_("item"), at_once=2).as_("items"))
    .then(lose("between").as_("between"))
    .then(quick("alone").as_("alone"))
    .build()
)
FLOWS = (activity_lane, unheard, local_lane)


@pytest.fixture(params=PLACES)
async def place(request: pytest.FixtureRequest, temporal_client: Client) -> AsyncIterator[Place]:
    """Every runtime; one forgets each run between two tasks, others continue it behind every step."""
    SEEN.clear()
    _FAILS.clear()
    continues = request.param.endswith("continuing")
    if request.param.startswith("memory"):
        yield MemoryPlace(continues=continues)
        return
    server = TemporalPlace(temporal_client, FLOWS, continues=continues, cached=request.param == "temporal")
    async with server.worker:
        yield server


async def test_a_retry_knows_what_the_attempts_before_have_left(place: Place) -> None:
    """The last heartbeat reaches the attempt that a person orders, and the next one, also where it was held twice."""
    _FAILS["lost"] = 5
    run = await place.begin(activity_lane)
    await _fails(run, "lost", 1)
    await _retried(run, "lost")
    await _fails(run, "lost", 3)
    await _retried(run, "lost")
    await run.result()

    assert [
        (1, 0, [], False),
        (2, 0, [{"lost": 1}], False),
        (3, 2, [{"lost": 2}], False),
        (4, 2, [{"lost": 3}], False),
        (5, 4, [{"lost": 4}], False),
        (6, 4, [{"lost": 5}], False),
    ] == SEEN["lost"]
    assert [[(1, 0, [], False)]] * 2 == [SEEN["first"], SEEN["last"]]


async def test_a_retry_knows_that_nothing_was_heard(place: Place) -> None:
    """An attempt that hung, or whose worker died, may have done its work: who is ordered to try again is told so."""
    _FAILS["hung"] = 1
    run = await place.begin(unheard)
    await _fails(run, "hung", 1)
    await _retried(run, "hung")
    await run.result()

    assert [(1, 0, [], False), (2, 1, [{"hung": 1}], True)] == SEEN["hung"]


async def test_attempts_in_the_local_lane_are_counted_on(place: Place) -> None:
    """A quick step, a neighbour, an item among others: each knows that it is no first attempt."""
    steps = {"one": "one", "two": "two", "items[0].item": "a", "alone": "alone"}
    _FAILS.update(dict.fromkeys(steps.values(), 1))
    run = await place.begin(local_lane)
    for step in steps:
        await _retried(run, step)
    await run.result()

    for what in steps.values():
        assert [(1, 0), (2, 1)] == [seen[:2] for seen in SEEN[what]]


async def test_a_paused_flow_begins_no_retry(place: Place) -> None:
    """What a person has tried again begins anew: a pause of its flow stops it as it stops a first attempt."""
    _FAILS["lost"] = 2
    run = await place.begin(activity_lane)
    await _fails(run, "lost", 1)
    await run.comes_to(lost="held")
    place.switches = OFF.with_pause(activity_lane.name, ADA)
    await run.say("retry", "hold:lost")
    await run.stands(lambda standing: "paused" in standing)
    before = len(SEEN["lost"])
    place.switches = OFF
    await run.say("look", "run:switches")
    await run.result()

    assert 2 == before
    assert (3, 2, [{"lost": 2}], False) == SEEN["lost"][2]


async def _fails(run: Going, what: str, attempts: int) -> None:
    """Waits until the last of so many attempts has begun, and lets the time pass for which the run waits behind it."""
    while len(SEEN[what]) < attempts:
        await asyncio.sleep(0.01)
    run.let_time_pass()


async def _retried(run: Going, step: str) -> None:
    """Has the only step tried again that is held, as soon as it is."""
    await run.stands(lambda standing: [step] == [held["step"] for held in standing.get("held", ())])
    await run.say("retry", "hold:" + step)
