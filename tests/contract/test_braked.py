"""The brake and pauses of flows: a stopped call waits, uses up no attempt, and is made once when the switch is off."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import Client

from resolute import NodeError, child, current_call, each, flow, manual, node, text
from resolute.execution.executor import NodeExecutor
from resolute.memory.clock import VirtualClock
from resolute.memory.runtime import run_in_memory
from resolute.plan.context import check_may_write
from resolute.plan.errors import BrakedError, NodeFailedError, RunCancelledError, TerminalError
from resolute.plan.policies import Retry
from resolute.running.interpreter import Interpreter
from resolute.running.switches import OFF, Switches, Thrown
from tests.contract.going import PLACES, Going, InMemory, MemoryPlace, Place, TemporalPlace

DONE: Counter[str] = Counter()
TRIED: defaultdict[str, list[int]] = defaultdict(list)
LEFT: dict[str, tuple[Any, ...]] = {}
_REFUSE: set[str] = set()
_THEN_BRAKED: set[str] = set()
_THEN_PAUSED: set[str] = set()


@node
async def write(what: str) -> str:
    """Changes something. Then somebody puts the brake on, where the test says so."""
    return _written(what)


@node(lane="local")
async def quick(what: str) -> str:
    """As `write`, in the local lane."""
    return _written(what)


def _written(what: str) -> str:
    TRIED[what].append(current_call().attempt)
    DONE[what] += 1
    if what in _THEN_BRAKED:
        _PLACE[0].switches = BRAKED
    if what in _THEN_PAUSED:
        _PLACE[0].switches = OFF.with_pause(neighbours.name, ADA)
    return what


@node(effect="read")
async def read(what: str) -> str:
    """Changes nothing."""
    DONE[what] += 1
    return what


@node(effect="read", lane="local")
async def lying(what: str) -> str:
    """Says that it reads, and writes."""
    call = current_call()
    TRIED[what].append(call.attempt)
    try:
        check_may_write("a write")
    except BrakedError as error:
        raise RuntimeError("wrapped by its author") from error
    DONE[what] += 1
    return what


@node(retry=Retry(attempts=2, initial=0.01))
async def shaky(what: str) -> str:
    """Fails once, and puts the brake on while it does so."""
    call = current_call()
    TRIED[what].append(call.attempt)
    if what in _REFUSE:
        _REFUSE.remove(what)
        call.heartbeat("seen")
        await asyncio.sleep(0)
        _PLACE[0].switches = BRAKED
        raise NodeError("not yet")
    DONE[what] += 1
    LEFT[what] = call.last_heartbeat
    return what


@node(retry=Retry(attempts=2, initial=0.01), timeout=timedelta(seconds=3))
async def silent(what: str) -> list[bool]:
    """Is never heard of again, and somebody puts the brake on meanwhile. Then it says what it knows of that."""
    call = current_call()
    TRIED[what].append(call.attempt)
    if what in _REFUSE:
        _REFUSE.remove(what)
        _PLACE[0].switches = BRAKED
        await asyncio.Event().wait()
    return [call.unheard]


@node(effect="read", lane="local")
async def item_of_three(what: str) -> str:
    """The first gives what it is given, the second is stopped at a write, the third ends where it is cancelled."""
    TRIED[what].append(current_call().attempt)
    if what == "b":
        check_may_write("a write")
    if what == "c":
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
    return what


@node
async def failing() -> str:
    """Fails for good."""
    raise TerminalError("broken")


_PLACE: list[Place] = []
ADA = Thrown(by="ada", since=datetime.now(UTC).isoformat(), reason="a bad deploy")
BRAKED = OFF.with_brake(ADA)

sentence = (
    flow("braked")
    .triggered_by(manual("go"))
    .then(read("looked").as_("look"))
    .then(write("one").as_("one").on_failure(write("undone").as_("undo")))
    .then(quick("two").as_("two"))
    .then(each(["a", "b", "c"], lambda item: quick(item).as_("item"), at_once=1).as_("items"))
    .then(each(["d", "e"], lambda item: write(item).as_("other"), at_once=2).as_("others"))
    .build()
)
liar = flow("braked-liar").triggered_by(manual("go")).then(lying("lie").as_("lie")).then(read("end").as_("end")).build()
retried = flow("braked-retried").triggered_by(manual("go")).then(shaky("shaky").as_("shaky")).build()
unheard = flow("braked-unheard").triggered_by(manual("go")).then(silent("silent").as_("silent")).build()
undone = (
    flow("braked-undone")
    .triggered_by(manual("go"))
    .then(write("one").as_("one").on_failure(quick("undone").as_("undo")))
    .then(write("two").as_("two"))
    .build()
)
inner = flow("braked-inner").triggered_by(manual("go")).then(read("inside").as_("inside")).build()
outer = flow("braked-outer").triggered_by(manual("go")).then(child(inner).as_("other")).build()
neighbours = (
    flow("braked-neighbours")
    .triggered_by(manual("go"))
    .then(quick("first").as_("first"))
    .then(quick("second").as_("second"))
    .then(quick("third").as_("third"))
    .build()
)
three = (
    flow("braked-three")
    .triggered_by(manual("go"))
    .then(
        each(
            ["a", "b", "c"],
            lambda item: item_of_three(item).as_("item").on_failure(write(text("undone {}", item)).as_("undo")),
            at_once=3,
        ).as_("items")
    )
    .build()
)
items_undone = (
    flow("braked-items-undone")
    .triggered_by(manual("go"))
    .then(
        each(
            ["a", "b"], lambda item: read(item).as_("item").on_failure(shaky(text("undone {}", item)).as_("undo"))
        ).as_("items")
    )
    .then(failing().as_("failing"))
    .build()
)
FLOWS = (sentence, liar, retried, unheard, undone, inner, outer, neighbours, three)


@pytest.fixture(params=PLACES)
async def place(request: pytest.FixtureRequest, temporal_client: Client) -> AsyncIterator[Place]:
    """Every runtime; one forgets each run between two tasks, others continue it behind every step."""
    continues = request.param.endswith("continuing")
    if request.param.startswith("memory"):
        found: Place = MemoryPlace(continues=continues)
        _begin_in(found)
        yield found
        return
    server = TemporalPlace(temporal_client, FLOWS, continues=continues, cached=request.param == "temporal")
    _begin_in(server)
    async with server.worker:
        yield server


def _begin_in(place: Place) -> None:
    """Forgets what the runs of an earlier place have done."""
    for kept in (DONE, TRIED, LEFT, _REFUSE, _THEN_BRAKED, _THEN_PAUSED):
        kept.clear()
    _PLACE[:] = [place]


async def test_writes_wait_for_the_brake_and_are_done_once(place: Place) -> None:
    """Reads go on; each write, in either lane and among others, waits, uses no attempt, and is done once."""
    place.switches = BRAKED
    _THEN_BRAKED.update(["one", "two", "a", "c"])
    run = await place.begin(sentence)
    stopped = (await run.stands(lambda standing: "stopped" in standing))["stopped"]
    assert ("brake", "ada", "a bad deploy", False) == (
        stopped["why"],
        stopped["by"],
        stopped["reason"],
        stopped["undoing"],
    )
    assert {"looked": 1} == DONE
    for written in (["one"], ["one", "two"], ["one", "two", "a"], ["one", "two", *"abc"]):
        await _released(place, run)
        await run.stands(lambda standing, known=written: "stopped" in standing and all(map(DONE.get, known)))
    await run.comes_to(items="completed", others="running")
    await run.stands(lambda standing: "stopped" in standing)
    shown = await run.shown()
    await _released(place, run)
    result: Any = await run.result()

    assert ("completed", "running") == (shown["items"], shown["others"])
    ended = await run.shown()
    assert {"completed"} == {ended[step] for step in ("look", "one", "two", "items", "others")}
    assert ["a", "b", "c"] == result["items"]
    assert dict.fromkeys(["looked", "one", "two", *"abcde"], 1) == DONE
    assert {1} == {attempt for attempts in TRIED.values() for attempt in attempts}
    assert {} == await run.standing()


async def test_a_node_that_lies_is_stopped_at_its_write(place: Place) -> None:
    """A node that says that it reads is stopped where a client asks for the brake, whatever it makes of the refusal."""
    place.switches = BRAKED
    run = await place.begin(liar)
    await run.stands(lambda standing: "stopped" in standing)
    assert [1] == TRIED["lie"]
    await _released(place, run)
    await run.result()
    assert ({"lie": 1, "end": 1}, [1, 2]) == (DONE, TRIED["lie"])


async def test_a_retry_goes_on_from_where_the_brake_stopped_it(place: Place) -> None:
    """What an attempt before the brake has left reaches the one after it, which still counts as a repeat."""
    _REFUSE.add("shaky")
    run = await place.begin(retried)
    run.let_time_pass()
    await run.stands(lambda standing: "stopped" in standing)
    await _released(place, run)
    await run.result()

    assert ([1, 2], ("seen",)) == (TRIED["shaky"], LEFT["shaky"])


async def test_what_nobody_heard_of_is_known_behind_the_brake(place: Place) -> None:
    """An attempt that may have written, and was never heard of, stays in doubt while a switch stops the call."""
    _REFUSE.add("silent")
    run = await place.begin(unheard)
    run.let_time_pass()  # the time that the attempt has
    run.let_time_pass()  # the pause behind it
    await run.stands(lambda standing: "stopped" in standing)
    await _released(place, run)
    result: Any = await run.result()

    assert ([1, 2], [True]) == (TRIED["silent"], result["silent"])


async def test_a_paused_run_makes_no_call_that_was_stopped(place: Place) -> None:
    """A call that waits for the brake waits for the end of a pause of its own run as well, and is then made once."""
    place.switches = BRAKED
    run = await place.begin(undone)
    await run.stands(lambda standing: "stopped" in standing)
    await run.say("pause")
    await _released(place, run)
    await run.stands(lambda standing: "stopped" not in standing and "paused" in standing)
    for _ in range(50):  # what is ready now has its turn
        await asyncio.sleep(0)
    before = dict(DONE)
    await run.say("resume")
    await run.result()

    assert {} == before
    assert {"one": 1, "two": 1} == DONE


@pytest.mark.parametrize("continues", [False, True])
async def test_a_cancelled_run_undoes_every_item_that_has_ended(*, continues: bool) -> None:
    """Where a switch stops one of several items as the run is cancelled, those that end all the same are undone."""
    place = MemoryPlace(continues=continues)  # on Temporal the cancel takes seconds to reach a local activity
    _begin_in(place)
    place.switches = BRAKED
    run = await place.begin(three)
    while set(TRIED) != set("abc"):
        await asyncio.sleep(0.01)
    await run.cancel()
    await run.stands(lambda standing: standing.get("stopped", {}).get("undoing") is True)
    await _released(place, run)
    with pytest.raises(RunCancelledError):
        await run.result()
    assert {"undone a": 1, "undone c": 1} == DONE


async def test_a_cancelled_run_undoes_its_work_when_the_brake_is_off(place: Place) -> None:
    """An undo step is a write like any other: the run says that it waits to undo its work."""
    _THEN_BRAKED.add("one")
    run = await place.begin(undone)
    await run.stands(lambda standing: "stopped" in standing)
    await run.cancel()
    await run.stands(lambda standing: standing.get("stopped", {}).get("undoing") is True)
    assert 0 == DONE["undone"]
    await _released(place, run)
    with pytest.raises(RunCancelledError):
        await run.result()
    assert (1, 0) == (DONE["undone"], DONE["two"])


async def test_an_undo_step_of_an_item_goes_on_from_where_the_brake_stopped_it() -> None:
    """Also in another history its attempts are counted on, and the next is told what the one before the brake left."""
    place, once = MemoryPlace(continues=False), ["when it is stopped"]
    _begin_in(place)
    _REFUSE.add("undone b")
    run = InMemory(items_undone, place.environment, None, lambda _: bool(TRIED["undone b"] and once and once.pop()))
    run.let_time_pass()
    await run.stands(lambda standing: "stopped" in standing)
    await _released(place, run)
    with pytest.raises(NodeFailedError):
        await run.result()

    assert [] == once
    assert {"undone b": [1, 2], "undone a": [1]} == TRIED
    assert {"undone b": ("seen",), "undone a": ()} == LEFT


async def test_a_run_that_is_cancelled_while_it_asks_about_the_brake_makes_no_call() -> None:
    """Where the answer is that the brake is off, a run that was cancelled meanwhile does not go on all the same."""
    place, interpreters, looks = MemoryPlace(continues=False), list[Interpreter](), iter([BRAKED])
    _begin_in(place)

    def look() -> Switches:
        if (switches := next(looks, None)) is not None:
            return switches
        interpreters[-1].cancel()
        return OFF

    place.environment.switches = look
    executor = NodeExecutor.for_flows([undone], environment=place.environment)
    run = await run_in_memory(undone.plan, executor, clock=VirtualClock(), begun=interpreters.append)

    assert isinstance(run.error, RunCancelledError)
    assert {} == DONE


@pytest.mark.parametrize("paused", [inner.name, outer.name, ""])
async def test_a_paused_flow_begins_nothing(place: Place, paused: str) -> None:
    """No run of a paused flow makes a call, reads among them, nor one that such a run has started."""
    place.switches = OFF.with_pause(paused, ADA)
    run = await place.begin(outer)
    other = run.other(inner.name, "other")
    if other:
        facts = (await other.stands(lambda standing: "paused" in standing))["paused"]
        assert ("ada", "a bad deploy") == (facts["by"], facts["reason"])
    assert not DONE
    await _released(place, other or run)
    await run.result()
    assert {"inside": 1} == DONE


async def test_a_pause_in_a_trip_of_neighbours_begins_nothing_more(place: Place) -> None:
    """A flow is paused while one of several neighbours is at work, which go in one trip: that one ends, none begins."""
    _THEN_PAUSED.add("first")
    run = await place.begin(neighbours)
    await run.stands(lambda standing: "paused" in standing)
    before = dict(DONE)
    _THEN_PAUSED.clear()
    await _released(place, run)
    await run.result()

    assert {"first": 1} == before
    assert {"first": 1, "second": 1, "third": 1} == DONE


async def _released(place: Place, run: Going) -> None:
    """Releases the switches and tells the run, as `resolute brake off` does."""
    place.switches = OFF
    await run.say("look", "run:switches")
