"""A budget: how much may be done in any stretch of time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal, cast

from pydantic import JsonValue

from resolute.plan.allowance import LONGEST_WINDOW, MOST_OF_A_BUDGET
from resolute.plan.described import describe
from resolute.plan.step import Figure, Step, name_problems
from resolute.plan.times import spoken_duration
from resolute.plan.values import Json


class Budget(Step):
    """Ask a budget, which all flows of a task queue share, for `take` of the `at_most` that it has per `per` seconds.

    With a `key`, there is one budget for each of its values.
    """

    kind: Literal["budget"] = "budget"
    id: str
    name: str
    at_most: int
    per: float
    take: int = 1
    key: JsonValue = None

    figure: ClassVar[Figure] = "diamond"

    @property
    def title(self) -> str:
        """What it bounds."""
        each = f" for each {describe(cast('Json', self.key))}" if self.key is not None else ""
        asks = {0: ", look only", 1: ""}.get(self.take, f", take {self.take}")
        return f"{self.id}: budget {self.name}{each}, at most {self.at_most:,} per {spoken_duration(self.per)}{asks}"

    def values(self) -> tuple[Json, ...]:
        """The key."""
        return (cast("Json", self.key),)

    def outcome(self, output: Json) -> str:
        """What was refused kept something from being done."""
        return "over budget" if isinstance(output, Mapping) and output.get("granted") is False else ""

    def problems(self) -> Iterator[str]:
        """A budget without a name or bounds."""
        yield from name_problems("budget", self.name)
        if not 1 <= self.at_most <= MOST_OF_A_BUDGET:
            yield f"a budget has 1 to {MOST_OF_A_BUDGET:,}"
        if not 0 < self.per <= LONGEST_WINDOW:
            yield "a budget is for a stretch of time of up to a year"
        if not 0 <= self.take <= self.at_most:
            yield "a budget cannot be asked for more than it has"
