"""What the simulated service brings to a run, and what it does not: as Temporal does where things happen at once."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from resolute import branch, child, flow, manual, node
from resolute.execution.executor import NodeExecutor
from resolute.running.messages import Message
from resolute.running.pausing import PAUSE, PAUSING, RESUME
from resolute.writing.flow import Flow
from tests.simulation.chance import Chance
from tests.simulation.history import Cancel, Said
from tests.simulation.loop import VirtualLoop
from tests.simulation.people import People
from tests.simulation.run import SimulatedRun
from tests.simulation.server import Server
from tests.simulation.setting import PAGERDUTY


@node(lane="local")
async def linger(seconds: float) -> float:
    """Takes so long, in the time of the world."""
    await asyncio.sleep(seconds)
    return seconds


@node
async def dwell(seconds: float) -> float:
    """As `linger`, in the activity lane."""
    await asyncio.sleep(seconds)
    return seconds


late = (
    flow("late", within=timedelta(seconds=3))
    .triggered_by(manual("go"))
    .then(dwell(1).as_("first"))
    .then(linger(5).as_("long"))
    .then(dwell(0).as_("end"))
    .build()
)
apart = (
    flow("apart")
    .triggered_by(manual("go"))
    .then_parallel(branch().then(dwell(0).as_("short")).then(dwell(0).as_("next")), dwell(10).as_("long"))
    .then(dwell(0).as_("end"))
    .build()
)
below = (
    flow("below")
    .triggered_by(manual("go"))
    .then(dwell(1).as_("first").on_failure(dwell(5).as_("undo_first")))
    .then(dwell(10).as_("long"))
    .build()
)
above = flow("above").triggered_by(manual("go")).then(child(below).as_("other")).build()
ORDERS = 30
"""Worlds, in a third of which a pause comes to a child after what lifts it."""


@contextmanager
def world(of: Flow, *, full: int = 0, seed: int = 0) -> Generator[Server]:
    """A world in which nothing goes wrong and nobody does anything. Histories are full after so many turns; 0 is never.

    By its seed, things take longer or shorter.
    """
    loop, chance = VirtualLoop(), Chance(seed)
    chance.calm()
    chance.full = full
    people = People(chance.apart("people"), within=1)
    people.rest()
    server = Server(loop, chance, NodeExecutor.for_flows([of]), PAGERDUTY, people)
    with loop.running():
        yield server
        server.end()


def test_a_timer_that_fires_in_a_turn_that_stops_it_has_not_fired() -> None:
    """A run hears of no timer that it has stopped, also where it goes on in a new history, which counts anew."""
    with world(late, full=3) as server:
        run = server.start(late.plan, "a")
        server.live(lambda: not run.is_open)

    assert [] == server.strange
    assert (2, "timed_out") == (run.parts, _status(run))


def test_what_a_run_is_told_while_it_moves_waits_for_its_new_history() -> None:
    """A message that is sent once comes to a run that moves to a new history, which takes it there."""
    with world(apart, full=1) as server:
        run = server.start(apart.plan, "a")
        for number, (at, word) in enumerate(((5, PAUSE), (30, RESUME)), start=1):
            told = Message(to=PAUSING, word=word, id=word, data={"from": "parent", "number": number})
            server.loop.call_at(at, run.bring, Said(told))
        server.live(lambda: server.loop.time() >= 29 or not run.is_open)
        begun = {effect.step for effect in server.effects}
        server.live(lambda: not run.is_open)

    assert [] == server.strange
    assert {"short", "long", "next"} >= begun
    assert "completed" == _status(run)


@pytest.mark.parametrize("full", [0, 1])
def test_a_run_that_is_paused_and_cancelled_in_one_moment_ends(full: int) -> None:
    """So does the run of its step, in whatever order the pause, its end and the cancel come to that."""
    ended: set[tuple[str, str]] = set()
    for seed in range(ORDERS):
        with world(above, full=full, seed=seed) as server:
            run = server.start(above.plan, "a")
            server.live(lambda server=server: any(each.step == "long" for each in server.effects))
            run.bring(Said(Message(to=PAUSING, word=PAUSE, id="pause")))
            run.bring(Cancel())
            server.live(lambda run=run: not run.is_open)
        ended.add((_status(run), _status(run.children["other"])))

    assert {("cancelled", "cancelled")} == ended


def _status(run: SimulatedRun) -> str:
    return run.report.status if run.report else "open"
