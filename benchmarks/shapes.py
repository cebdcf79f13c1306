"""Every kind of step as a small flow, and as the workflow of the same shape that somebody writes by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pydantic import BaseModel, SecretStr
from temporalio import activity, workflow
from temporalio.client import Client, WorkflowHandle

from resolute import (
    Flow,
    alarm,
    branch,
    budget,
    child,
    cursor,
    each,
    every,
    flow,
    gate,
    last_turn,
    manual,
    move,
    node,
    output,
    repeat,
    signal,
    sleep,
)
from resolute import wait_for as wait_until
from resolute.running.messages import EVENT, Message
from resolute.temporal.client.gates import decide_gate
from resolute.temporal.trust.seals import PlanKeys
from resolute.temporal.wire.finding import RunKey
from resolute.temporal.wire.messages import tell_run

KEYS = PlanKeys((SecretStr("a-key-of-the-benchmark-and-of-nothing-else"),))
PATIENCE = timedelta(seconds=30)
LONG = timedelta(hours=1)
MOMENT = timedelta(milliseconds=50)
PAUSE = timedelta(seconds=1)
NUMBERS = [1, 2, 3]
BY_HAND = manual("bench")
NOTHING = object()
"""In place of the argument of a workflow that takes none."""

Handle = WorkflowHandle[Any, Any]


class Deployed(BaseModel):
    """An event."""

    version: str = ""


@node
async def add(number: int | None) -> int:
    """One more."""
    return (number or 0) + 1


@activity.defn(name="hand-add")
async def hand_add(number: int) -> int:
    """One more, by hand."""
    return number + 1


def added(number: int) -> workflow.ActivityHandle[int]:
    """What every workflow by hand does."""
    return workflow.start_activity(hand_add, number, start_to_close_timeout=PATIENCE)


@workflow.defn
class HandCall:
    """A call."""

    @workflow.run
    async def run(self) -> int:
        """The calls."""
        return await added(await added(1))


@workflow.defn
class HandParallel:
    """Calls beside each other."""

    @workflow.run
    async def run(self) -> list[int]:
        """The calls."""
        return list(await asyncio.gather(added(1), added(2)))


@workflow.defn
class HandEach:
    """A call for each number, two at once."""

    @workflow.run
    async def run(self) -> list[int]:
        """The calls."""
        turns = asyncio.Semaphore(2)

        async def one(number: int) -> int:
            async with turns:
                return await added(number)

        return list(await asyncio.gather(*(one(number) for number in NUMBERS)))


@workflow.defn
class HandEachNearby:
    """A local activity for each number."""

    @workflow.run
    async def run(self) -> list[int]:
        """The calls."""
        calls = [
            workflow.execute_local_activity(hand_add, number, start_to_close_timeout=PATIENCE) for number in NUMBERS
        ]
        return list(await asyncio.gather(*calls))


@workflow.defn
class HandNeighbours:
    """A local activity behind another one."""

    @workflow.run
    async def run(self) -> int:
        """The calls."""
        number = 0
        for _ in NUMBERS:
            number = await workflow.execute_local_activity(hand_add, number, start_to_close_timeout=PATIENCE)
        return number


@workflow.defn
class HandRepeat:
    """Turns, with a pause between them."""

    @workflow.run
    async def run(self) -> int:
        """The turns."""
        counted = await added(0)
        while counted < 2:
            await workflow.sleep(PAUSE)
            counted = await added(counted)
        return counted


@workflow.defn
class HandChild:
    """Another workflow."""

    @workflow.run
    async def run(self) -> int:
        """Runs it."""
        return await workflow.execute_child_workflow(HandCall.run, id=f"{workflow.info().workflow_id}/child")


@workflow.defn
class HandSleep:
    """A pause."""

    @workflow.run
    async def run(self) -> None:
        """Sleeps."""
        await workflow.sleep(MOMENT)


@workflow.defn
class HandWait:
    """A wait for a signal."""

    def __init__(self) -> None:
        self._told = False

    @workflow.run
    async def run(self, seconds: float | None) -> bool:
        """Waits."""
        within = None if seconds is None else timedelta(seconds=seconds)
        try:
            await workflow.wait_condition(lambda: self._told, timeout=within)
        except TimeoutError:
            return False
        return True

    @workflow.signal
    def deployed(self, _: str) -> None:
        """The event."""
        self._told = True


@workflow.defn
class HandGate:
    """A question to somebody, who is told of it and has an hour."""

    def __init__(self) -> None:
        self._by = ""

    @workflow.run
    async def run(self) -> str:
        """Tells, and waits for the answer."""
        await added(1)
        await workflow.wait_condition(lambda: bool(self._by), timeout=LONG)
        return self._by

    @workflow.update
    def approve(self, by: str) -> str:
        """The answer."""
        self._by = by
        return by

    @approve.validator
    def check(self, by: str) -> None:
        """Asks for a name."""
        if not by:
            raise ValueError("who are you?")


HAND_WRITTEN = [
    HandCall,
    HandParallel,
    HandEach,
    HandEachNearby,
    HandNeighbours,
    HandRepeat,
    HandChild,
    HandSleep,
    HandWait,
    HandGate,
]


@dataclass(frozen=True)
class Shape:
    """One kind of step. `say` tells a run of the flow, and `say_by_hand` the other one, what they wait for.

    They are told when their history has `after` events.
    """

    name: str
    flow: Flow
    by_hand: Any
    argument: Any = NOTHING
    say: Callable[[Client, str, Handle], Awaitable[None]] | None = None
    say_by_hand: Callable[[Handle], Awaitable[None]] | None = None
    after: int = 0


def _flow(name: str, *steps: Any, begins: Any = BY_HAND) -> Flow:
    built = flow(f"shape-{name.replace(' ', '-')}").triggered_by(begins)
    for step in steps:
        built = built.then(step)
    return built.build()


async def _tell(client: Client, of: str, run: Handle) -> None:
    message = Message(to=f"{EVENT}deployed", word="event", id="1", data={"version": "1"})
    await tell_run(client, of, run.id, message, KEYS)


async def _tell_by_hand(run: Handle) -> None:
    await run.signal(HandWait.deployed, "1")


async def _approve(client: Client, _: str, run: Handle) -> None:
    key = RunKey(run.id, run.result_run_id or "")
    await decide_gate(client, key, "approve", approve=True, by="ada", keys=KEYS, patience=PATIENCE)


async def _approve_by_hand(run: Handle) -> None:
    await run.execute_update("approve", "ada")  # pyright: ignore[reportUnknownMemberType]  # the SDK's own types


def shapes() -> list[Shape]:
    """Every kind of step."""
    first = add(1).as_("first")
    second = add(first.output).as_("second")
    counted = add(last_turn(output("counted"))).as_("counted")
    one = add(1).as_("one").lane("local")
    two = add(one.output).as_("two").lane("local")
    allowed = budget("bench", at_most=1000, per=LONG)
    turns = repeat(counted, until=counted.output >= 2, every=PAUSE, at_most=2)
    inner = _flow("inner", first, second)
    asked = gate("approve", approvers=["ada"], timeout=LONG, notify=lambda link: add(1))
    when = (
        flow("shape-when")
        .triggered_by(manual("bench"))
        .then(first)
        .when(first.output == 2)
        .then(second)
        .otherwise()
        .then(add(3).as_("third"))
        .end_when()
        .build()
    )
    parallel = flow("shape-parallel").triggered_by(manual("bench"))
    beside = parallel.then_parallel(branch().then(add(1).as_("one")), branch().then(add(2).as_("two"))).build()
    awaited = signal("deployed", Deployed)

    def waiting(name: str, timeout: timedelta) -> Shape:
        waits = _flow(name, wait_until(awaited, timeout=timeout))
        if timeout == LONG:
            return Shape(name, waits, HandWait, LONG.total_seconds(), _tell, _tell_by_hand, after=5)
        return Shape(name, waits, HandWait, timeout.total_seconds())

    return [
        Shape("call", _flow("call", first, second), HandCall),
        Shape("when", when, HandCall),
        Shape(
            "alarm", _flow("alarm", first, second, alarm("watch", bad=second.output > 5), begins=every(LONG)), HandCall
        ),
        # A workflow by hand asks what it shares with others by an activity as well.
        Shape("budget and move", _flow("shared", allowed, move(cursor("bench", int), to=2)), HandCall),
        Shape("parallel", beside, HandParallel),
        Shape("each", _flow("each", each(NUMBERS, lambda number: add(number), at_once=2)), HandEach),
        Shape(
            "each in the local lane",
            _flow("each nearby", each(NUMBERS, lambda number: add(number).lane("local"))),
            HandEachNearby,
        ),
        Shape(
            "neighbours in the local lane", _flow("neighbours", one, two, add(two.output).lane("local")), HandNeighbours
        ),
        Shape("repeat", _flow("repeat", turns), HandRepeat),
        Shape("child", _flow("child", child(inner).as_("inner")), HandChild),
        Shape("sleep", _flow("sleep", sleep(MOMENT)), HandSleep),
        Shape("wait_for", _flow("wait_for", wait_until(awaited)), HandWait, None, _tell, _tell_by_hand, after=4),
        waiting("wait_for in time", LONG),
        waiting("wait_for too late", MOMENT),
        Shape("gate", _flow("gate", asked), HandGate, NOTHING, _approve, _approve_by_hand, after=11),
    ]
