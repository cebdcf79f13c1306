"""Flows of every kind in worlds where things fail, die and come late: what must hold holds."""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.patience import PATIENCE
from tests.simulation.chance import EVERY
from tests.simulation.many import Figures, many, of_seeds
from tests.simulation.people import PEOPLE
from tests.simulation.towns import SORTS
from tests.simulation.worlds import RUNS_OF_A_TOWN, play

RUNS = 2_000
ELSEWHERE = range(0, 240, 7)
"""Seeds that are simulated in two processes: of each sort of world, and of all that people do."""

ROOT = Path(__file__).parents[2]
CHUNKS = range(8)
OF_A_CHUNK = 84
A_MILLION = int(os.environ.get("SIMULATED_RUNS", "1000000"))


@cache
def _chunk(number: int) -> Figures:
    return of_seeds(number * OF_A_CHUNK, (number + 1) * OF_A_CHUNK)


@pytest.mark.parametrize("number", CHUNKS)
def test_nothing_is_broken(number: int) -> None:
    """In no world is anything lost, doubled, out of order, left undone or forgotten; a seed that breaks is told."""
    figures = _chunk(number)

    assert not figures.broken, str(figures)


def test_so_many_runs_with_so_many_faults() -> None:
    """The suite has 2,000 runs, in every sort of world, with faults and deaths of every sort."""
    figures = Figures()
    for number in CHUNKS:
        figures.add(_chunk(number))

    assert figures.runs >= RUNS
    assert set(SORTS) == set(figures.sorts)
    assert [] == [sort for sort in (*EVERY, *PEOPLE) if not figures.faults[sort]]


@pytest.mark.parametrize("seed", [5, 3 * RUNS_OF_A_TOWN, 956])
def test_a_seed_is_always_the_same_world(seed: int) -> None:
    """What happens in the world of a seed does not depend on what ran before it."""
    first = play(seed, tells_all=True)
    play(seed + 1)
    play(7 * RUNS_OF_A_TOWN)
    again = play(seed, tells_all=True)

    assert first.told == again.told
    assert first.evidence == again.evidence


def test_a_seed_is_the_same_world_in_another_process() -> None:
    """A process in which sets have another order simulates the same, to the last byte: what happens and how it ends."""
    here = "".join(f"{play(seed, tells_all=True).digest}\n" for seed in ELSEWHERE)
    environment = {**os.environ, "PYTHONHASHSEED": "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"}
    command = [sys.executable, "-m", "tests.simulation", "--digests", *map(str, ELSEWHERE)]
    there = subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=True
    )

    assert here == there.stdout


@pytest.mark.soak
def test_a_million_runs() -> None:
    """Nothing is broken in a million runs (`SIMULATED_RUNS` says another number), in every process that there is."""
    figures = many(A_MILLION, processes=os.cpu_count() or 1)
    sys.stdout.write(f"\n{figures}\n")

    assert not figures.broken, str(figures)
