"""How much one step may look at, so that lists in lists cannot hold up a worker for longer than a moment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from resolute.plan.errors import EvaluationError
from resolute.plan.values import Json

MOST: Final = 150_000
"""What a step may spend on items of lists: one for each item, each part of its condition, and each value compared."""

_CHARACTERS: Final = 200
"""Characters of a text that count as much as one value."""


class Budget:
    """What is left to spend for the expressions of one step."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._left = most

    def spend(self, amount: int = 1) -> None:
        """Counts what is looked at.

        Raises:
            EvaluationError: it is more than one step may.
        """
        self._left -= amount
        if self._left < 0:
            raise EvaluationError(
                f"the step looks at more than {self._most:,} values in the items of its lists: "
                "let a node go through them, and read the node's output"
            )

    def spend_on(self, values: list[Json]) -> None:
        """Counts values that are compared or written, with all that is in them.

        Raises:
            EvaluationError: it is more than one step may.
        """
        waiting = list(values)
        while waiting:
            value = waiting.pop()
            self.spend()
            match value:
                case str():
                    self.spend(len(value) // _CHARACTERS)
                case list() | tuple():
                    self.spend(len(value) // _CHARACTERS)
                    waiting.extend(value)
                case Mapping():
                    waiting.extend(value.values())
                case _:
                    pass
