"""How many flows per second, and how long one flow takes: each lane against a workflow written by hand."""

from __future__ import annotations

import contextlib
import statistics
import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path

from benchmarks.figures import Figure, at_least
from benchmarks.other import Program, on_temporal
from benchmarks.servers import stock, tuned

AT_ONCE = 20
ROUNDS = 9
FLOWS = 30
ALONE = 9

ACTIVITY = ("activity lane", "activity")
LOCAL = ("local lane", "local")
HAND = ("by hand", "hand")
SANDBOXED = ("by hand, with the SDK's sandbox", "sandboxed")


async def measure() -> dict[str, list[Figure]]:
    """The figures of both servers, the embedded one first."""
    with tempfile.TemporaryDirectory(prefix="resolute-bench-") as folder:
        async with (
            tuned(Path(folder) / "tuned") as client,
            programs(client.service_client.config.target_host, HAND, ACTIVITY, LOCAL, SANDBOXED) as ways,
        ):
            rates, alone = await _rounds(ways, ROUNDS)
            figures = _against_hand(ways, rates, alone, [await way.events() for way in ways])
        async with (
            stock(Path(folder) / "stock") as client,
            programs(client.service_client.config.target_host, HAND, ACTIVITY) as ways,
        ):
            stock_rates, stock_alone = await _rounds(ways, 3)
    servers = [
        Figure(f"{way.name}: stock server, embedded server",
               f"{_middle(stock_rates, way):.0f} and {_middle(rates, way):.0f} flows/s; "
               f"{stock_alone[way.name]:.0f} and {alone[way.name]:.0f} ms alone")
        for way in ways
    ]  # fmt: skip
    return {"Three tiny nodes, on the embedded server": figures, "The embedded server against the stock one": servers}


def _against_hand(
    ways: list[Program], rates: dict[str, list[float]], alone: dict[str, float], events: list[int]
) -> list[Figure]:
    hand, activity, local, sandboxed = ways
    told = [
        Figure(way.name, f"{_middle(rates, way):.0f} flows/s, {alone[way.name]:.1f} ms alone, {count} events")
        for way, count in zip(ways, events, strict=True)
    ]
    # Each round measures every way once, one right after the other: what else the machine does hits all of them.
    return [
        *told,
        at_least("activity lane / by hand", _ratio(rates, activity, hand), 0.95),
        Figure("history events beyond those by hand", str(events[1] - events[0]), "0", events[1] <= events[0]),
        at_least("local lane, eager start / by hand", _ratio(rates, local, hand), 2.5),
        Figure("activity lane / by hand with the SDK's sandbox", f"{_ratio(rates, activity, sandboxed):.2f}"),
    ]


def _ratio(rates: dict[str, list[float]], one: Program, other: Program) -> float:
    return statistics.median(a / b for a, b in zip(rates[one.name], rates[other.name], strict=True))


def _middle(rates: dict[str, list[float]], way: Program) -> float:
    return statistics.median(rates[way.name])


async def _rounds(ways: list[Program], rounds: int) -> tuple[dict[str, list[float]], dict[str, float]]:
    rates: dict[str, list[float]] = {way.name: [] for way in ways}
    for way in ways:
        await way.rate(AT_ONCE, AT_ONCE)  # connections, caches, the first page of the database
    alone = {way.name: await way.alone(ALONE) for way in ways}
    for number in range(rounds):
        for way in ways if number % 2 else reversed(ways):
            rates[way.name].append(await way.rate(FLOWS, AT_ONCE))
    return rates, alone


@contextlib.asynccontextmanager
async def programs(address: str, *named: tuple[str, str], suffix: str = "") -> AsyncGenerator[list[Program]]:
    """Ways to run the three nodes on a server, each in a process of its own."""
    async with contextlib.AsyncExitStack() as stack:
        yield [await stack.enter_async_context(on_temporal(name + suffix, way, address)) for name, way in named]
