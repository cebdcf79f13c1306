"""A held step on Temporal: also where every task replays the run, and where the run is continued again and again."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import Client

from resolute import NodeFailedError, TerminalError, flow, manual, node
from resolute.plan.errors import RunCancelledError
from resolute.temporal.activities.activities import Activities
from resolute.temporal.client.client import RunHandle, start_run
from resolute.temporal.client.standing import HeldStep, NotHeldError, decide_held, standing_of
from resolute.temporal.history.runs import describe_run
from resolute.temporal.wire.finding import RunKey
from resolute.temporal.wire.messages import NotListeningError
from resolute.temporal.worker import temporal_worker
from tests.contract.nodes import echo
from tests.contract.runtimes import executor_of
from tests.keys import KEYS

_FAILS: dict[str, int] = {}


@node
async def flaky(name: str, lane: str) -> int:
    """Fails as often as it is said for its name, and then gives how often."""
    left = _FAILS[name]
    _FAILS[name] -= 1
    if left > 0:
        raise TerminalError(f"{name} is not ready in {lane}")
    return 3


held = (
    flow("held-on-temporal", when_stuck="hold")
    .triggered_by(manual("go"))
    .then(echo("first").as_("first").on_failure(echo("undone").as_("undo_first")))
    .then_parallel(
        flaky("one", "activity").as_("one"),
        flaky("two", "local").lane("local").as_("two"),
        echo("beside").as_("beside"),
    )
    .then(echo("last").as_("last"))
    .build()
)


@dataclass(frozen=True)
class Place:
    """A worker of the flow."""

    client: Client
    queue: str

    async def begin(self, **fails: int) -> RunHandle:
        """Starts a run and waits until all that fails is held."""
        _FAILS.update({"one": 0, "two": 0, **fails})
        run = await start_run(self.client, held.plan, task_queue=self.queue, keys=KEYS)
        await self.holds(run, *fails)
        return run

    async def holds(self, run: RunHandle, *steps: str) -> tuple[HeldStep, ...]:
        """Waits until just these steps are held."""
        while True:
            standing = await standing_of(self.client, key_of(run))
            if {each.step for each in standing.held} == set(steps):
                return standing.held
            await asyncio.sleep(0.02)

    async def decide(self, run: RunHandle, step: str | None, word: str, value: Any = None) -> str:
        """Decides on a step."""
        while True:
            try:
                return await decide_held(self.client, key_of(run), step, word, value=value, by="ada", keys=KEYS)
            except NotHeldError as error:
                if "moving to a new history" not in str(error):
                    raise


def key_of(run: RunHandle) -> RunKey:
    """What identifies a run."""
    return RunKey(run.workflow_id, run.run_id or "")


def never(_: int) -> bool:
    """The run has one history."""
    return False


def always(ended: int) -> bool:
    """The run is continued after every other step."""
    return ended > 1


@pytest.fixture(params=["plain", "replaying", "continued"])
async def place(request: pytest.FixtureRequest, temporal_client: Client) -> AsyncIterator[Place]:
    """A worker; one that forgets each run between two tasks; one that continues it after every other step."""
    queue = f"held-{uuid.uuid4().hex[:8]}"
    full: Callable[[int], bool] = always if request.param == "continued" else never
    worker = temporal_worker(
        temporal_client,
        Activities([held], executor_of([held]), KEYS),
        task_queue=queue,
        graceful_shutdown=timedelta(0),
        max_cached_workflows=0 if request.param == "replaying" else 1000,
        full=full,
    )
    async with worker:
        yield Place(temporal_client, queue)


async def test_held_steps_are_decided_one_by_one(place: Place) -> None:
    """Each waits by itself, is held again where its retry fails, and takes a value; what is beside them goes on."""
    run = await place.begin(one=2, two=9)
    first, second = sorted(await place.holds(run, "one", "two"), key=lambda each: each.step)

    assert ("one", "TerminalError", "one is not ready in activity") == (first.step, first.error, first.message)
    with pytest.raises(NotHeldError, match="holds 2 steps"):
        await place.decide(run, None, "retry")
    assert "one" == await place.decide(run, "one", "retry")
    await place.holds(run, "one", "two")
    with pytest.raises(NotHeldError, match="does not fit what step 'two' gives"):
        await place.decide(run, "two", "skip", "many")
    await place.decide(run, "two", "skip", 7)
    await place.holds(run, "one")
    described = await describe_run(place.client, run.workflow_id)
    assert described.report is not None
    shown = described.report.step("one")
    assert shown.held is not None
    assert ("held", 2, "one is not ready in activity") == (
        shown.status,
        shown.held.times,
        shown.failure.message if shown.failure else "",
    )
    assert first.since <= shown.held.since
    assert "one" == await place.decide(run, None, "retry")

    assert {"first": "first", "one": 3, "two": 7, "beside": "beside", "last": "last"} == await run.result()
    described = await describe_run(place.client, run.workflow_id)
    assert described.report is not None
    step = described.report.step("two")
    assert step.held is not None
    assert ("skipped", 7, "skip", "ada") == (step.status, step.output, step.held.decided, step.held.by)
    assert "completed" == described.report.step("one").status
    assert second.step == "two"
    assert () == (await standing_of(place.client, key_of(run))).held


async def test_a_run_fails_by_decision(place: Place) -> None:
    """Who lets a held step fail lets the run fail by its error; what has completed is undone."""
    run = await place.begin(one=9)
    await place.decide(run, "one", "fail")

    with pytest.raises(NodeFailedError, match="one is not ready in activity"):
        await run.result()
    described = await describe_run(place.client, run.workflow_id)
    assert described.report is not None
    assert "completed" == described.report.step("undo_first").status
    with pytest.raises(NotListeningError):
        await place.decide(run, "one", "fail")


async def test_a_held_run_is_cancelled(place: Place) -> None:
    """A cancel ends a run that holds a step, and undoes what has completed."""
    run = await place.begin(one=9)
    await place.client.get_workflow_handle(run.workflow_id).cancel()

    with pytest.raises(RunCancelledError):
        await run.result()
    described = await describe_run(place.client, run.workflow_id)
    assert described.report is not None
    assert ("cancelled", "completed") == (
        described.report.step("one").status,
        described.report.step("undo_first").status,
    )
