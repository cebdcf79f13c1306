"""A block that runs once for each item of a list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Generic, Literal, TypeVar, cast

from pydantic import JsonValue

from resolute.plan.described import describe
from resolute.plan.failing import Failure
from resolute.plan.shapes import ANY, Shape, list_of, or_null, shape_of_type
from resolute.plan.step import Block, Figure, Step, Steps
from resolute.plan.values import Json

T = TypeVar("T")

OnError = Literal["fail", "collect"]

MOST_AT_ONCE: Final = 500
"""Items that may be at work at the same time: as many calls as a run has at work."""


@dataclass(frozen=True, kw_only=True)
class Outcome(Generic[T]):
    """What became of one item of `each(..., on_error="collect")`.

    `index` is the item's place in the list, `output` what its body gave where it is `ok`, `failure` why it failed
    where it is not.
    """

    index: int
    ok: bool
    output: T | None = None
    failure: Failure | None = None


class Each(Step):
    """Run `body` once for each item that `where` holds for, `at_once` of them at the same time.

    The item is read by the step's name. `gives` is the step of the body whose output is the item's; None where the
    body has none to give. With `on_error="collect"` the outputs are outcomes (see `Outcome`), and a failed item is one
    of them.
    """

    kind: Literal["each"] = "each"
    id: str
    items: JsonValue
    where: JsonValue = True
    body: Steps
    gives: str | None = None
    at_once: int = 20
    on_error: OnError = "fail"

    figure: ClassVar[Figure] = "hexagon"

    @property
    def title(self) -> str:
        """What it runs over, and how."""
        chosen = "" if self.where is True else f" where {describe(cast('Json', self.where))}"
        collected = ", failures collected" if self.on_error == "collect" else ""
        return f"{self.id}: each of {describe(cast('Json', self.items))}{chosen}, {self.at_once} at once{collected}"

    def blocks(self) -> tuple[Block, ...]:
        """The body."""
        return (Block("loop", self.body, arrow="each item"),)

    def values(self) -> tuple[Json, ...]:
        """The list, and the condition that its items are chosen by."""
        return (cast("Json", self.items), cast("Json", self.where))

    def output_shape(self, known: Mapping[str, Shape]) -> Shape:
        """A list of what the body gives, or of outcomes."""
        item = known.get(self.gives or "", ANY)
        if self.on_error == "collect":
            outcome = shape_of_type(Outcome[Any], "serialization")
            fields = {**outcome.schema["properties"], "output": or_null(item).schema}
            known = {**outcome.definitions, **item.definitions}
            return list_of(Shape({**outcome.schema, "properties": fields}, known))
        return list_of(item)

    def iterates(self) -> Json:
        """The list."""
        return cast("Json", self.items)

    def problems(self) -> Iterator[str]:
        """No body, a number of items at once that no run takes, an output of a step that is not in the body."""
        if not self.body:
            yield "its body is empty"
        if not 1 <= self.at_once <= MOST_AT_ONCE:
            yield f"it runs {self.at_once} items at once: 1 to {MOST_AT_ONCE} can be asked for"
        if self.gives is not None and all(step.id != self.gives for step in self.body):
            yield f"it gives the output of step {self.gives!r}, which does not stand in its body"
