"""Steps that run again and again until a condition ends them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, ClassVar, cast

from resolute.plan.errors import Problem
from resolute.plan.kinds.repeat import LONGEST_PAUSE, MOST_TURNS, Exhausted, Repeat, Repeated
from resolute.plan.shapes import Shape, object_shape, or_null, shape_of_type
from resolute.plan.step import Step, of_one_turn
from resolute.plan.values import Json
from resolute.writing.conditions import Condition
from resolute.writing.draft import fresh
from resolute.writing.lifting import Lifter
from resolute.writing.places import place_of_caller
from resolute.writing.placing import Chain, mistakes_of, steps_of
from resolute.writing.scope import Scope
from resolute.writing.step import Draft, FlowStep
from resolute.writing.steps import Steps, hiding, knowing


@dataclass(frozen=True, eq=False)
class RepeatStep(FlowStep[Repeated]):
    """Steps that run in turns. See `repeat`."""

    body: object
    drafts: tuple[Draft, ...] = ()
    until: object = None
    while_: object = None
    every: timedelta = timedelta(0)
    at_most: int = 1
    on_exhausted: Exhausted = "fail"

    @property
    def default_name(self) -> str:
        """The step's name where `as_` gave none."""
        return "repeat"

    @property
    def result_type(self) -> Any:
        """How the turns ended."""
        return Repeated

    def draft(self) -> Draft:
        """The step in its place."""
        return DraftRepeat(self, fresh(self.drafts))


def repeat(
    body: FlowStep[Any] | Chain | Sequence[FlowStep[Any]],
    *,
    until: Condition | None = None,
    while_: Condition | None = None,
    every: timedelta = timedelta(0),
    at_most: int,
    on_exhausted: Exhausted = "fail",
) -> RepeatStep:
    """Runs steps in turns: until a condition holds, or while one does. Each turn is recorded, and survives restarts.

    Args:
        body: a step, a list of steps, or `branch().then(...)...`; any step may stand in it, another `repeat` too.
        until: looked at behind each turn; it reads what the steps of this turn have given.
        while_: looked at before each turn, straight behind the one before it; it reads what the steps of the turn
            before have given, by `last_turn(...)`. Give one of the two.
        every: from the beginning of one turn to that of the next. A turn that takes longer is followed at once.
        at_most: how many turns there may be.
        on_exhausted: what becomes of the step where those have been and the condition would go on: it fails, or the
            flow goes on and `.output.ended_by` is `"at_most"`.

    The step gives `turns`, `ended_by` and the outputs of the last turn: `poll.output.last["look"]`. In a turn,
    `last_turn(look.output.cursor)` is the value in the turn before.

    >>> from datetime import timedelta
    >>> from resolute import node
    >>> @node
    ... async def is_up(host: str) -> bool:
    ...     return True
    >>> look = is_up("db-1")
    >>> repeat(look, until=look.output, every=timedelta(seconds=30), at_most=40).as_("wait_for_db").name
    'wait_for_db'
    """
    return RepeatStep(
        body,
        steps_of(body),
        until,
        while_,
        every,
        at_most,
        on_exhausted,
        written_at=place_of_caller(),
    )


@dataclass(frozen=True, eq=False)
class DraftRepeat(Draft):
    """Steps that run in turns, in their place."""

    step: RepeatStep  # pyright: ignore[reportIncompatibleVariableOverride]  # narrower, and frozen
    body: tuple[Draft, ...] = ()

    kind: ClassVar[str] = "repeat"
    repeats: ClassVar[bool] = True

    def blocks(self) -> tuple[tuple[Draft, ...], ...]:
        """The body."""
        return (self.body,)

    def fresh(self) -> Draft:
        """The same in another place."""
        return DraftRepeat(self.step, fresh(self.body))


