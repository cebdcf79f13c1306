"""Quick steps one after the other on a server: one trip for many of them, and a record of each."""

import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from resolute import flow, manual
from resolute.plan.plan import Plan
from resolute.running.ahead import MAKES_AHEAD
from resolute.running.report import RunReport
from resolute.temporal.activities import several
from resolute.temporal.activities.activities import Activities
from resolute.temporal.history.exporting import record_of
from resolute.temporal.wire.finding import RunKey
from resolute.temporal.worker import temporal_worker
from resolute.testing import FlowTester
from resolute.writing.flow import Flow
from tests.contract.neighbours import CANCELLED_BESIDE
from tests.contract.nodes import inflate, quick, stumble
from tests.contract.runtimes import TemporalScenarios, executor_of
from tests.keys import KEYS

START = manual("start")
STEPS = 12
LARGE = 300_000

first = quick("a").as_("first")
again = stumble(1).as_("again").retry(2, initial=timedelta(milliseconds=20)).lane("local")
last = quick([first.output, again.output]).as_("last")
tried = flow("neighbours-in-trips").triggered_by(START).then(first).then(again).then(last).build()


def _many() -> Flow:
    steps = [quick(number).as_(f"s{number}") for number in range(STEPS)]
    written = flow("many-neighbours").triggered_by(START)
    for step in steps:
        written = written.then(step)
    return written.build()


many = _many()
large = (
    flow("large-neighbours")
    .triggered_by(START)
    .then(inflate(LARGE).as_("one").lane("local"))
    .then(inflate(LARGE).as_("two").lane("local"))
    .then(inflate(LARGE).as_("three").lane("local"))
    .returns(1)
    .build()
)


@dataclass(frozen=True)
class Ended:
    """A run that has ended: what is said of it, and how many trips its calls took."""

    report: RunReport
    trips: int
    attempts: list[str]


class Server(TemporalScenarios):
    """A worker on a server, which keeps runs in its cache."""

    async def trips(self, plan: Plan) -> Ended:
        """Runs a plan to its end."""
        outcome = await self.outcome(await self.start(plan))
        markers = [event for event in outcome.events if event.event_type == EventType.EVENT_TYPE_MARKER_RECORDED]
        return Ended(outcome.report, len(markers), list(outcome.attempts))


@pytest.fixture(scope="module")
async def server(temporal_client: Client) -> AsyncIterator[Server]:
    """The worker."""
    flows = [tried, many, large, CANCELLED_BESIDE.flow]
    task_queue = f"neighbours-{uuid.uuid4().hex[:8]}"
    activities = Activities(flows, executor_of(flows), KEYS)
    async with temporal_worker(
        temporal_client, activities, task_queue=task_queue, graceful_shutdown=timedelta(0), max_cached_workflows=1000
    ):
        yield Server(temporal_client, task_queue)


async def test_each_neighbour_has_its_own_record(server: Server) -> None:
    """Arguments, attempts, outputs and times are each step's own, whatever trip has made them."""
    ended = await server.trips(tried.plan)
    steps = [ended.report.step(name) for name in ("first", "again", "last")]
    ends = [step.ended_at for step in steps]

    assert 3 == ended.trips  # what is tried again has one of its own
    assert ["first", "again", "again", "last"] == ended.attempts
    assert [{"value": "a"}, {"times": 1}, {"value": ["a", 2]}] == [step.arguments for step in steps]
    assert ["a", 2, ["a", 2]] == [step.output for step in steps]
    assert [[], ["attempt 1"], []] == [[attempt.message for attempt in step.attempts] for step in steps]
    assert all(one is not None and other is not None and one < other for one, other in pairwise(ends))


async def test_neighbours_take_one_trip(server: Server) -> None:
    """As many steps as there are go in one trip, where a plan of an earlier release takes one for each."""
    earlier = many.plan.model_copy(update={"interpreter": MAKES_AHEAD - 1})

    assert (1, STEPS) == ((await server.trips(many.plan)).trips, (await server.trips(earlier)).trips)


async def test_a_trip_is_bounded_in_time(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """When its time is over a trip begins no further step: the next one does, and none is made twice."""
    monkeypatch.setattr(several, "LONGEST", 0.0)
    ended = await server.trips(many.plan)

    assert STEPS == ended.trips
    assert [f"s{number}" for number in range(STEPS)] == ended.attempts


async def test_a_trip_is_bounded_in_size(server: Server) -> None:
    """What a trip has no room for is left to the next one, and none is made twice."""
    ended = await server.trips(large.plan)

    assert 2 == ended.trips
    assert ["one", "two", "three"] == ended.attempts


async def test_a_cancel_ends_a_trip(server: Server) -> None:
    """What a trip has completed is undone, what was at work is given up, and what is behind it never begins.

    It is told so of the run, and of a test that is made of it.
    """
    (expected,) = CANCELLED_BESIDE.expected
    (outcome,) = await server.run(CANCELLED_BESIDE)
    steps = {step.id: step.status for step in outcome.report.steps}
    exported = await record_of(
        await server.recorded(outcome), RunKey(CANCELLED_BESIDE.flow.name, ""), outcome.report.status
    )
    played = await FlowTester.from_run(json.loads(json.dumps(exported.as_json()))).run()

    assert expected.steps == steps
    assert expected.calls == outcome.first_calls
    assert expected.failure == outcome.report.failure
    assert steps == {step.id: step.status for step in played.report.steps}
