"""Every kind of step inside every kind runs as its plan says, the same on every engine, however its history is cut."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Final

import pytest
from temporalio.client import Client

from resolute.temporal.activities import Activities
from resolute.temporal.worker import temporal_worker
from tests.contract.generated.catalogue import BLOCKS, deeper, gathered, pair, pairs
from tests.contract.generated.engines import Came, Full, after_each, in_memory, never, on_temporal
from tests.contract.generated.generated import KINDS, Generated, generated
from tests.contract.generated.piece import Piece
from tests.contract.runtimes import executor_of
from tests.keys import KEYS

SEEDS = (*range(9), 55)  # in 55 gates are decided while their run moves to another history
MANY_SEEDS = range(300)
AT_ONCE = 40
_PATIENCE = 240

every_outer = pytest.mark.parametrize("outer", BLOCKS)
# A local activity may end while its run is taken out of a cache that holds none; the worker goes on after the warning.
pytestmark = pytest.mark.filterwarnings("ignore:Cannot find activity to cancel")


# Temporal begins a new history a second after the one before at the earliest, so runs that are continued after each
# step are short, and many at a time.
CASES: Final[Mapping[str, Callable[[], list[Generated]]]] = {
    "cached": lambda: [*(case for outer in BLOCKS for case in gathered(outer)), *map(deeper, SEEDS)],
    "continued": lambda: [
        *(pair(outer, inner) for number, outer in enumerate(BLOCKS) for inner in BLOCKS[number % 3 :: 3]),
        *(pair(outer, inner) for outer in ("parallel", "each", "until") for inner in ("heard", "gate", "child")),
    ],
    "replaying": lambda: [gathered(outer)[0] for outer in ("parallel", "collect", "until")],
    "continued-replaying": lambda: [pair("parallel", "each"), pair("until", "collect")],
}
"""The flows that show it on each worker. Without a cache, where one run is at work at a time, they are few."""


@dataclass(frozen=True)
class Engine:
    """A worker on a server. Without a cache it takes one run at a time; else calls in the local lane come again."""

    client: Client
    task_queue: str
    cases: Sequence[Generated]
    at_once: int

    async def same(self, cases: Iterable[Generated]) -> None:
        """Runs flows, each of which has to end as it does in memory."""
        places = asyncio.Semaphore(self.at_once)

        async def compared(case: Generated) -> str:
            expected = await in_memory(case)
            async with places, asyncio.timeout(_PATIENCE):
                came = await on_temporal(case, self.client, self.task_queue)
            return "" if expected == came else f"{case}:\n in memory   {expected}\n on Temporal {came}"

        assert [] == [said for said in await asyncio.gather(*map(compared, cases)) if said]


@pytest.fixture(scope="module", params=CASES)
async def engine(request: pytest.FixtureRequest, temporal_client: Client) -> AsyncIterator[Engine]:
    """A worker with and without a cache, and with histories that end with each step."""
    # The plans come with the runs, so the worker needs the nodes alone.
    known = generated("every-kind", [Piece(word, ((Piece("call"),),) * kind.blocks) for word, kind in KINDS.items()])
    name, caches = f"every-kind-{uuid.uuid4().hex[:8]}", "replaying" not in request.param
    worker = temporal_worker(
        temporal_client,
        Activities([known.flow], executor_of([known.flow]), KEYS),
        task_queue=name,
        graceful_shutdown=timedelta(0),
        max_cached_workflows=1000 if caches else 0,
        full=after_each if "continued" in request.param else never,
    )
    async with worker:
        yield Engine(temporal_client, name, CASES[request.param](), AT_ONCE if caches else 1)


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


async def test_deeper_in_memory() -> None:
    """Flows by chance, which are deeper, and whose history ends at one safe point after the other."""
    for case in map(deeper, SEEDS):
        came = await in_memory(case)
        _as_foretold(case, came)

        assert (str(case), came) == (str(case), await in_memory(case, after_each))
    await _continued_everywhere(deeper(0))


@pytest.mark.soak
@every_outer
async def test_pairs_at_length(engine: Engine, outer: str) -> None:
    """Every pair by itself on every worker, and continued at each safe point."""
    for case in pairs(outer):
        await _continued_everywhere(case)
    await engine.same(pairs(outer))


@pytest.mark.soak
async def test_deeper_at_length(engine: Engine) -> None:
    """Many flows by chance."""
    for case in map(deeper, MANY_SEEDS):
        _as_foretold(case, await in_memory(case))
    await engine.same(map(deeper, MANY_SEEDS if engine.at_once > 1 else MANY_SEEDS[:50]))


def _as_foretold(case: Generated, came: Came) -> None:
    failed = came.failure.step if came.failure else None
    status = "failed" if case.failed else "completed"

    assert (str(case), case.calls, case.undo) == (str(case), came.calls, came.undo)
    assert (case.failed, status, ()) == (failed, came.status, came.warnings)
    assert case.children == sorted(came.children)
    assert all(calls == ["taken", "last"] for calls in came.children.values())


async def _continued_everywhere(case: Generated) -> None:
    asked = count()
    once = await in_memory(case, lambda _: next(asked) < 0)
    for point in range(next(asked)):
        assert (str(case), point, once) == (str(case), point, await in_memory(case, _at(point)))


def _at(point: int) -> Full:
    asked = count()
    return lambda _: next(asked) == point