def compile_repeat(draft: DraftRepeat, steps: Steps, scope: Scope, place: str) -> tuple[list[Step], Scope]:
    """The turns, behind which is known how they ended; what stands in them is known there alone."""
    step_id, written = steps.naming.ids[id(draft)], draft.step
    spot = f"{place} {step_id!r}"
    for problem in (*mistakes_of(written.body, f"{place}."), *_problems(written)):
        steps.mistakes.report(problem.place or spot, problem.message, problem.hint)
    given = {name: steps.naming.shapes[name] for name in steps.naming.inside(draft.body)}
    inside = replace(scope, last={**scope.last, **given})
    body, after = steps.block(draft.body, inside, f"{place}.")
    condition, where = (written.until, after) if written.until is not None else (written.while_, inside)
    decision, asked = steps.conditions.compiled(condition, step_id, where, spot) if _asks(written) else ([], True)
    compiled = Repeat(
        id=step_id,
        body=body,
        test="while" if written.until is None else "until",
        condition=cast("Any", asked),
        decision=tuple(decision),
        every=min(max(_seconds(written.every), 0.0), LONGEST_PAUSE),
        at_most=written.at_most if _is_bound(written.at_most) else 1,
        on_exhausted="continue" if written.on_exhausted == "continue" else "fail",
    )
    behind = hiding(scope, compiled.blocks()[0].steps, f"runs in turns of {step_id!r}")
    return [compiled], knowing(behind, {step_id: _shape(compiled, steps, after)})


def _asks(written: RepeatStep) -> bool:
    return (written.until is None) is not (written.while_ is None)


def _problems(written: RepeatStep) -> list[Problem]:
    found: list[Problem] = []
    if not written.drafts:
        found.append(Problem("", "the body is empty", "give repeat(...) one or more steps"))
    if not _asks(written):
        hint = "repeat(look, until=look.output.ready, ...), or while_=..."
        found.append(Problem("", "repeat takes one condition, until=... or while_=...", hint))
    if not _is_bound(written.at_most):
        message = f"at_most={written.at_most!r} is no number of turns"
        found.append(Problem("", message, f"give a whole number from 1 to {MOST_TURNS:,}"))
    if not isinstance(cast("object", written.every), timedelta) or not 0 <= _seconds(written.every) <= LONGEST_PAUSE:
        found.append(
            Problem("", f"every={written.every!r} is no distance between turns", "give a timedelta of up to a year")
        )
    if written.on_exhausted not in ("fail", "continue"):
        found.append(Problem("", f"on_exhausted={written.on_exhausted!r} is not known", 'give "fail" or "continue"'))
    return found


def _is_bound(at_most: object) -> bool:
    return isinstance(at_most, int) and not isinstance(at_most, bool) and 1 <= at_most <= MOST_TURNS


def _seconds(length: object) -> float:
    return length.total_seconds() if isinstance(length, timedelta) else 0.0


def _shape(repeat: Repeat, steps: Steps, after: Scope) -> Shape:
    """What the step gives, with the outputs of its last turn as far as they are known to be there."""
    given: dict[str, Shape] = {}
    for step in of_one_turn(repeat.body):
        if step.id in steps.naming.shapes:
            certain = repeat.test == "until" and step.id in after.known
            given[step.id] = steps.naming.shapes[step.id] if certain else or_null(steps.naming.shapes[step.id])
    known = shape_of_type(Repeated, "serialization")
    fields = {name: known.at(name) or Shape() for name in known.fields}
    return object_shape("Repeated", {**fields, "last": object_shape("last", given)})


def lift_repeat(repeat: Repeat, lifter: Lifter) -> Draft:
    """The turns, with the condition of the decision beside it."""
    body = lifter.block(repeat.body)
    lifter.block(repeat.decision)
    condition = cast("Condition", lifter.condition(cast("Json", repeat.condition)))
    step = RepeatStep(
        (),
        body,
        condition if repeat.test == "until" else None,
        condition if repeat.test == "while" else None,
        timedelta(seconds=repeat.every),
        repeat.at_most,
        repeat.on_exhausted,
        name=lifter.name_of(repeat),
        written_at=lifter.place(repeat),
    )
    return DraftRepeat(step, body)
