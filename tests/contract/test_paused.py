"""A paused run: nothing new is begun, what is at work ends, gates are answered, and no time comes until it goes on."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from resolute import NodeError, Retry, branch, child, each, flow, gate, manual, node, sleep
from resolute.plan.errors import RunCancelledError, RunTimedOutError
from resolute.plan.values import Json
from resolute.running.messages import MessageRefusedError
from resolute.running.together import PUTS_OFF
from resolute.temporal.activities import several as trip
from resolute.temporal.history.runs import describe_run
from resolute.temporal.wire.together import Asked
from resolute.temporal.workflows.rounds import Ahead
from resolute.temporal.workflows.workflow import FlowWorkflow
from tests.contract.going import PLACES, Going, InMemory, MemoryPlace, OnTemporal, Place, TemporalPlace
from tests.patience import PATIENCE

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


@node(lane="local", retry=Retry(attempts=1_000_000, initial=0.05, maximum=0.05))
async def knock(door: str) -> str:
    """Fails, and is tried again, until the test opens the door."""
    _BEGUN[door].set()
    if not _DOORS[door].is_set():
        raise NodeError("nobody opens")
    return door


DOOR = "door"
NEXT = "next door"

_TURNS = 1_000
"""Turns of the loop in which a run in memory does all that it can do without a message."""

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
retried = (
    flow("paused-retried")
    .triggered_by(manual("go"))
    .then(knock(DOOR).as_("one"))
    .then(quick(2).as_("two"))
    .then(quick(3).as_("three"))
    .build()
)
two_doors = (
    flow("paused-two-doors")
    .triggered_by(manual("go"))
    .then(behind(DOOR).as_("held"))
    .then(behind(NEXT).as_("next"))
    .then(say(3).as_("last"))
    .build()
)
undone = (
    flow("paused-undone")
    .triggered_by(manual("go"))
    .then(say(1).as_("one").on_failure(behind(NEXT).as_("undo_one")))
    .then(say(2).as_("two").on_failure(say("undone").as_("undo_two")))
    .then(gate("approve").as_("approve"))
    .build()
)
beside = (
    flow("paused-beside")
    .triggered_by(manual("go"))
    .then_parallel(
        branch().then(behind("third door").as_("first")).then(say(2).as_("second")), child(two_doors).as_("other")
    )
    .build()
)
above = flow("paused-above").triggered_by(manual("go")).then(child(two_doors).as_("other")).build()
FIRST, REST = "door of the first item", ("second item", "third item")
several = (
    flow("paused-items")
    .triggered_by(manual("go"))
    .then(
        each(
            [FIRST, *REST],
            lambda item: quick_behind(item).as_("look").on_failure(say(item).as_("undo_look")),
            at_once=1,
        ).as_("items")
    )
    .build()
)
FLOWS = (plain, timed, bounded, outer, inner, neighbours, retried, two_doors, undone, several, beside)


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


async def test_a_step_that_is_tried_again_in_a_pause_takes_no_neighbour_along(place: Place) -> None:
    """What has begun is tried again in a pause until it ends; the neighbours that would share its trip do not begin."""
    run = await place.begin(retried)
    await _BEGUN[DOOR].wait()
    await run.say("pause")
    _DOORS[DOOR].set()
    run.let_time_pass()
    steps = await run.comes_to(one="completed")

    assert ("pending", "pending") == (steps["two"], steps["three"])
    await run.say("resume")
    assert {"one": DOOR, "two": 2, "three": 3} == await run.result()


async def test_items_that_have_not_begun_wait_for_the_end_of_a_pause(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of quick items that go to their worker together, those that have not begun when the run is paused do not begin.

    What is at work ends. On a server the pause is answered while the first item is at work, in a trip of which the time
    is over by then.
    """
    run = await _paused_behind_the_first_item(place, monkeypatch)

    assert (False, False) == tuple(_BEGUN[door].is_set() for door in REST)
    shown = await run.shown()
    assert ("completed", "running") == (shown["items[0].look"], shown["items"])
    await run.say("resume")
    assert {"items": [FIRST, *REST]} == await run.result()


async def _paused_behind_the_first_item(place: Place, monkeypatch: pytest.MonkeyPatch) -> Going:
    monkeypatch.setattr(trip, "LONGEST", 0.05)
    for door in REST:
        _DOORS[door].set()
    short = isinstance(place, TemporalPlace)
    run = await (place.begin_in_short_tasks(several) if short else place.begin(several))
    await _BEGUN[FIRST].wait()
    await run.say("pause")
    _DOORS[FIRST].set()
    await run.comes_to(**{"items[0].look": "completed"})
    return run


