"""Bugs put in on purpose are found: else nobody could say what it means that nothing is found."""

import sys

import pytest

from tests.simulation.finding import Found, find
from tests.simulation.mutants import MUTANTS

QUICK = (
    "an undo step is left out",
    "the last undo step is lost when a run is continued",
    "a dedup key for each attempt",
    "a step of a trip that has ended is run again",
    "a cancel stops a run before it knows what its trip has done",
)
"""Those that are found in a few worlds; the others are looked for in `make soak`."""

_MOST = 5_000


@pytest.mark.parametrize("name", QUICK)
def test_a_bug_is_found_soon(name: str) -> None:
    """Each of these bugs breaks a rule in one of the first hundred worlds."""
    assert isinstance(find(name, 150), Found)


@pytest.mark.soak
@pytest.mark.parametrize("name", MUTANTS)
def test_a_bug_is_found(name: str) -> None:
    """Every bug breaks a rule in one of the first thousands of worlds."""
    found = find(name, _MOST)
    sys.stdout.write(f"\n{name}: {found}\n")

    assert isinstance(found, Found)
