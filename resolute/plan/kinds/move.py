"""A cursor that is moved."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal, cast

from pydantic import Field, JsonValue

from resolute.plan.described import describe
from resolute.plan.step import Step, name_problems
from resolute.plan.texts import shortened
from resolute.plan.values import Json


class Move(Step):
    """Move a cursor, which all flows of a task queue share, to a value, which fits the JSON Schema `type`."""

    kind: Literal["move"] = "move"
    id: str
    cursor: str
    to: JsonValue
    type: dict[str, JsonValue] = Field(default={})

    gives_null: ClassVar[bool] = True

    @property
    def title(self) -> str:
        """Which cursor, and where to."""
        return f"{self.id}: move cursor {self.cursor} to {shortened(describe(cast('Json', self.to)), 80)}"

    def values(self) -> tuple[Json, ...]:
        """Where it is moved to."""
        return (cast("Json", self.to),)

    def problems(self) -> Iterator[str]:
        """A cursor without a name."""
        yield from name_problems("cursor", self.cursor)
