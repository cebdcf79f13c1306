"""Three tiny durable steps: flows against DBOS on two databases, and against workflows by hand on two servers."""

from __future__ import annotations

import contextlib
import statistics
import tempfile
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from benchmarks.figures import Figure, at_least, at_most
from benchmarks.lanes import Runner, runners
from benchmarks.peers.other import DBOS, dbos
from benchmarks.peers.postgres import postgres
from benchmarks.servers import stock, tuned

ROUNDS = 7
FLOWS = 40
AT_ONCE = 20
ALONE = 7
CURVE = (1, 4, 16, 64)


class Way(Protocol):
    """One way to run the three steps."""

    @property
    def name(self) -> str:
        """What it is called in the figures."""
        ...

    async def rate(self, count: int, at_once: int) -> float:
        """Runs per second, so many at once."""
        ...

    async def alone(self, count: int) -> float:
        """Milliseconds of one run while nothing else runs: the median."""
        ...


@dataclass
class Measured:
    """What one way came to, round by round."""

    rates: list[float] = field(default_factory=list[float])
    alone: list[float] = field(default_factory=list[float])
    curve: list[float] = field(default_factory=list[float])

    def __str__(self) -> str:
        steps = ", ".join(f"{rate:.0f}" for rate in self.curve)
        return (
            f"{statistics.median(self.rates):.0f} flows/s, {statistics.median(self.alone):.1f} ms alone; "
            f"flows/s with {', '.join(map(str, CURVE))} at once: {steps}"
        )


async def measure() -> dict[str, list[Figure]]:
    """The figures, all in one run and in turn: what else the machine does hits every way."""
    if not DBOS.exists():
        return {"Peers": [Figure("DBOS is not installed", "run `make bench ARGS=peers`")]}
    with tempfile.TemporaryDirectory(prefix="resolute-bench-") as name:
        async with _ways(Path(name)) as ways:
            found = {way.name: Measured() for way in ways}
            for way in ways:
                await way.rate(AT_ONCE, AT_ONCE)  # connections, caches, the first page of the database
            for number in range(ROUNDS):
                for way in ways if number % 2 else reversed(ways):
                    found[way.name].rates.append(await way.rate(FLOWS, AT_ONCE))
                    found[way.name].alone.append(await way.alone(ALONE))
            for at_once in CURVE:
                for way in ways:
                    found[way.name].curve.append(await way.rate(max(8, 2 * at_once), at_once))
    return {"Three quick steps, each way durable on disk": [*_told(found), *_goals(found)]}


def _told(found: dict[str, Measured]) -> list[Figure]:
    return [Figure(name, str(measured)) for name, measured in found.items()]


def _goals(found: dict[str, Measured]) -> list[Figure]:
    local, activity = found["local lane"], found["activity lane"]
    by_hand, on_stock = found["by hand"], found["by hand, stock server"]
    on_postgres = next((measured for name, measured in found.items() if "PostgreSQL" in name), None)
    against_dbos = (
        [
            at_least("flows/s, local lane / DBOS on PostgreSQL", _ratio(local.rates, on_postgres.rates), 1.1),
            at_most("alone, local lane / DBOS on PostgreSQL", _ratio(local.alone, on_postgres.alone), 1.1, "times", 2),
        ]
        if on_postgres
        else []
    )
    return [
        *against_dbos,
        at_least("flows/s, local lane / by hand on a stock server", _ratio(local.rates, on_stock.rates), 8),
        at_least("alone, by hand on a stock server / local lane", _ratio(on_stock.alone, local.alone), 12),
        at_least("flows/s, activity lane / by hand on the same server", _ratio(activity.rates, by_hand.rates), 1),
    ]


def _ratio(ours: list[float], theirs: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


@dataclass(frozen=True)
class _Named:
    """A runner under another name."""

    name: str
    runner: Runner

    async def rate(self, count: int, at_once: int) -> float:
        """See `Way`."""
        return await self.runner.rate(count, at_once)

    async def alone(self, count: int) -> float:
        """See `Way`."""
        return await self.runner.alone(count)


@contextlib.asynccontextmanager
async def _ways(folder: Path) -> AsyncGenerator[list[Way]]:
    async with contextlib.AsyncExitStack() as stack:
        own = await stack.enter_async_context(runners(await stack.enter_async_context(tuned(folder / "tuned"))))
        other = await stack.enter_async_context(runners(await stack.enter_async_context(stock(folder / "stock"))))
        ways: list[Way] = [
            _Named("local lane", own[2]),
            _Named("activity lane", own[1]),
            _Named("by hand", own[0]),
            _Named("by hand, stock server", other[0]),
        ]
        databases = {"DBOS on SQLite": f"sqlite:///{folder / 'dbos.db'}"}
        try:
            databases["DBOS on PostgreSQL"] = stack.enter_context(postgres(folder / "postgres"))
        except FileNotFoundError as error:
            print(f"Without DBOS on PostgreSQL: {error}")  # what is missing from the figures is said
        for name, database in databases.items():
            ways.append(await stack.enter_async_context(dbos(name, database, folder)))
        yield ways
