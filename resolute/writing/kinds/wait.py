"""A wait for an event in a flow."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, ClassVar, Generic, TypeVar, cast, overload

from resolute.plan.errors import ExpressionError, Problem
from resolute.plan.event import Event, name_problem
from resolute.plan.expressions import Expression, Reference
from resolute.plan.fitting import standalone
from resolute.plan.kinds.sleep import LONGEST
from resolute.plan.kinds.wait import Wait
from resolute.plan.language import has_holes
from resolute.plan.lists import condition_on
from resolute.plan.shapes import Described, shape_of_type
from resolute.plan.step import Step
from resolute.plan.values import Json
from resolute.writing.checks import Scope, check_condition
from resolute.writing.lifting import Lifter, decoded
from resolute.writing.places import place_of_caller
from resolute.writing.step import Draft, FlowStep, StepSource, spoken
from resolute.writing.steps import Steps, knowing
from resolute.writing.values import NOTHING

T = TypeVar("T")
R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True, eq=False)
class WaitStep(FlowStep[R_co], Generic[R_co]):
    """A wait for an event. See `wait_for`."""

    event: Event[Any]
    timeout: timedelta | None = None
    where: Expression | None = None

    @property
    def default_name(self) -> str:
        """The step's name where `as_` gave none: that of the event."""
        known = re.sub(r"[^A-Za-z0-9_\-]+", "_", self.event.names[0] if self.event.names else "").strip("_-")
        return known[:60] if known[:1].isalpha() else "wait"

    @property
    def result_type(self) -> Any:
        """The event; null where there is a timeout."""
        return self.event.model if self.timeout is None else self.event.model | None

    def draft(self) -> Draft:
        """The step in its place."""
        return DraftWait(self)


@overload
def wait_for(event: Event[T], *, where: Callable[[T], bool] | None = None) -> WaitStep[T]: ...
@overload
def wait_for(
    event: Event[T], *, timeout: timedelta, where: Callable[[T], bool] | None = None
) -> WaitStep[T | None]: ...
def wait_for(
    event: Event[Any], *, timeout: timedelta | None = None, where: Callable[[Any], bool] | None = None
) -> WaitStep[Any]:
    """Waits until the run is told of an event, which is the step's output; null after the timeout.

    An event that came earlier in the run has been kept, and is taken at once. With `where`, only an event for which the
    condition holds is taken. Of several steps that wait for the same event, the first one in the flow takes it.

    >>> from datetime import timedelta
    >>> from pydantic import BaseModel
    >>> from resolute import signal
    >>> class Deployed(BaseModel):
    ...     version: str
    >>> deployed = wait_for(signal("deployed", Deployed), timeout=timedelta(hours=1)).as_("deploy")
    >>> deployed.output.version
    deploy.version
    """
    known = cast("object", event)
    step: WaitStep[Any] = WaitStep(
        event if isinstance(known, Event) else Event(()), timeout, written_at=place_of_caller()
    )
    mistakes: list[Problem] = []
    if not isinstance(known, Event):
        hint = 'write wait_for(signal("deployed", Deployed)), or give an event of a provider'
        mistakes.append(Problem("", f"{spoken(known)} is no event", hint))
    condition: Expression | None = None
    if where is not None:
        source = StepSource(step.identity, None, step.default_name, step.event.model)
        try:
            condition = condition_on(Reference("$item", source), where, "wait_for(..., where=...)")
        except ExpressionError as error:
            mistakes.append(Problem("", str(error), ""))
    return replace(step, where=condition, mistakes=tuple(mistakes))


@dataclass(frozen=True, eq=False)
class DraftWait(Draft):
    """A wait in its place."""

    step: WaitStep[Any]  # pyright: ignore[reportIncompatibleVariableOverride]  # narrower, and frozen

    kind: ClassVar[str] = "wait"

    def fresh(self) -> Draft:
        """The same wait in another place."""
        return DraftWait(self.step)


def compile_wait(draft: DraftWait, steps: Steps, scope: Scope, place: str) -> tuple[list[Step], Scope]:
    """The wait, behind which its event is known."""
    step, step_id = draft.step, steps.naming.ids[id(draft)]
    place = f"{place} {step_id!r}"
    for problem in step.mistakes:
        steps.mistakes.report(place, problem.message, problem.hint)
    for name in step.event.names:
        if problem := name_problem(name):
            steps.mistakes.report(place, problem, 'name it as its sender does, such as "deployed"')
    timeout = cast("object", step.timeout)
    good = timeout is None or (isinstance(timeout, timedelta) and 0 < timeout.total_seconds() <= LONGEST)
    if not good:
        hint = "give a timedelta of up to ten years, as in timeout=timedelta(minutes=15)"
        steps.mistakes.report(place, f"timeout: {timeout!r} is no length of a wait", hint)
    shape = shape_of_type(step.event.model, "validation")
    where = None
    if step.where is not None:
        where = steps.values.encode(step.where, place, "where: ")
        if where is not NOTHING:
            inside = replace(scope, items={**scope.items, step_id: shape_of_type(step.event.model, "serialization")})
            check_condition(where, inside, steps.mistakes.at(place, "where: "))
            if has_holes(where):
                hint = "compare with a value of the run: an output, the input"
                steps.mistakes.report(place, "where: the condition reads env(...) or secret(...)", hint)
    compiled = Wait(
        id=step_id,
        events=step.event.names,
        accepts=dict(standalone(shape)),
        where=cast("Any", None if where is NOTHING else where),
        timeout=timeout.total_seconds() if isinstance(timeout, timedelta) and good else None,
    )
    return [compiled], knowing(scope, {step_id: steps.naming.shapes[step_id]})


def lift_wait(wait: Wait, lifter: Lifter) -> Draft:
    """The wait; the schema of its event stands for a model."""
    model = Described(cast("Any", wait.accepts)) if wait.accepts else Any
    step: WaitStep[Any] = WaitStep(
        Event(wait.events, model),
        None if wait.timeout is None else timedelta(seconds=wait.timeout),
        None if wait.where is None else cast("Expression", decoded(cast("Json", wait.where))),
        name=lifter.name_of(wait),
        written_at=lifter.place(wait),
    )
    return DraftWait(step)
