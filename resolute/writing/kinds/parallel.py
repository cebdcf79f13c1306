"""Branches that run at the same time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from resolute.plan.kinds.parallel import Parallel
from resolute.plan.shapes import Shape
from resolute.plan.step import Step
from resolute.writing.checks import Scope
from resolute.writing.draft import fresh
from resolute.writing.lifting import Lifter
from resolute.writing.step import Draft
from resolute.writing.steps import Steps, knowing


@dataclass(frozen=True, eq=False)
class DraftParallel(Draft):
    """Branches that run at the same time."""

    branches: tuple[tuple[Draft, ...], ...]

    kind: ClassVar[str] = "parallel"
    spot: ClassVar[str] = "parallel"

    def blocks(self) -> tuple[tuple[Draft, ...], ...]:
        """The branches."""
        return self.branches

    def fresh(self) -> Draft:
        """The same branches in another place."""
        return DraftParallel(tuple(fresh(branch) for branch in self.branches))


def compile_parallel(draft: DraftParallel, steps: Steps, scope: Scope, place: str) -> tuple[list[Step], Scope]:
    """The branches, none of which may read another; behind them all is known that each of them has."""
    if not draft.branches or not all(draft.branches):
        steps.mistakes.report(place, "a branch is empty", "give then_parallel one or more nodes")
    branches: list[tuple[Step, ...]] = []
    known: dict[str, Shape] = {}
    elsewhere = dict(scope.elsewhere)
    siblings = [steps.naming.inside(branch) for branch in draft.branches]
    for index, branch in enumerate(draft.branches):
        beside = {
            name: f"step {name!r} runs beside this one"
            for other, names in enumerate(siblings)
            if other != index
            for name in names
        }
        inner = replace(scope, elsewhere={**scope.elsewhere, **beside})
        compiled, after = steps.block(branch, inner, f"{place}.branch[{index}].")
        branches.append(compiled)
        known |= {name: shape for name, shape in after.known.items() if name not in scope.known}
        elsewhere |= {name: why for name, why in after.elsewhere.items() if name in siblings[index]}
    step = Parallel(id=steps.naming.ids[id(draft)], branches=tuple(branches))
    return [step], knowing(replace(scope, elsewhere=elsewhere), known)


def lift_parallel(parallel: Parallel, lifter: Lifter) -> Draft:
    """The branches."""
    return DraftParallel(tuple(lifter.block(branch) for branch in parallel.branches))
