"""A budget as a step of a flow."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, Final, cast

from resolute.plan.allowance import LONGEST_WINDOW, MOST_OF_A_BUDGET, Allowance
from resolute.plan.errors import Problem
from resolute.plan.kinds.budget import Budget
from resolute.plan.language import has_holes
from resolute.plan.shapes import Shape
from resolute.plan.step import Step
from resolute.plan.values import Json
from resolute.writing.checks import Scope, check_fit
from resolute.writing.lifting import Lifter, decoded
from resolute.writing.places import place_of_caller
from resolute.writing.step import Draft, FlowStep
from resolute.writing.steps import Steps, knowing
from resolute.writing.values import NOTHING

_KEY: Final = Shape({"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "number"}]})


@dataclass(frozen=True, eq=False)
class BudgetStep(FlowStep[Allowance]):
    """A budget. See `budget`."""

    of: str
    at_most: int
    per: timedelta
    take: int = 1
    key: object = None

    @property
    def default_name(self) -> str:
        """The step's name where `as_` gave none: that of the budget."""
        known = re.sub(r"[^A-Za-z0-9_\-]+", "_", str(self.of)).strip("_-")
        return known[:60] if known[:1].isalpha() else "budget"

    @property
    def result_type(self) -> Any:
        """What was granted."""
        return Allowance

    def draft(self) -> Draft:
        """The step in its place."""
        return DraftBudget(self)


def budget(name: str, *, at_most: int, per: timedelta, key: object = None, take: int = 1) -> BudgetStep:
    """Asks a budget, which all flows of a task queue share by its name, whether one more is granted.

    In no stretch of time of the length `per`, wherever it begins, is more granted than `at_most`. What a run was
    answered counts once, however often its worker is killed. The answer is an `Allowance`; what is refused is for the
    flow to leave out, and `first_refused` is the place to send one summary.

    Args:
        name: what the budget is called.
        at_most: how much is granted in a stretch of time. Flows that say different numbers are each held to their own.
        per: how long that is.
        key: a value of the run, such as `input_data(Alert).service`: each of its values has a budget of its own.
        take: how much is asked for. With 0 the step only looks: it takes nothing, and is refused nothing.

    >>> from datetime import timedelta
    >>> pages = budget("pages", at_most=3, per=timedelta(hours=1))
    >>> pages.output.granted
    pages.granted
    """
    return BudgetStep(name, at_most, per, take, key, written_at=place_of_caller())


@dataclass(frozen=True, eq=False)
class DraftBudget(Draft):
    """A budget in its place."""

    step: BudgetStep  # pyright: ignore[reportIncompatibleVariableOverride]  # narrower, and frozen

    kind: ClassVar[str] = "budget"

    def fresh(self) -> Draft:
        """The same in another place."""
        return DraftBudget(self.step)


def compile_budget(draft: DraftBudget, steps: Steps, scope: Scope, place: str) -> tuple[list[Step], Scope]:
    """The budget, behind which its answer is known."""
    step, step_id = draft.step, steps.naming.ids[id(draft)]
    place = f"{place} {step_id!r}"
    problems = _problems(step)
    for problem in problems:
        steps.mistakes.report(place, problem.message, problem.hint)
    key = None if step.key is None else steps.values.encode(step.key, place, "key: ")
    if key is not None and key is not NOTHING:
        check_fit(key, _KEY, scope, steps.mistakes.at(place, "key: "))
        if has_holes(key):
            hint = "give a value of the run: a field of the input, an output"
            steps.mistakes.report(place, "key: it is read in the run, which knows no env(...) or secret(...)", hint)
    behind = knowing(scope, {step_id: steps.naming.shapes[step_id]})
    if problems:
        return [], behind
    compiled = Budget(
        id=step_id,
        name=step.of,
        at_most=step.at_most,
        per=step.per.total_seconds(),
        take=step.take,
        key=cast("Any", None if key is NOTHING else key),
    )
    return [compiled], behind


def _problems(step: BudgetStep) -> list[Problem]:
    found: list[Problem] = []
    of, per = cast("object", step.of), cast("object", step.per)
    if not isinstance(of, str) or not of.strip() or not of.isprintable():
        found.append(Problem("", f"{of!r} is no name of a budget", 'name it, as in budget("pages", ...)'))
    if not _is_number(step.at_most, 1, MOST_OF_A_BUDGET):
        hint = f"give a whole number from 1 to {MOST_OF_A_BUDGET:,}"
        found.append(Problem("", f"at_most={step.at_most!r} is no number that can be granted", hint))
    elif not _is_number(step.take, 0, step.at_most):
        hint = "give a whole number up to at_most, or 0 to look only"
        found.append(Problem("", f"take={step.take!r} is not to be had from {step.at_most}", hint))
    if not isinstance(per, timedelta) or not 0 < per.total_seconds() <= LONGEST_WINDOW:
        hint = "give a timedelta of up to a year, as in per=timedelta(hours=1)"
        found.append(Problem("", f"per={per!r} is no stretch of time", hint))
    return found


def _is_number(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def lift_budget(budget: Budget, lifter: Lifter) -> Draft:
    """The budget."""
    step = BudgetStep(
        budget.name,
        budget.at_most,
        timedelta(seconds=budget.per),
        budget.take,
        None if budget.key is None else decoded(cast("Json", budget.key)),
        name=lifter.name_of(budget),
        written_at=lifter.place(budget),
    )
    return DraftBudget(step)
