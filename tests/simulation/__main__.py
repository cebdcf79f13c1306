"""Simulates from the command line: one seed, told step by step; very many; or the bugs that have to be found."""

from __future__ import annotations

import argparse
import sys

from resolute.writing.diagram import outline
from tests.simulation.finding import table
from tests.simulation.many import many
from tests.simulation.worlds import play


def main() -> int:
    """Runs what the arguments say; 1 where something is broken."""
    parser = argparse.ArgumentParser(prog="make simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="tell the world of one seed, step by step")
    parser.add_argument("--runs", type=int, default=2_000, help="how many runs, at least")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--mutants", type=int, help="look for each bug put in on purpose, in so many seeds at most")
    parser.add_argument("--digests", type=int, nargs="+", help="tell a digest of the world of each of these seeds")
    chosen = parser.parse_args()
    for seed in chosen.digests or ():
        sys.stdout.write(f"{play(seed, tells_all=True).digest}\n")
    if chosen.digests:
        return 0
    if chosen.mutants:
        sys.stdout.write(f"{table(chosen.mutants)}\n")
        return 0
    if chosen.seed is not None:
        played = play(chosen.seed, tells_all=True)
        lines = (outline(played.town.plan), *played.told, *map(str, played.broken))
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        return bool(played.broken)
    figures = many(chosen.runs, processes=chosen.processes, first=chosen.first)
    sys.stdout.write(f"{figures}\n")
    return bool(figures.broken)


if __name__ == "__main__":
    sys.exit(main())
