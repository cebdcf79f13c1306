"""`repeat(...)` and `last_turn(...)`: what `build()` refuses, what a plan shows, and what a tester sees."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from pydantic import BaseModel

from resolute import (
    ExpressionError,
    Flow,
    FlowBuildError,
    Repeated,
    State,
    branch,
    every,
    flow,
    last_turn,
    manual,
    node,
    now,
    output,
    previous,
    repeat,
)
from resolute.memory.clock import START
from resolute.plan.plan import Plan
from resolute.testing import FlowTester
from resolute.writing.diagram import mermaid, outline
from resolute.writing.step import FlowStep


class Look(BaseModel):
    """What a look gives."""

    ready: bool
    seen: int = 0


@node
async def look_at(seen: int | None = None) -> Look:
    """Is ready at the third look."""
    count = (seen or 0) + 1
    return Look(ready=count >= 3, seen=count)


@node
async def take(number: int) -> int:
    """Takes a number that is there."""
    return number


@node
async def summarize(turns: Repeated) -> str:
    """Takes what a repeat gives."""
    return f"{turns.turns} turns, {turns.ended_by}"


LONG_AGO = datetime(1999, 1, 1, tzinfo=UTC)

look = look_at(last_turn(cast("int", output("look.seen")))).as_("look")
polling = repeat(look, until=look.output.ready, every=timedelta(seconds=30), at_most=40).as_("poll")


def _built(*steps: FlowStep[Any]) -> Flow:
    builder = flow("polling").triggered_by(manual("go"))
    for step in steps:
        builder = builder.then(step)
    return builder.build()


def _refused(*steps: FlowStep[Any]) -> list[tuple[str, str]]:
    with pytest.raises(FlowBuildError) as refused:
        _built(*steps)
    return [(problem.place, problem.message) for problem in refused.value.problems]


async def test_turns_are_so_far_apart() -> None:
    """`every` is from the beginning of one turn to that of the next; a turn that takes longer is followed at once."""
    tester = FlowTester(_built(polling))
    tester.fails("look", OSError("away"))

    async def slow(seen: int | None = None) -> Look:
        tester.clock.move(timedelta(seconds=45 if seen is None else 5))
        return Look(ready=seen == 2, seen=(seen or 0) + 1)

    tester.answer("look", slow)
    run = await tester.run()

    assert [0, 45, 75] == [(call.at - START).total_seconds() for call in run.calls_of("look")]


async def test_what_a_tester_sees() -> None:
    """Steps of turns are known by their name and by that of their turn."""
    tester = FlowTester(_built(polling, summarize(polling.output).as_("summary")))
    run = await tester.run()

    assert ["poll#1.look", "poll#2.look", "poll#3.look"] == [call.step for call in run.calls_of("look")]
    assert {"completed": 3} == run.step("look").counts
    assert {"ready": True, "seen": 3} == run.step("poll#3.look").output
    assert {"look.ready": True} == run.step("poll").compared
    assert {
        "poll": {"turns": 3, "ended_by": "until", "last": {"look": {"ready": True, "seen": 3}}},
        "summary": "3 turns, until",
    } == run.result


async def test_turns_that_do_nothing() -> None:
    """A repeat whose turns have nothing to do ends by its bound, and does not hold its worker meanwhile."""
    nothing = branch().when(now() < LONG_AGO).then(take(1)).end_when()
    idle = repeat(nothing, until=now() < LONG_AGO, at_most=1000, on_exhausted="continue").as_("idle")
    run = await FlowTester(_built(idle)).run()

    assert {"idle": {"turns": 1000, "ended_by": "at_most", "last": {}}} == run.result
    assert (run.step("idle").ended_at or START) > START


def test_drawn() -> None:
    """The outline and the chart say when the turns end, how far apart they are and how many there may be."""
    plan = _built(polling).plan
    title = "poll: repeat until look.ready, every 30s, at most 40 turns"

    assert f"\n  {title}\n    look: look_at" in outline(plan)
    assert f'{{{{"{title}"}}}}' in mermaid(plan)
    assert "n1 -->|turn| n2\n    n2 --> n1" in mermaid(plan)
    assert plan == Plan.model_validate_json(plan.model_dump_json())


def test_bounds_and_conditions() -> None:
    """A repeat without a body, without one condition or without bounds is refused, each with what to write."""
    look_once = look_at()
    ready: Any = look_once.output.ready
    cases: list[tuple[FlowStep[Any], str]] = [
        (repeat([], until=now() > START, at_most=2), "the body is empty"),
        (repeat(branch(), until=now() > START, at_most=2), "the body is empty"),
        (repeat(look_once, at_most=2), "repeat takes one condition, until=... or while_=..."),
        (
            repeat(look_once, until=ready, while_=ready, at_most=2),
            "repeat takes one condition, until=... or while_=...",
        ),
        (repeat(look_once, until=ready, at_most=0), "at_most=0 is no number of turns"),
        (repeat(look_once, until=ready, at_most=cast("Any", 2.5)), "at_most=2.5 is no number of turns"),
        (
            repeat(look_once, until=ready, at_most=2, every=timedelta(seconds=-1)),
            f"every={timedelta(seconds=-1)!r} is no distance between turns",
        ),
        (
            repeat(look_once, until=ready, at_most=2, on_exhausted=cast("Any", "stop")),
            "on_exhausted='stop' is not known",
        ),
    ]
    for step, message in cases:
        assert ("then[0] 'repeat'", message) in _refused(step)


def test_an_open_body() -> None:
    """A `when` that is left open in a body is named with its place."""
    body = branch().then(look).when(look.output.ready).then(take(1))

    (place, message), *_ = _refused(repeat(body, until=look.output.ready, at_most=2).as_("poll"))

    assert "then[0].when[1]" == place
    assert "is not closed" in message


def test_what_cannot_be_read() -> None:
    """Outside of the turns their steps have no one output; before a turn nothing of it is there."""
    outside = "reads look.seen: step 'look' runs in turns of 'poll'"
    nowhere = "reads last_turn(look.seen), and 'look' is no step of a repeat(...) around this place"
    typed: Any = last_turn(output("look.seen"))

    assert [("then[1] 'take'", f"input 'number': {outside}")] == _refused(polling, take(look.output.seen))
    assert [("then[1] 'take'", f"input 'number': {nowhere}")] == _refused(polling, take(typed))
    assert [
        (
            "then[0].then[1] 'take'",
            "input 'number': last_turn(look.seen) is null in the first turn, the node expects an int",
        )
    ] == _refused(repeat([look, take(typed)], until=look.output.ready, at_most=2).as_("poll"))
    assert [("then[0] 'poll'", "reads look.ready: step 'look' comes later")] == _refused(
        repeat(look, while_=look.output.ready, at_most=2).as_("poll")
    )
    with pytest.raises(ExpressionError, match=r"last_turn\(...\) takes a reference to a step's output, not 7"):
        last_turn(7)


def test_the_last_turn_is_typed() -> None:
    """What the last turn gave is checked as far down as the steps say what they give, and may be null where it may."""
    sometimes = branch().then(look).when(look.output.ready).then(take(1).as_("taken")).end_when()
    poll = repeat(sometimes, until=look.output.ready, at_most=2).as_("poll")

    assert [("then[1] 'take'", "input 'number': reads poll.last.look.lode: Look has no field 'lode'")] == _refused(
        polling, take(polling.output.last["look"]["lode"])
    )
    assert "taken" in str(_refused(poll, take(poll.output.last["taken"] + 1)))


def test_no_memory_of_a_turn() -> None:
    """previous(...) of a step in a loop is refused: it has as many outputs as there were turns."""
    reads: Any = previous(look.output.seen, default=0)

    with pytest.raises(FlowBuildError, match="step 'look' runs many times"):
        flow("remembering").triggered_by(every(timedelta(hours=1))).then(polling).then(take(reads)).build()


async def test_a_function_of_the_state() -> None:
    """A function that ends the turns is found again under its plan name, though each turn has an id of its own."""

    def enough(state: State) -> bool:
        return state.get("look", Look).seen >= 2

    tester = FlowTester(_built(repeat(look, until=enough, at_most=5).as_("poll")))
    run = await tester.run()

    assert 2 == run.result["poll"]["turns"]
    assert {"poll_decision"} == {call.step.rpartition(".")[2] for call in run.calls} - {"look"}
