"""Steps that run again and again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final, Literal, TypeAlias, cast

from pydantic import BaseModel, ConfigDict, JsonValue

from resolute.plan.described import describe
from resolute.plan.shapes import ANY, Shape, object_shape, shape_of_type
from resolute.plan.step import Block, Figure, Step, Steps, walk
from resolute.plan.times import spoken_duration
from resolute.plan.values import Json

MOST_TURNS: Final = 1_000_000
"""The highest bound that a repeat can have."""

LONGEST_PAUSE: Final = 365.25 * 24 * 3600.0
"""Seconds: the largest distance between two turns."""

Exhausted: TypeAlias = Literal["fail", "continue"]
"""What becomes of a repeat whose last turn has not brought its end."""


class Repeated(BaseModel):
    """What a `repeat(...)` gives: how many turns there were, why there were no more, what the last one came to.

    `last` holds the outputs of the last turn's steps, by step name; it is empty where there was no turn.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    turns: int
    ended_by: Literal["until", "while", "at_most"]
    last: dict[str, Any]


class Repeat(Step):
    """Run `body` in turns, `every` seconds from one beginning to the next, `at_most` so many.

    `test` says how the condition is asked: `until` behind each turn, which ends the step where it holds, or `while`
    before each turn, which ends it where it does not. `decision` is what runs on the worker before it is asked.
    """

    kind: Literal["repeat"] = "repeat"
    id: str
    body: Steps
    test: Literal["until", "while"]
    condition: JsonValue
    decision: Steps = ()
    every: float = 0.0
    at_most: int
    on_exhausted: Exhausted = "fail"

    figure: ClassVar[Figure] = "hexagon"

    @property
    def title(self) -> str:
        """What ends it."""
        pause = f", every {spoken_duration(self.every)}" if self.every else ""
        turns = "1 turn" if self.at_most == 1 else f"{self.at_most:,} turns"
        return f"{self.id}: repeat {self.test} {describe(cast('Json', self.condition))}{pause}, at most {turns}"

    def blocks(self) -> tuple[Block, ...]:
        """What a turn does, its decision where the condition is asked."""
        steps = (*self.body, *self.decision) if self.test == "until" else (*self.decision, *self.body)
        return (Block("loop", steps, arrow="turn"),)

    def values(self) -> tuple[Json, ...]:
        """The condition."""
        return (cast("Json", self.condition),)

    def output_shape(self, known: Mapping[str, Shape]) -> Shape:
        """The turns, with what is known of the steps of the last one."""
        last = object_shape("last", {step.id: known.get(step.id, ANY) for step in walk(self.body)})
        whole = shape_of_type(Repeated, "serialization")
        fields = {**whole.schema["properties"], "last": last.schema}
        return Shape({**whole.schema, "properties": fields}, {**whole.definitions, **last.definitions})

    def problems(self) -> Iterator[str]:
        """A repeat without steps or bounds."""
        if not self.body:
            yield "a repeat has no steps"
        if not 1 <= self.at_most <= MOST_TURNS:
            yield f"a repeat has 1 to {MOST_TURNS:,} turns"
        if not 0 <= self.every <= LONGEST_PAUSE:
            yield "the turns of a repeat are up to a year apart"
