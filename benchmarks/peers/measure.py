"""Three tiny durable steps: flows against DBOS on two databases, and against workflows by hand on two servers."""

from __future__ import annotations

import contextlib
import statistics
import tempfile
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.figures import Figure, at_least, at_most
from benchmarks.lanes import ACTIVITY, HAND, LOCAL, SANDBOXED, programs
from benchmarks.other import DBOS, PREFECT, Program, dbos, prefect
from benchmarks.peers.postgres import postgres
from benchmarks.servers import stock, tuned

ROUNDS = 7
FLOWS = 40
AT_ONCE = 20
ALONE = 7
CURVE = (1, 4, 16, 64)
PREFECT_ROUNDS = 3

QUICK = ("by hand, with the loop and collector of `resolute worker`", "hand-quick")


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
            figures = [*_told(found), *_goals(found), *await _beside_prefect(ways[0], Path(name))]
    return {"Three quick steps, each way durable on disk": figures}


async def _beside_prefect(local: Program, folder: Path) -> list[Figure]:
    """Prefect in turn with the local lane, after the others: its server is busy also while nothing runs."""
    if not PREFECT.exists():
        return [Figure("Prefect is not installed", "run `make bench ARGS=peers`")]
    try:
        async with prefect("Prefect", folder) as way:
            rates, alone, ours = list[float](), list[float](), list[float]()
            for _ in range(PREFECT_ROUNDS):
                rates.append(await way.rate(8, 4))
                alone.append(await way.alone(3))
                ours.append(await local.rate(FLOWS, AT_ONCE))
    except RuntimeError as error:
        return [Figure("Prefect does not start", str(error))]
    told = f"{statistics.median(rates):.1f} flows/s, {statistics.median(alone):.0f} ms alone"
    return [
        Figure("Prefect on its own server and SQLite", told),
        Figure("flows/s, local lane / Prefect", f"{_ratio(ours, rates):.0f}"),
    ]


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


@contextlib.asynccontextmanager
async def _ways(folder: Path) -> AsyncGenerator[list[Program]]:
    async with contextlib.AsyncExitStack() as stack:
        enter = stack.enter_async_context
        on_tuned = (await enter(tuned(folder / "tuned"))).service_client.config.target_host
        on_stock = (await enter(stock(folder / "stock"))).service_client.config.target_host
        ways = [
            *await enter(programs(on_tuned, LOCAL, ACTIVITY, HAND, QUICK)),
            *await enter(programs(on_stock, HAND, SANDBOXED, suffix=", stock server")),
        ]
        databases = {"DBOS on SQLite": f"sqlite:///{folder / 'dbos.db'}"}
        try:
            databases["DBOS on PostgreSQL"] = stack.enter_context(postgres(folder / "postgres"))
        except FileNotFoundError as error:
            print(f"Without DBOS on PostgreSQL: {error}")  # what is missing from the figures is said
        for name, database in databases.items():
            ways.append(await enter(dbos(name, database, folder)))
        yield ways
