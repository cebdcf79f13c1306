"""Measures everything, or only what is named: `python -m benchmarks writing lanes`."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import sys
from collections.abc import Sequence

from rich.console import Console

from benchmarks import backtests, board, events, gates, items, lanes, pagerduty, processes, turns, webhooks, writing
from benchmarks.figures import Figure, show
from benchmarks.peers import measure as peers
from benchmarks.peers.curves import curves

PARTS = (
    "writing",
    "processes",
    "pagerduty",
    "lanes",
    "webhooks",
    "events",
    "items",
    "turns",
    "gates",
    "backtest",
    "board",
)
BY_NAME = ("peers",)
"""What is measured only where it is named: it needs programs beside the environment."""


def main() -> int:
    """Prints the figures. It is no test: what is missed is said, and the exit code stays 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)} (all of these), {', '.join(BY_NAME)}"
    )
    parts: list[str] = parser.parse_args().parts or list(PARTS)
    if unknown := [part for part in parts if part not in (*PARTS, *BY_NAME)]:
        parser.error(f"unknown: {', '.join(unknown)}; known: {', '.join((*PARTS, *BY_NAME))}")
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    if "writing" in parts:
        show(console, "Writing", [*writing.import_time(), *writing.build_time()])
    if "processes" in parts:
        show(console, "Processes", processes.measure())
    if "pagerduty" in parts:
        show(console, "PagerDuty, against its simulator", asyncio.run(pagerduty.measure()))
    if "lanes" in parts:
        for title, figures in asyncio.run(lanes.measure()).items():
            show(console, title, figures)
    if "webhooks" in parts:
        show(console, "Webhooks, on the embedded server", asyncio.run(webhooks.measure()))
    if "events" in parts:
        show(console, "History events of each kind of step", asyncio.run(events.measure()))
    if "items" in parts:
        show(console, f"{items.ITEMS:,} items, on the embedded server", asyncio.run(items.measure()))
    if "turns" in parts:
        show(console, "Many turns of one run", asyncio.run(turns.measure()))
    if "gates" in parts:
        show(console, "Many open gates", asyncio.run(gates.measure()))
    if "board" in parts:
        show(console, "The board", asyncio.run(board.measure()))
    if "peers" in parts:
        _peers(console)
    if "backtest" in parts:
        show(console, "A backtest, on the embedded server", asyncio.run(backtests.measure()))
    return 0


def _peers(console: Console) -> None:
    """Peers and curves, each part as soon as it is measured, and then every goal in one table."""
    goals: list[Figure] = []

    def told(title: str, figures: Sequence[Figure]) -> None:
        show(console, title, figures)
        goals.extend(figure for figure in figures if figure.met is not None)

    for title, figures in asyncio.run(peers.measure()).items():
        told(title, figures)
    told("Webhooks", asyncio.run(webhooks.measure()))
    told("Processes", [*writing.import_time(), *processes.measure()])
    told(f"{items.ITEMS:,} items", asyncio.run(items.measure()))
    told("Curves, on the embedded server", asyncio.run(curves()))
    show(console, "Goals", goals)


if __name__ == "__main__":
    code = main()
    gc.collect()
    sys.stdout.flush()
    os._exit(code)  # threads of the Temporal SDK may crash an interpreter that is going down
