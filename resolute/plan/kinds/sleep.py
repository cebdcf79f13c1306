"""A pause."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal, cast

from pydantic import JsonValue

from resolute.plan.described import describe
from resolute.plan.step import Figure, Step
from resolute.plan.times import spoken_duration
from resolute.plan.values import Json


class Sleep(Step):
    """Wait `length` seconds, or until a time. Exactly one of both is given.

    Source: Temporal's durable timers.
    """

    kind: Literal["sleep"] = "sleep"
    id: str
    length: float | None = None
    until: JsonValue = None

    figure: ClassVar[Figure] = "rounded"
    gives_null: ClassVar[bool] = True

    @property
    def title(self) -> str:
        """How long it waits."""
        if self.length is None:
            return f"{self.id}: sleep until {describe(cast('Json', self.until))}"
        return f"{self.id}: sleep {spoken_duration(self.length)}"

    def values(self) -> tuple[Json, ...]:
        """The time that it waits for."""
        return (cast("Json", self.until),)

    def problems(self) -> Iterator[str]:
        """A pause of no length, or of two."""
        if (self.length is None) is (self.until is None):
            yield "a sleep has a length or a time until which it lasts, and not both"
        elif self.length is not None and not 0 <= self.length <= LONGEST:
            yield "a sleep lasts up to ten years"


LONGEST = 10 * 365.25 * 24 * 3600.0
"""Seconds of the longest wait of a run."""
