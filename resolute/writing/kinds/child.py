"""Another flow, as a step of this one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar, cast, overload

from pydantic import BaseModel

from resolute.plan.kinds.child import DEEPEST, Child, depth_of_flows
from resolute.plan.language import expressions_in
from resolute.plan.plan import with_inner
from resolute.plan.policies import ParentClose
from resolute.plan.shapes import shape_of_type
from resolute.plan.step import Step
from resolute.plan.triggers import Schedule
from resolute.plan.values import Json
from resolute.writing.flow import Flow
from resolute.writing.given import given_input, misfits
from resolute.writing.lifting import Lifter, decoded
from resolute.writing.places import place_of_caller
from resolute.writing.scope import Scope
from resolute.writing.step import Draft, FlowStep, spoken
from resolute.writing.steps import Steps, knowing
from resolute.writing.values import NOTHING

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True, eq=False)
class ChildStep(FlowStep[R_co], Generic[R_co]):
    """Another flow as a step. See `child`."""

    flow: object
    input: object = None
    result: Any = Any
    parent_close: ParentClose = "cancel"

    @property
    def default_name(self) -> str:
        """The step's name where `as_` gave none: that of the flow."""
        return re.sub(r"[^A-Za-z0-9_\-]", "_", self.flow.name) if isinstance(self.flow, Flow) else "child"

    @property
    def result_type(self) -> Any:
        """What the author says that the flow gives."""
        return self.result

    def draft(self) -> Draft:
        """The step in its place."""
        return DraftChild(self)


@overload
def child(flow: Flow, input: object = None, *, parent_close: ParentClose = "cancel") -> ChildStep[Any]: ...
@overload
def child(
    flow: Flow,
    input: object = None,
    *,
    result: type[R],
    parent_close: ParentClose = "cancel",
) -> ChildStep[R]: ...
def child(
    flow: Flow,
    input: object = None,  # noqa: A002  # the word that authors know from triggers
    *,
    result: Any = Any,
    parent_close: ParentClose = "cancel",
) -> ChildStep[Any]:
    """Runs another flow as a run of its own, and waits for its result.

    The other run has its own history, and can be looked at by itself. If this run fails later, the undo steps of the
    other run are run too. If the other run fails, the step fails and says at which step, and why. The other flow's plan
    becomes part of this one, so that no edit changes a run in flight.

    Args:
        flow: a flow that has been built.
        input: its input, checked against the model of its trigger; references are given as they are.
        result: the type of its result, which `build()` checks; without it the result is checked, and typed as `Any`.
        parent_close: what becomes of the other run where this one is cancelled, or ends before it: it is cancelled and
            undoes its work (`cancel`), goes on (`abandon`), or is cut off (`terminate`).

    >>> from resolute import flow, manual, node
    >>> @node
    ... async def drain(host: str) -> str:
    ...     return host
    >>> drained = flow("drain-host").triggered_by(manual("drain")).then(drain("db-1").as_("host")).build()
    >>> child(drained).as_("drain").output.host
    drain.host
    """
    return ChildStep(flow, input, result, parent_close, written_at=place_of_caller())


@dataclass(frozen=True, eq=False)
class DraftChild(Draft):
    """Another flow in its place."""

    step: ChildStep[Any]  # pyright: ignore[reportIncompatibleVariableOverride]  # narrower, and frozen

    kind: ClassVar[str] = "child"

    def fresh(self) -> Draft:
        """The same flow in another place."""
        return DraftChild(self.step)


def compile_child(draft: DraftChild, steps: Steps, scope: Scope, place: str) -> tuple[list[Step], Scope]:
    """The other flow with its plan and its nodes; behind it its result is known."""
    step_id, written = steps.naming.ids[id(draft)], draft.step
    place = f"{place} {step_id!r}"
    flow = written.flow
    if not isinstance(flow, Flow):
        hint = "give a flow that has been built, as in child(drain, input=...) with drain = flow(...)....build()"
        steps.mistakes.report(place, f"{spoken(flow)} is no flow that can be run", hint)
        return [], scope
    _check(flow, written, steps, place)
    steps.children += [flow, *flow.children]
    for definition in flow.nodes.values():
        steps.declarations.add(definition, place)
        for provider in steps.providers:
            refusal = provider.refusal(definition) if provider.name == definition.provider else None
            if refusal is not None:
                steps.mistakes.report(place, refusal, "grant it, or take the step out")
    known = shape_of_type(written.result, "serialization") if written.result is not Any else flow.gives
    compiled = Child(
        id=step_id,
        plan=flow.plan,
        input=cast("Any", _input(flow, written, steps, scope, place)),
        parent_close=written.parent_close if written.parent_close in ("abandon", "terminate") else "cancel",
    )
    return [compiled], knowing(scope, {step_id: known})


def lift_child(child: Child, lifter: Lifter) -> Draft:
    """The flow of the embedded plan, with its input."""
    given = decoded(cast("Json", child.input))
    step = ChildStep[Any](
        lifter.flow(child.plan, f"step {child.id!r}"),
        given,
        parent_close=child.parent_close,
        name=lifter.name_of(child),
        written_at=lifter.place(child),
    )
    return DraftChild(step)


def _check(flow: Flow, written: ChildStep[Any], steps: Steps, place: str) -> None:
    if steps.flow in {plan.name for plan in with_inner(flow.plan)}:
        hint = "a run would start runs without an end: use repeat(...), or give one of them another name"
        steps.mistakes.report(place, f"flow {steps.flow!r} would run itself", hint)
    if depth_of_flows(flow.plan) >= DEEPEST:
        steps.mistakes.report(place, f"flows run flows more than {DEEPEST} deep", "put their steps into one flow")
    if written.parent_close not in ("cancel", "abandon", "terminate"):
        message = f"parent_close={written.parent_close!r} is not known"
        steps.mistakes.report(place, message, 'give "cancel", "abandon" or "terminate"')
    if written.result is not Any:
        for problem in misfits(flow.gives, shape_of_type(written.result, "validation")):
            steps.mistakes.report(place, f"result: {problem}", f"flow {flow.name!r} gives something else")


def _input(flow: Flow, written: ChildStep[Any], steps: Steps, scope: Scope, place: str) -> Json:
    encoded = steps.values.encode(written.input, place, "input: ")
    if encoded is NOTHING:
        return None
    for operator, _ in expressions_in(encoded):
        if operator == "$secret":
            message = "input: a secret would be recorded as the input of the other run"
            steps.mistakes.report(place, message, "read it in the steps of that flow, by secret(...)")
        if operator == "$env":
            message = "input: the input is read in the run, which knows no env(...)"
            steps.mistakes.report(place, message, "read it in the steps of that flow, or let a node return it")
    triggers = [trigger for trigger in flow.plan.triggers if not isinstance(trigger, Schedule)]
    if not triggers and encoded is not None:
        message = f"input: flow {flow.name!r} is started by its schedule and takes no input"
        steps.mistakes.report(place, message, "leave it out, or give the flow manual(...) as well")
        return None
    models: list[type[BaseModel]] = [model for each in triggers if (model := flow.input_model(each)) is not None]
    return given_input(models[0], encoded, scope, steps.mistakes.at(place, "input: ")) if models else encoded
