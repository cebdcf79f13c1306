"""How soon the simulation finds a bug that was put in on purpose."""

from __future__ import annotations

from dataclasses import dataclass

from tests.simulation.mutants import MUTANTS, mutant
from tests.simulation.worlds import play


@dataclass(frozen=True)
class Found:
    """The first seed at which a bug is seen, and what is said of it."""

    seed: int
    what: str


def find(name: str, most: int) -> Found | None:
    """Looks for a bug in so many seeds; None where it is not found."""
    with mutant(name):
        for seed in range(most):
            try:
                played = play(seed)
            except Exception as error:
                return Found(seed, f"{type(error).__name__}: {error}")  # the bug ends more than its run
            if played.broken:
                return Found(seed, str(played.broken[0]))
    return None


def table(most: int) -> str:
    """Every bug, in how many seeds it is found, and by which rule: as Markdown."""
    lines = ["| bug | found in seeds | by |", "|---|---|---|"]
    for name in MUTANTS:
        found = find(name, most)
        seeds, rule = ("not found", "") if found is None else (str(found.seed + 1), found.what.partition(":")[0])
        lines.append(f"| {name} | {seeds} | {rule} |")
    return "\n".join(lines)
