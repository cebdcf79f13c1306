"""Every kind of step inside every kind runs as its plan says, the same on every engine, however its history is cut."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Final

import pytest
from temporalio.client import Client

from resolute.temporal.activities.activities import Activities
from resolute.temporal.worker import temporal_worker
from tests.contract.generated.catalogue import (
    BLOCKS,
    HOLDING,
    cancelled,
    deeper,
    gathered,
    held,
    overdue,
    pair,
    pairs,
    stopped,
)
from tests.contract.generated.engines import Came, Full, after_each, in_memory, never, on_temporal, without_repeats
from tests.contract.generated.generated import EVERY, Generated, generated
from tests.contract.generated.piece import Piece
from tests.contract.generated.stopping import due_to_undo
from tests.contract.runtimes import executor_of
from tests.keys import KEYS

SEEDS = (*range(9), 13)  # in 5, 6 and 13 gates are decided while their run moves to another history
EVERYWHERE = (13, 75)  # with many kinds in them, and few safe points
MANY_SEEDS = range(300)
AT_ONCE = 40
WITHOUT_CACHES = 4
"""Workers without a cache."""
_PATIENCE = 1200
"""Seconds that say that a run hangs: at length, forty deep runs at a time share a machine that may be busy."""

pytestmark = pytest.mark.timeout(_PATIENCE)
every_outer = pytest.mark.parametrize("outer", BLOCKS)


# Temporal begins a new history a second after the one before at the earliest, so runs that are continued after each
# step are short, and many at a time.
CASES: Final[Mapping[str, Callable[[], list[Generated]]]] = {
    "cached": lambda: [
        *(case for outer in BLOCKS for case in gathered(outer)),
        *map(deeper, SEEDS),
        *map(held, HOLDING),
    ],
    "continued": lambda: [
        *(pair(outer, inner) for number, outer in enumerate(BLOCKS) for inner in BLOCKS[number % 3 :: 3]),
        *(pair(outer, inner) for outer in ("parallel", "each", "until") for inner in ("heard", "gate", "child")),
        *map(held, ("parallel", "each", "while")),
    ],
    "replaying": lambda: [*(gathered(outer)[0] for outer in ("parallel", "collect", "until")), held("parallel")],
    "continued-replaying": lambda: [pair("parallel", "each"), pair("until", "collect")],
}
"""The flows that show it on each worker. Without a cache, where one run is at work at a time, they are few."""

STOPS: Final[Mapping[str, Callable[[], list[Generated]]]] = {
    "cached": lambda: [*map(cancelled, BLOCKS), *map(overdue, BLOCKS[:4]), *map(stopped, SEEDS)],
    "continued": lambda: [*map(cancelled, ("parallel", "each", "while")), overdue("until"), *map(stopped, range(3))],
    "replaying": lambda: [cancelled("parallel"), stopped(1)],
    "continued-replaying": lambda: [cancelled("each")],
}
"""Those that are stopped before their end."""


@dataclass(frozen=True)
class Engine:
    """Workers on a server. `places` are their task queues, each as often as it takes runs at the same time.

    Without a cache a worker takes one run at a time; else calls in the local lane come again.
    """

    client: Client
    places: asyncio.Queue[str]
    cases: Sequence[Generated]
    stops: Sequence[Generated]
    caches: bool

    async def came(self, case: Generated) -> Came:
        """Runs a flow, as soon as there is a place."""
        place = await self.places.get()
        try:
            return await on_temporal(case, self.client, place, _PATIENCE)
        finally:
            self.places.put_nowait(place)

    async def same(self, cases: Iterable[Generated]) -> None:
        """Runs flows, each of which has to end as it does in memory."""

        async def compared(case: Generated) -> str:
            expected = await in_memory(case)
            try:
                came = await self.came(case)
            except TimeoutError as late:
                return str(late)
            said = expected.difference(came)
            if said:
                said = expected.difference(await without_repeats(case, came, self.client))
            return f"{case}: {said}" if said else ""

        different = [said for said in await asyncio.gather(*map(compared, cases)) if said]
        assert not different, "\n".join(different)

    async def stopped(self, cases: Iterable[Generated]) -> None:
        """Runs flows that are stopped before their end, each of which has to undo what it has done."""

        async def run(case: Generated) -> None:
            _as_stopped(case, await self.came(case))

        await asyncio.gather(*map(run, cases))


@pytest.fixture(scope="module", params=CASES)
async def engine(request: pytest.FixtureRequest, temporal_client: Client) -> AsyncIterator[Engine]:
    """A worker with and without a cache, and with histories that end with each step."""
    # The plans come with the runs, so the worker needs the nodes alone.
    known = generated("every-kind", [Piece(word, ((Piece("call"),),) * kind.blocks) for word, kind in EVERY.items()])
    caches = "replaying" not in request.param
    queues = [f"every-kind-{uuid.uuid4().hex[:8]}" for _ in range(1 if caches else WITHOUT_CACHES)]
    places: asyncio.Queue[str] = asyncio.Queue()
    async with AsyncExitStack() as stack:
        for queue in queues:
            worker = temporal_worker(
                temporal_client,
                Activities([known.flow], executor_of([known.flow]), KEYS),
                task_queue=queue,
                graceful_shutdown=timedelta(0),
                max_cached_workflows=1000 if caches else 0,
                full=after_each if "continued" in request.param else never,
            )
            await stack.enter_async_context(worker)
            for _ in range(AT_ONCE if caches else 1):
                places.put_nowait(queue)
        yield Engine(temporal_client, places, CASES[request.param](), STOPS[request.param](), caches)


@every_outer
async def test_pairs_in_memory(outer: str) -> None:
    """In memory: the calls and undo steps are those that the plan says, also where each step is in a new history."""
    for case in pairs(outer):
        came = await in_memory(case)
        _as_foretold(case, came)

        assert (str(case), came) == (str(case), await in_memory(case, after_each))


async def test_pairs_on_temporal(engine: Engine) -> None:
    """On a server a run ends as it does in memory; `make soak` has every pair on every worker."""
    await engine.same(engine.cases)


@pytest.mark.parametrize("outer", HOLDING)
async def test_held_in_memory(outer: str) -> None:
    """In memory: held steps are tried again, left out and failed as a person says, in one history or in many."""
    case = held(outer)
    came = await in_memory(case)
    _as_foretold(case, came)

    assert (str(case), came) == (str(case), await in_memory(case, after_each))


async def test_stopped_in_memory() -> None:
    """In memory: a run that is cancelled, or out of time, undoes all calls that it has made and no others."""
    for case in (*map(cancelled, BLOCKS), *map(overdue, BLOCKS), *map(stopped, SEEDS)):
        for full in (never, after_each):
            _as_stopped(case, await in_memory(case, full))


async def test_stopped_on_temporal(engine: Engine) -> None:
    """On a server too."""
    await engine.stopped(engine.stops)


async def test_deeper_in_memory() -> None:
    """Flows by chance, which are deeper, and whose history ends at one safe point after the other."""
    for case in map(deeper, SEEDS):
        came = await in_memory(case)
        _as_foretold(case, came)

        assert (str(case), came) == (str(case), await in_memory(case, after_each))
    for seed in EVERYWHERE:
        await _continued_everywhere(deeper(seed))


@pytest.mark.soak
@every_outer
async def test_pairs_continued_everywhere(outer: str) -> None:
    """In memory: every pair by itself ends the same, whichever safe point its history ends at."""
    for case in pairs(outer):
        await _continued_everywhere(case)


@pytest.mark.soak
@every_outer
async def test_pairs_at_length(engine: Engine, outer: str) -> None:
    """Every pair by itself on every worker."""
    await engine.same((*pairs(outer), *([held(outer)] if outer in HOLDING else [])))
    await engine.stopped((cancelled(outer), overdue(outer)))


@pytest.mark.soak
async def test_deeper_at_length(engine: Engine) -> None:
    """Many flows by chance."""
    for case in map(deeper, MANY_SEEDS):
        _as_foretold(case, await in_memory(case))
    seeds = MANY_SEEDS if engine.caches else MANY_SEEDS[:50]
    await engine.same(map(deeper, seeds))
    await engine.stopped(map(stopped, seeds))


def _as_foretold(case: Generated, came: Came) -> None:
    failed = came.failure.step if came.failure else None
    status = "failed" if case.failed else "completed"

    assert (str(case), case.calls, case.undo) == (str(case), came.calls, came.undo)
    assert (case.failed, status, ()) == (failed, came.status, came.warnings)
    assert case.children == sorted(came.children)
    assert all(calls == ["taken", "last"] for calls in came.children.values())


def _as_stopped(case: Generated, came: Came) -> None:
    plan = case.flow.plan
    due = list(due_to_undo(plan, came.begun))
    failing = sorted(step for step in due if "undo_stubborn" in step)
    status = "timed_out" if plan.within else "cancelled"
    # Who cancels a run knows of it.
    told = ["told"] if plan.within else []

    assert (str(case), status, [*case.order.of(due), *told]) == (str(case), came.status, came.undo)
    assert (str(case), failing) == (str(case), [failure.step for failure in came.undo_failures])
    assert [] == [warning for warning in came.warnings if "called_off" not in warning]


async def _continued_everywhere(case: Generated) -> None:
    asked = count()
    once = await in_memory(case, lambda _: next(asked) < 0)
    for point in range(next(asked)):
        assert (str(case), point, once) == (str(case), point, await in_memory(case, _at(point)))


def _at(point: int) -> Full:
    asked = count()
    return lambda _: next(asked) == point
