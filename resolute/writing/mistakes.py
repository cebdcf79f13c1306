"""The mistakes that `build()` has found in a flow."""

from __future__ import annotations

from collections.abc import Sequence

from resolute.plan.errors import Problem
from resolute.writing.scope import Report


class Mistakes:
    """Every mistake found so far: each once, in the order of the flow."""

    def __init__(self, found: Sequence[Problem]) -> None:
        self.found: list[Problem] = list(found)

    def report(self, place: str, message: str, hint: str = "") -> None:
        """Adds a mistake, unless it is there already."""
        problem = Problem(place, message, hint)
        if problem not in self.found:
            self.found.append(problem)

    def at(self, place: str, spot: str = "") -> Report:
        """What reports the mistakes of one place; `spot` begins each message."""
        return lambda message, hint: self.report(place, spot + message, hint)
