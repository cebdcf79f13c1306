"""The steps of a flow, from drafts to what a plan holds. How each kind is compiled stands in `kinds`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from resolute.plan.shapes import Shape
from resolute.plan.step import Step, walk
from resolute.writing.checks import Scope
from resolute.writing.conditions import Conditions
from resolute.writing.declarations import Declarations
from resolute.writing.draft import FlowDraft
from resolute.writing.flow import Flow
from resolute.writing.mistakes import Mistakes
from resolute.writing.naming import Naming
from resolute.writing.step import Draft
from resolute.writing.values import Values

Compiling: TypeAlias = "Callable[[Any, Steps, Scope, str], tuple[list[Step], Scope]]"
"""Gives what a plan holds of a draft, and what may be read behind it; the text is the draft's place."""


class Steps:
    """What the kinds of steps share while one flow is compiled. `places` says where each was written, by its name.

    `children` collects the flows that steps run.
    """

    def __init__(
        self,
        draft: FlowDraft,
        kinds: Mapping[type[Draft], Compiling],
        *,
        naming: Naming,
        declarations: Declarations,
        values: Values,
        mistakes: Mistakes,
    ) -> None:
        self._kinds = kinds
        self.places: dict[str, str] = {}
        self.flow = draft.name
        self.children: list[Flow] = []
        self.providers = draft.providers
        self.naming = naming
        self.declarations = declarations
        self.values = values
        self.mistakes = mistakes
        self.conditions = Conditions(draft.name, naming, declarations, values, mistakes)

    def block(self, drafts: Sequence[Draft], scope: Scope, prefix: str) -> tuple[tuple[Step, ...], Scope]:
        """The steps of a block, and what may be read behind them; `prefix` is the place of the block."""
        steps: list[Step] = []
        for index, draft in enumerate(drafts):
            added, scope = self._kinds[type(draft)](draft, self, scope, f"{prefix}{draft.spot}[{index}]")
            steps += added
            self.places |= dict.fromkeys((step.id for step in added), draft.written_at)
        return tuple(steps), scope


def knowing(scope: Scope, known: Mapping[str, Shape]) -> Scope:
    """The scope behind steps that have certainly run."""
    elsewhere = {name: why for name, why in scope.elsewhere.items() if name not in known}
    return replace(scope, known={**scope.known, **known}, elsewhere=elsewhere)


def hiding(scope: Scope, steps: Sequence[Step], why: str) -> Scope:
    """The scope behind steps whose outputs cannot be read there; `why` is said of each."""
    hidden = {step.id: f"step {step.id!r} {why}" for step in walk(tuple(steps))}
    return replace(scope, elsewhere={**scope.elsewhere, **hidden})
