"""A paused run: nothing new is begun, what is at work ends, gates are answered, and no time comes until it goes on."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import Client

from resolute import branch, child, each, flow, gate, manual, node, sleep
from resolute.plan.errors import RunCancelledError, RunTimedOutError
from resolute.plan.values import Json
from resolute.running.messages import MessageRefusedError
from resolute.temporal.history.runs import describe_run
from tests.contract.going import PLACES, InMemory, MemoryPlace, OnTemporal, Place, TemporalPlace

_DOORS: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
_BEGUN: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)


@node
async def behind(door: str) -> str:
    """Ends when the test opens the door."""
    _BEGUN[door].set()
    await _DOORS[door].wait()
    return door


@node
async def say(what: Any) -> Any:
    """Gives back what it is given."""
    return what


@node(lane="local")
async def quick(what: Any) -> Any:
    """As `say`, in the local lane."""
    return what


@node(lane="local")
async def quick_behind(door: str) -> str:
    """As `behind`, in the local lane."""
    _BEGUN[door].set()
    await _DOORS[door].wait()
    return door


DOOR = "door"
NEXT = "next door"

inner = flow("paused-inner").triggered_by(manual("go")).then(behind(DOOR).as_("held")).then(say(1).as_("after")).build()
plain = (
    flow("paused-plain")
    .triggered_by(manual("go"))
    .then(say(0).as_("first").on_failure(say("undone").as_("undo_first")))
    .then_parallel(behind(DOOR).as_("held"), branch().then(gate("approve").as_("approve")).then(quick(2).as_("told")))
    .then(each([1, 2], lambda item: quick(item).as_("item")).as_("items"))
    .then(say(3).as_("last"))
    .build()
)
timed = (
    flow("paused-timed")
    .triggered_by(manual("go"))
    .then_parallel(
        branch().then(sleep(timedelta(minutes=1)).as_("pause")).then(say(1).as_("slept")),
        gate("approve", timeout=timedelta(minutes=2), on_timeout="approve").as_("approve"),
    )
    .build()
)
bounded = (
    flow("paused-bounded", within=timedelta(minutes=1))
    .triggered_by(manual("go"))
    .then(gate("approve").as_("approve"))
    .build()
)
outer = flow("paused-outer").triggered_by(manual("go")).then(child(inner).as_("other")).then(say(4).as_("end")).build()
neighbours = (
    flow("paused-neighbours")
    .triggered_by(manual("go"))
    .then(quick(1).as_("one"))
    .then(quick_behind(DOOR).as_("two"))
    .then(quick(3).as_("three"))
    .then(behind(NEXT).as_("next"))
    .then(quick(5).as_("last"))
    .build()
)
FLOWS = (plain, timed, bounded, outer, inner, neighbours)


@pytest.fixture(params=PLACES)
async def place(request: pytest.FixtureRequest, temporal_client: Client) -> AsyncIterator[Place]:
    """Every runtime; one forgets each run between two tasks, others continue it behind every step."""
    _DOORS.clear()
    _BEGUN.clear()
    continues = request.param.endswith("continuing")
    if request.param.startswith("memory"):
        yield MemoryPlace(continues=continues)
        return
    found = TemporalPlace(temporal_client, FLOWS, continues=continues, cached=request.param == "temporal")
    async with found.worker:
        yield found


async def test_nothing_new_is_begun_until_the_run_goes_on(place: Place) -> None:
    """What is at work ends and a gate is decided in a pause; what comes behind them begins when the run goes on."""
    run = await place.begin(plain)
    await _BEGUN[DOOR].wait()
    await run.comes_to(approve="running")
    await run.say("pause", data={"reason": "a deploy"})
    paused = (await run.stands(lambda standing: "paused" in standing))["paused"]
    _DOORS[DOOR].set()
    await run.say("approve", "gate:approve", by="grace")
    steps = await run.comes_to(held="completed", approve="completed")

    assert ("ada", "a deploy") == (paused["by"], paused["reason"])
    assert {"pending"} == {steps[step] for step in ("told", "items", "last")}
    await run.say("resume")
    result: Any = await run.result()
    assert (2, [1, 2], 3) == (result["told"], result["items"], result["last"])
    assert {} == await run.standing()


async def test_a_pause_in_a_trip_of_neighbours(place: Place) -> None:
    """A pause that comes while neighbours are at work, which go in one trip, is answered behind it at the latest.

    From then on nothing is begun; what was begun with the trip ends.
    """
    run = await place.begin(neighbours)
    await _BEGUN[DOOR].wait()
    asked = asyncio.create_task(run.say("pause"))
    _DOORS[DOOR].set()
    await asked
    _DOORS[NEXT].set()
    steps = await run.comes_to(two="completed")
    if steps["next"] == "running":
        steps = await run.comes_to(next="completed")
    await run.stands(lambda standing: "paused" in standing)

    assert "pending" == steps["last"]
    await run.say("resume")
    result: Any = await run.result()
    assert (1, DOOR, 3, NEXT, 5) == tuple(result[step] for step in ("one", "two", "three", "next", "last"))


async def test_a_run_is_paused_and_resumed_once(place: Place) -> None:
    """Who pauses what is paused, or resumes what is not, is told so, and nothing changes."""
    run = await place.begin(plain)
    await run.comes_to(approve="running")
    with pytest.raises(MessageRefusedError, match="the run is not paused"):
        await run.say("resume")
    await run.say("pause", data={"reason": "a deploy"})
    with pytest.raises(MessageRefusedError, match=r"paused already, by ada since .*: a deploy"):
        await run.say("pause", by="grace")
    assert "ada" == (await run.standing())["paused"]["by"]
    await run.say("resume", by="grace")
    _DOORS[DOOR].set()
    await run.say("approve", "gate:approve", by="grace")
    assert {"first", "held", "approve", "told", "items", "last"} <= set(as_object(await run.result()))


async def test_a_cancel_lifts_the_pause(place: Place) -> None:
    """A paused run that is cancelled undoes its work and ends."""
    run = await place.begin(plain)
    await run.comes_to(approve="running", first="completed")
    await run.say("pause")
    await run.cancel()

    with pytest.raises(RunCancelledError):
        await run.result()
    if isinstance(run, OnTemporal):
        report = (await describe_run(run.client, run.run.workflow_id)).report
        assert report is not None
        assert ("cancelled", "completed") == (report.step("approve").status, report.step("undo_first").status)
    else:
        assert "completed" == (await run.steps())["undo_first"]


async def test_a_run_is_paused_with_the_run_that_started_it(place: Place) -> None:
    """A run that a step started is paused and resumed with its own."""
    run = await place.begin(outer)
    await _BEGUN[DOOR].wait()
    await run.say("pause", data={"reason": "a deploy"})
    await run.stands(lambda standing: "paused" in standing)
    if inside := run.other(inner.name, "other"):
        paused = (await inside.stands(lambda standing: "paused" in standing))["paused"]
        _DOORS[DOOR].set()
        steps = await inside.comes_to(held="completed")
        assert ("ada", "a deploy", "parent") == (paused["by"], paused["reason"], paused["with"])
        assert "pending" == steps["after"]
    _DOORS[DOOR].set()
    await run.say("resume")
    assert 4 == as_object(await run.result())["end"]


@pytest.mark.parametrize("continues", [False, True])
async def test_time_that_comes_in_a_pause_wakes_nobody(continues: bool) -> None:
    """A sleep and a gate whose times come in a pause go on waiting; the gate is still decided by a person."""
    run: InMemory = await MemoryPlace(continues=continues).begin(timed)
    await run.comes_to(approve="running", pause="running")
    began = run.clock.now()
    await run.say("pause")
    run.ticks = 2
    while run.clock.now() < began + timedelta(minutes=2) or run.ticks > 0:
        await asyncio.sleep(0.01)
    steps = await run.comes_to(approve="running")
    assert ("running", "pending") == (steps["pause"], steps["slept"])
    await run.say("approve", "gate:approve", by="grace")
    await run.comes_to(approve="completed")
    await run.say("resume")
    result = as_object(await run.result())

    assert (1, ["grace"]) == (result["slept"], result["approve"]["by"])


@pytest.mark.parametrize("continues", [False, True])
async def test_a_run_whose_time_is_up_in_a_pause_ends_when_it_goes_on(continues: bool) -> None:
    """The bound of a run, too, waits for the end of the pause."""
    run: InMemory = await MemoryPlace(continues=continues).begin(bounded)
    await run.comes_to(approve="running")
    began = run.clock.now()
    await run.say("pause")
    run.ticks = 1
    while run.clock.now() <= began:
        await asyncio.sleep(0.01)
    assert "running" == (await run.comes_to(approve="running"))["approve"]
    await run.say("resume")
    with pytest.raises(RunTimedOutError):
        await run.result()


def as_object(value: Json) -> dict[str, Any]:
    """A value that is an object."""
    assert isinstance(value, dict)
    return value
