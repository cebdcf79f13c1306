"""Branches that run at the same time."""

from __future__ import annotations

from typing import ClassVar, Literal

from resolute.plan.step import Block, Figure, Step, Steps


class Parallel(Step):
    """Run all branches at the same time; go on when each has ended."""

    kind: Literal["parallel"] = "parallel"
    id: str
    branches: tuple[Steps, ...]

    figure: ClassVar[Figure] = "hexagon"
    has_output: ClassVar[bool] = False

    @property
    def title(self) -> str:
        """That its blocks run at the same time."""
        return "in parallel"

    def blocks(self) -> tuple[Block, ...]:
        """The branches."""
        return tuple(
            Block("branch", branch, heading=f"branch {number}") for number, branch in enumerate(self.branches, 1)
        )
