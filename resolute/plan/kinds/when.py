"""A choice between two blocks."""

from __future__ import annotations

from typing import ClassVar, Literal, cast

from pydantic import JsonValue

from resolute.plan.described import describe
from resolute.plan.step import Block, Figure, Step, Steps
from resolute.plan.values import Json


class When(Step):
    """Run `then` where the condition holds, else `otherwise`."""

    kind: Literal["when"] = "when"
    id: str
    condition: JsonValue
    then: Steps = ()
    otherwise: Steps = ()

    figure: ClassVar[Figure] = "diamond"
    has_output: ClassVar[bool] = False

    @property
    def title(self) -> str:
        """The condition."""
        return describe(cast("Json", self.condition))

    def blocks(self) -> tuple[Block, ...]:
        """Both blocks, `then` first."""
        return (
            Block("choice", self.then, arrow="yes"),
            Block("choice", self.otherwise, heading="otherwise", arrow="no"),
        )

    def values(self) -> tuple[Json, ...]:
        """The condition."""
        return (cast("Json", self.condition),)