@pytest.mark.parametrize("place", ["memory", "temporal-replaying"], indirect=True)
async def test_items_that_wait_for_the_end_of_a_pause_never_begin_in_a_run_that_is_cancelled(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cancel lifts the pause, and undoes the items that have completed; it is shown so."""
    run = await _paused_behind_the_first_item(place, monkeypatch)
    await run.cancel()

    with pytest.raises(RunCancelledError):
        await run.result()
    shown = await run.shown()
    assert (False, False) == tuple(_BEGUN[door].is_set() for door in REST)
    assert ("completed", "completed", "cancelled") == (
        shown["items[0].look"],
        shown["items[0].undo_look"],
        shown["items"],
    )


async def test_items_of_an_earlier_interpreter_begin_in_a_pause() -> None:
    """A run in flight that began its items in a pause does so again."""
    _DOORS.clear()
    _BEGUN.clear()
    earlier = replace(several, plan=several.plan.model_copy(update={"interpreter": PUTS_OFF - 1}))
    for door in REST:
        _DOORS[door].set()
    run = await MemoryPlace(continues=False).begin(earlier)
    await _BEGUN[FIRST].wait()
    await run.say("pause")
    _DOORS[FIRST].set()
    await run.comes_to(items="completed")

    assert {"items": [FIRST, *REST]} == await run.result()


async def test_neighbours_that_an_earlier_release_began_in_a_pause_are_known(
    temporal_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run in flight whose record has neighbours that went along in a pause replays: they are taken as they ended."""
    _DOORS.clear()
    _BEGUN.clear()
    begin = Ahead.begin

    def as_earlier(*told: Any, alone: bool) -> list[Asked]:
        return begin(*told)

    monkeypatch.setattr(Ahead, "begin", as_earlier)
    place = TemporalPlace(temporal_client, [retried], continues=False, cached=True)
    async with place.worker:
        run = await place.begin(retried)
        await _BEGUN[DOOR].wait()
        await run.say("pause")
        _DOORS[DOOR].set()
        await run.comes_to(one="completed", two="completed", three="completed")
        assert {"one": DOOR, "two": 2, "three": 3} == await run.result()
    history = await temporal_client.get_workflow_handle(run.run.workflow_id).fetch_history()
    monkeypatch.undo()
    replayer = Replayer(workflows=[FlowWorkflow], workflow_runner=UnsandboxedWorkflowRunner())

    assert (await replayer.replay_workflow(history, raise_on_replay_failure=False)).replay_failure is None


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


async def test_a_pause_that_its_resume_has_overtaken_has_no_effect(place: Place) -> None:
    """A run keeps to what the run that started it said last, in whatever order that comes, through all histories."""
    run = await place.begin(two_doors)
    await _BEGUN[DOOR].wait()
    await run.say("resume", data=from_above(2))
    _DOORS[DOOR].set()
    await _BEGUN[NEXT].wait()
    with pytest.raises(MessageRefusedError, match="the run that started this one has said something else since"):
        await run.say("pause", data=from_above(1))
    assert {} == await run.standing()
    await run.say("pause", data=from_above(3))
    await run.stands(lambda standing: "paused" in standing)
    with pytest.raises(MessageRefusedError, match="the run that started this one has said something else since"):
        await run.say("resume", data=from_above(2))
    await run.say("resume", data=from_above(4))
    _DOORS[NEXT].set()

    assert 3 == as_object(await run.result())["last"]


async def test_no_pause_reaches_a_run_that_is_cancelled(place: Place) -> None:
    """What undoes the work of a cancelled run goes on, through all histories, whoever pauses it and whenever."""
    run = await place.begin(undone)
    await run.comes_to(approve="running")
    await run.cancel()
    await _BEGUN[NEXT].wait()
    for data in (from_above(1), None):
        with pytest.raises(MessageRefusedError, match="cancelled and undoes its work, which no pause stops"):
            await run.say("pause", data=data)
    assert {} == await run.standing()
    _DOORS[NEXT].set()

    with pytest.raises(RunCancelledError):
        await run.result()


@pytest.mark.parametrize("continues", [False, True])
async def test_a_run_that_stays_paused_resumes_no_run_that_it_has_started(continues: bool) -> None:
    """Where somebody has paused a run that was also paused with the one above it, it and those below wait for both."""
    _DOORS.clear()
    _BEGUN.clear()
    run = await MemoryPlace(continues=continues).begin(above)
    await _BEGUN[DOOR].wait()
    await run.say("pause")
    await run.say("pause", data=from_above(1))
    await run.say("resume", data=from_above(2))
    _DOORS[DOOR].set()
    for _ in range(_TURNS):
        await asyncio.sleep(0)
    assert not _BEGUN[NEXT].is_set()
    await run.say("resume")
    await _BEGUN[NEXT].wait()
    _DOORS[NEXT].set()

    assert 3 == as_object(as_object(await run.result())["other"])["last"]


async def test_a_run_goes_on_though_it_was_to_move_to_another_history_in_its_pause(place: Place) -> None:
    """It can move only when the run that its step has started has ended, and that goes on only when it is resumed."""
    run = await place.begin(beside)
    for door in ("third door", DOOR):
        await _BEGUN[door].wait()
    await run.say("pause")
    _DOORS["third door"].set()
    await run.comes_to(first="completed", other="running")
    _DOORS[DOOR].set()
    async with asyncio.timeout(PATIENCE):
        await run.say("resume")
    _DOORS[NEXT].set()
    result: Any = await run.result()

    assert (2, 3) == (result["second"], result["other"]["last"])


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


def from_above(number: int) -> Json:
    """What makes a message one that the run above passes on: the first, the second, and so on."""
    return {"from": "parent", "number": number}


def as_object(value: Json) -> dict[str, Any]:
    """A value that is an object."""
    assert isinstance(value, dict)
    return value
