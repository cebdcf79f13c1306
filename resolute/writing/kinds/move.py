"""Moving a cursor, as a step of a flow."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, ClassVar, cast

from resolute.plan.cursors import cursor_parts
from resolute.plan.expressions import Expression
from resolute.plan.kinds.move import Move
from resolute.plan.language import has_holes
from resolute.plan.shapes import Shape
from resolute.plan.step import Step
from resolute.plan.values import Json
from resolute.writing.checks import Scope, check_fit, shape_in
from resolute.writing.lifting import Lifter, decoded
from resolute.writing.places import place_of_caller
from resolute.writing.step import Draft, FlowStep, spoken
from resolute.writing.steps import Steps
from resolute.writing.values import NOTHING


@dataclass(frozen=True, eq=False)
class MoveStep(FlowStep[None]):
    """A cursor that is moved. See `move`."""

    cursor: object
    to: object

    @property
    def default_name(self) -> str:
        """The step's name where `as_` gave none."""
        found = cursor_parts(self.cursor)
        known = re.sub(r"[^A-Za-z0-9_\-]+", "_", found[0]).strip("_-") if found else ""
        return f"move_{known[:60]}" if known else "move"

    @property
    def result_type(self) -> Any:
        """Nothing."""
        return type(None)

    def draft(self) -> Draft:
        """The step in its place."""
        return DraftMove(self)


def move(cursor: object, *, to: object) -> MoveStep:
    """Moves a cursor: what it is moved to is kept once the run has come here, however the run ends.

    A run that fails before keeps nothing, so that the next one reads the old value and does the same again.

    >>> from resolute import cursor, output
    >>> move(cursor("incidents"), to=output("page.next")).step_name
    'move_incidents'
    """
    return MoveStep(cursor, to, written_at=place_of_caller())


@dataclass(frozen=True, eq=False)
class DraftMove(Draft):
    """A cursor that is moved, in its place."""

    step: MoveStep  # pyright: ignore[reportIncompatibleVariableOverride]  # narrower, and frozen

    kind: ClassVar[str] = "move"

    def fresh(self) -> Draft:
        """The same in another place."""
        return DraftMove(self.step)


def compile_move(draft: DraftMove, steps: Steps, scope: Scope, place: str) -> tuple[list[Step], Scope]:
    """The move; nothing of it can be read."""
    step_id = steps.naming.ids[id(draft)]
    place = f"{place} {step_id!r}"
    found = cursor_parts(draft.step.cursor)
    if found is None:
        hint = 'write move(cursor("incidents"), to=page.output.next)'
        steps.mistakes.report(place, f"{spoken(draft.step.cursor)} is no cursor", hint)
        return [], scope
    encoded = steps.values.encode(draft.step.to, place, "to: ")
    if encoded is NOTHING:
        return [], scope
    name, schema = found
    if schema:
        check_fit(encoded, Shape(schema, schema.get("$defs", {})), scope, steps.mistakes.at(place, "to: "))
    else:
        shape_in(encoded, scope, steps.mistakes.at(place, "to: "))
    if has_holes(encoded):
        hint = "what is kept is known to everybody: give a value of the run"
        steps.mistakes.report(place, "to: a cursor cannot be moved to env(...) or secret(...)", hint)
    return [Move(id=step_id, cursor=name, to=cast("Any", encoded), type=schema)], scope


def lift_move(move: Move, lifter: Lifter) -> Draft:
    """The move."""
    step = MoveStep(
        Expression("$cursor", move.cursor, *((move.type,) if move.type else ())),
        decoded(cast("Json", move.to)),
        name=lifter.name_of(move),
        written_at=lifter.place(move),
    )
    return DraftMove(step)
