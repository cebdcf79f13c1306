"""A choice between two blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, cast

from resolute.plan.kinds.call import Call
from resolute.plan.kinds.when import When
from resolute.plan.step import Step
from resolute.plan.values import Json
from resolute.writing.checks import Scope
from resolute.writing.draft import fresh
from resolute.writing.lifting import Lifter
from resolute.writing.presence import present_where
from resolute.writing.step import Draft
from resolute.writing.steps import Steps, hiding


@dataclass(frozen=True, eq=False)
class DraftWhen(Draft):
    """A condition with its two blocks."""

    condition: object
    then: tuple[Draft, ...]
    otherwise: tuple[Draft, ...]
    opened_at: str = ""

    kind: ClassVar[str] = "when"
    spot: ClassVar[str] = "when"

    @property
    def written_at(self) -> str:
        """The file and line of its `.when(...)`."""
        return self.opened_at

    def blocks(self) -> tuple[tuple[Draft, ...], ...]:
        """Both blocks."""
        return (self.then, self.otherwise)

    def fresh(self) -> Draft:
        """The same choice in another place."""
        return replace(self, then=fresh(self.then), otherwise=fresh(self.otherwise))


def compile_when(draft: DraftWhen, steps: Steps, scope: Scope, place: str) -> tuple[list[Step], Scope]:
    """The choice, behind the decision that it reads; what stands in its blocks may not have run."""
    step_id = steps.naming.ids[id(draft)]
    before, condition = steps.conditions.compiled(draft.condition, step_id, scope, place)
    then, _ = steps.block(draft.then, _where(before, condition, scope, holds=True), f"{place}.")
    otherwise, _ = steps.block(draft.otherwise, _where(before, condition, scope, holds=False), f"{place}.otherwise.")
    if not draft.then and not draft.otherwise:
        steps.mistakes.report(place, "the block is empty", "add .then(node) between .when(...) and .end_when()")
    step = When(id=step_id, condition=cast("Any", condition), then=then, otherwise=otherwise)
    return [*before, step], hiding(scope, (*then, *otherwise), f"may not have run, it is inside {place}")


def _where(decision: Sequence[Call], condition: Json, scope: Scope, *, holds: bool) -> Scope:
    """The scope of a block: what its condition says of values that may be null. What a function found is its own."""
    if not decision:
        return replace(scope, present=scope.present | present_where(condition, holds=holds))
    if "condition" not in decision[0].arguments:
        return replace(scope, is_decided=True)
    decided = cast("Json", decision[0].arguments["condition"])
    return replace(scope, present=scope.present | present_where(decided, holds=holds))


def lift_when(when: When, lifter: Lifter) -> Draft:
    """The choice, with the condition of the decision before it."""
    condition = lifter.condition(cast("Json", when.condition))
    return DraftWhen(condition, lifter.block(when.then), lifter.block(when.otherwise), lifter.place(when))
