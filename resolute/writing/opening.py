"""The `when` blocks of a flow that are still open while it is written, and what is said of those that stay so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from resolute.plan.errors import Problem
from resolute.plan.expressions import Expression
from resolute.plan.texts import shortened
from resolute.writing.draft import Draft
from resolute.writing.kinds.when import DraftWhen


@dataclass(frozen=True)
class OpenWhen:
    """A `when` that `end_when` has not closed yet.

    `outer` are the steps before it, `then` those of its first block once `otherwise` was said, and `written_at` is the
    file and the line that opened it.
    """

    condition: object
    outer: tuple[Draft, ...]
    then: tuple[Draft, ...] | None = None
    written_at: str = ""

    def closed(self, steps: tuple[Draft, ...]) -> tuple[Draft, ...]:
        """The steps before the block and the block itself, which ends with `steps`."""
        then, otherwise = (steps, ()) if self.then is None else (self.then, steps)
        return (*self.outer, DraftWhen(self.condition, then, otherwise, self.written_at))


def place_inside(blocks: Sequence[OpenWhen]) -> str:
    """How the places of steps begin that stand in the innermost of these blocks."""
    return "".join(f"when[{len(block.outer)}]." + ("otherwise." if block.then is not None else "") for block in blocks)


def problems_of_open(blocks: Sequence[OpenWhen], prefix: str) -> list[Problem]:
    """The mistake of each block that is still open where the flow or branch ends."""
    return [
        Problem(
            f"{prefix}{place_inside(blocks[:index])}when[{len(block.outer)}]",
            f".when({_spoken(block.condition)}) in {block.written_at} is not closed",
            "write .end_when() where its block ends",
        )
        for index, block in enumerate(blocks)
    ]


def _spoken(condition: object) -> str:
    if isinstance(condition, (Expression, bool, str)):
        return shortened(repr(condition), 200)
    return getattr(condition, "__qualname__", f"a {type(condition).__name__}")
