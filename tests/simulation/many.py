"""Very many worlds, in several processes, and their figures."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import perf_counter

from tests.simulation.worlds import RUNS_OF_A_TOWN, Played, play

_AT_ONCE = 20 * RUNS_OF_A_TOWN
"""Worlds that a process is given at a time."""


@dataclass
class Figures:
    """What was simulated. `broken` says by seed what did not hold."""

    worlds: int = 0
    runs: int = 0
    deaths: int = 0
    seconds: float = 0.0
    faults: Counter[str] = field(default_factory=Counter[str])
    kinds: Counter[str] = field(default_factory=Counter[str])
    sorts: Counter[str] = field(default_factory=Counter[str])
    broken: dict[int, list[str]] = field(default_factory=dict[int, list[str]])

    def take(self, played: Played) -> None:
        """Counts a world."""
        self.worlds += 1
        self.runs += played.runs
        self.deaths += played.deaths
        self.faults += played.faults
        self.kinds.update(played.town.words)
        self.sorts[played.town.sort] += 1
        if played.broken:
            self.broken[played.seed] = [str(each) for each in played.broken]

    def add(self, other: Figures) -> None:
        """Counts what another process has simulated."""
        self.worlds += other.worlds
        self.runs += other.runs
        self.deaths += other.deaths
        self.faults += other.faults
        self.kinds += other.kinds
        self.sorts += other.sorts
        self.broken |= other.broken

    def __str__(self) -> str:
        """The figures, line by line."""
        a_second = self.runs / self.seconds if self.seconds else 0.0
        lines = [
            f"{self.runs:,} runs in {self.worlds:,} worlds, {self.seconds:,.0f} s, {a_second:,.0f} runs/s",
            f"{self.faults.total():,} faults, {self.deaths:,} deaths of the worker",
            *(f"  {sort}: {times:,}" for sort, times in self.faults.most_common()),
            "worlds by sort: " + ", ".join(f"{sort} {times:,}" for sort, times in sorted(self.sorts.items())),
            "worlds by kind of piece: " + ", ".join(f"{kind} {times:,}" for kind, times in sorted(self.kinds.items())),
        ]
        for seed, what in self.broken.items():
            lines += [f"seed {seed} (make simulation ARGS='--seed {seed}'):", *(f"  {each}" for each in what)]
        return "\n".join(lines)


def of_seeds(first: int, last: int) -> Figures:
    """The worlds of some seeds, the last one left out."""
    began, figures = perf_counter(), Figures()
    for seed in range(first, last):
        figures.take(play(seed))
    figures.seconds = perf_counter() - began
    return figures


def many(runs: int, *, processes: int, first: int = 0, most_broken: int = 10) -> Figures:
    """So many runs at least, of worlds from a seed on; fewer where that many seeds are broken."""
    began, figures = perf_counter(), Figures()
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for made in pool.imap(_chunk, _chunks(first)):
            figures.add(made)
            if figures.runs >= runs or len(figures.broken) >= most_broken:
                break
        pool.terminate()
    figures.seconds = perf_counter() - began
    return figures


def _chunks(first: int) -> Iterator[int]:
    # Bounded, because a pool reads all of it at once.
    yield from range(first, first + 10_000 * _AT_ONCE, _AT_ONCE)


def _chunk(first: int) -> Figures:
    return of_seeds(first, first + _AT_ONCE)
