"""A node with its arguments, ready to be a step, and the call that it becomes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, ClassVar, Final, TypeVar, cast

from resolute.plan.errors import Problem
from resolute.plan.kinds.call import Call
from resolute.plan.policies import Lane, Policy
from resolute.plan.provider import NodeDefinition
from resolute.plan.step import Step
from resolute.plan.values import Json
from resolute.writing.checks import Scope
from resolute.writing.lifting import Lifter, decoded
from resolute.writing.step import Draft, FlowStep, is_factory, spoken
from resolute.writing.steps import Steps, knowing

R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True, eq=False)
class Node(FlowStep[R_co]):
    """A node with its arguments, ready to be a step. Every change is a copy, so flows share nothing.

    `written_at` is the file and line of the author's that gave the arguments.
    """

    definition: NodeDefinition
    arguments: Mapping[str, object]
    policy: Policy
    placement: Lane
    undo: tuple[Node[Any], ...] = ()

    @property
    def default_name(self) -> str:
        """The step's name where `as_` gave none: `pagerduty.TriggerEvent` becomes `trigger_event`."""
        last = self.definition.name.rsplit(".", 1)[-1]
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", last).lower()

    @property
    def result_type(self) -> Any:
        """The type that the node returns."""
        return self.definition.result_type

    @property
    def untyped(self) -> str:
        """The node's name, where its function does not say what it returns."""
        return "" if self.definition.says_result else self.definition.name

    def draft(self) -> Draft:
        """The node in its place in a flow."""
        return DraftCall(self)

    def retry(
        self,
        attempts: int | None = None,
        *,
        initial: timedelta | None = None,
        maximum: timedelta | None = None,
        coefficient: float | None = None,
    ) -> Node[R_co]:
        """Changes when a failed attempt is repeated; `attempts` of 0 means no limit. Source: Temporal's RetryPolicy."""
        changes = _given(
            attempts=attempts, initial=_seconds(initial), maximum=_seconds(maximum), coefficient=coefficient
        )
        return self._with_policy("retry", {**self.policy.retry.model_dump(), **changes})

    def timeout(
        self, timeout: timedelta | None = None, *, within: timedelta | None = None, heartbeat: timedelta | None = None
    ) -> Node[R_co]:
        """Limits one attempt (`timeout`), all attempts together (`within`), and the silence between heartbeats."""
        copy: Node[R_co] = self
        for name, value in (("timeout", timeout), ("within", within), ("heartbeat", heartbeat)):
            if value is not None:
                copy = copy._with_policy(name, value.total_seconds())
        return copy

    def on_failure(self, *undo: Node[Any]) -> Node[R_co]:
        """What to run when this step has completed and the run fails later; undo steps run last step first."""
        return replace(self, undo=undo)

    def lane(self, lane: Lane) -> Node[R_co]:
        """Chooses the lane: `local` for quick nodes that are safe to repeat, else `activity`."""
        return replace(self, placement=lane)

    def _with_policy(self, name: str, value: object) -> Node[R_co]:
        try:
            policy = Policy.model_validate({**self.policy.model_dump(), name: value})
        except ValueError as error:
            return replace(self, mistakes=(*self.mistakes, Problem("", f"{name}: {_first_line(error)}")))
        return replace(self, policy=policy)


@dataclass(frozen=True, eq=False)
class DraftCall(Draft):
    """A node in its place."""

    step: Node[Any]  # pyright: ignore[reportIncompatibleVariableOverride]  # narrower, and frozen

    kind: ClassVar[str] = "call"

    def fresh(self) -> Draft:
        """The same node in another place."""
        return DraftCall(self.step)


def compile_call(draft: DraftCall, steps: Steps, scope: Scope, place: str) -> tuple[list[Step], Scope]:
    """The call, behind which its output is known; its undo steps may read that too."""
    step_id = steps.naming.ids[id(draft)]
    call = compiled_call(draft.step, steps, step_id, scope, f"{place} {step_id!r}")
    after = knowing(scope, {step_id: steps.naming.shapes[step_id]})
    undo = tuple(
        compiled
        for number, inner in enumerate(cast("tuple[object, ...]", draft.step.undo))
        for compiled in _undo(inner, steps, step_id, replace(after, in_failure=True), f"{place}.on_failure[{number}]")
    )
    return [call.model_copy(update={"undo": undo}) if undo else call], after


REPORTED: Final = object()
"""In place of a step whose mistake has been reported."""


@dataclass(frozen=True, eq=False)
class DraftMistake(Draft):
    """What is no step, where one should be."""

    value: object

    kind: ClassVar[str] = "mistake"

    def fresh(self) -> Draft:
        """The same mistake in another place."""
        return DraftMistake(self.value)


def compile_mistake(draft: DraftMistake, steps: Steps, scope: Scope, place: str) -> tuple[list[Step], Scope]:
    """Reports it."""
    if draft.value is not REPORTED:
        report_no_step(draft.value, steps, place)
    return [], scope


def report_no_step(value: object, steps: Steps, place: str) -> None:
    """Says that a value is no step, and what to do."""
    hint = "call it" if is_factory(value) else "declare it with @node and call it"
    steps.mistakes.report(place, f"{spoken(value)} is not a step", hint)


def compiled_call(node: Node[Any], steps: Steps, step_id: str, scope: Scope, place: str) -> Call:
    """A node as a plan holds it, with everything about it checked but its undo steps."""
    definition = node.definition
    steps.places[step_id] = node.written_at
    steps.declarations.add(definition, place)
    for provider in steps.providers:
        refusal = provider.refusal(definition) if provider.name == definition.provider else None
        if refusal is not None:
            steps.mistakes.report(place, refusal, "grant it, or take the step out")
    for problem in node.mistakes:
        steps.mistakes.report(place, problem.message, problem.hint)
    if node.placement == "local":
        _check_local(node, steps, place)
    return Call(
        id=step_id,
        node=definition.name,
        arguments=cast("dict[str, Any]", steps.values.arguments(definition, node.arguments, scope, place)),
        policy=node.policy,
        lane=node.placement,
        queue=definition.queue,
        effect=definition.effect,
        contract=definition.contract,
    )


def _check_local(node: Node[Any], steps: Steps, place: str) -> None:
    """Says what has no place in the local lane, where nobody hears what an attempt leaves behind."""
    if node.policy.heartbeat is not None:
        message = "a heartbeat in the local lane is heard by nobody"
        steps.mistakes.report(place, message, 'take .timeout(heartbeat=...) out, or use .lane("activity")')
    if node.definition.leaves_word:
        message = (
            f"node {node.definition.name!r} may do its work twice in the local lane: if its worker is killed while it "
            "sends, the next attempt does not know that there was one"
        )
        steps.mistakes.report(place, message, 'use .lane("activity")')


def call_inside(
    node: object, steps: Steps, default: str, scope: Scope, place: str, *, of: str
) -> tuple[Node[Any], Call] | None:
    """A node that stands inside another step, such as an alarm's, and its call; None where it is no node.

    It has the name that its author gave it, else one like `default`. `of` is whose step it is, for the message that
    such a step is not undone.
    """
    if not isinstance(node, Node):
        report_no_step(node, steps, place)
        return None
    called, naming = cast("Node[Any]", node), steps.naming
    if called.name is not None:
        naming.check(called.name)
    if called.undo:
        steps.mistakes.report(place, f"a step of {of} is not undone", "take .on_failure(...) out")
    name = naming.free(called.name or default)
    naming.take(name)
    return called, compiled_call(called, steps, name, scope, f"{place} {name!r}")


def lift_call(call: Call, lifter: Lifter) -> Draft:
    """The node with its arguments; a policy that the plan leaves out is the node's own."""
    definition = lifter.node(call)
    if definition is None:
        return DraftMistake(REPORTED)
    return DraftCall(_node(call, definition, lifter, lifter.name_of(call)))


def lift_node(call: Call, lifter: Lifter) -> Node[Any] | None:
    """The node of a call that stands inside another step, under the id that it has; None where it is not known."""
    definition = lifter.node(call)
    return None if definition is None else _node(call, definition, lifter, call.id)


def _node(call: Call, definition: NodeDefinition, lifter: Lifter, name: str | None) -> Node[Any]:
    undo = [(each, known) for each in call.undo if (known := lifter.node(each))]
    return Node(
        definition,
        {parameter: decoded(cast("Json", value)) for parameter, value in call.arguments.items()},
        call.policy if "policy" in call.model_fields_set else definition.policy,
        call.lane if "lane" in call.model_fields_set else definition.lane,
        name=name,
        undo=tuple(_node(each, known, lifter, each.id) for each, known in undo),
        written_at=lifter.place(call),
    )


def _undo(node: object, steps: Steps, step_id: str, scope: Scope, place: str) -> list[Call]:
    if isinstance(node, FlowStep) and not isinstance(node, Node):
        hint = "let a node undo the step, or give the flow an on_failure(...) of its own"
        steps.mistakes.report(place, f"undo steps are nodes, and this is {node.draft().kind}(...)", hint)
        return []
    if not isinstance(node, Node):
        report_no_step(node, steps, place)
        return []
    undo = cast("Node[Any]", node)
    if undo.name is not None:
        steps.naming.check(undo.name)
    if undo.undo:
        steps.mistakes.report(place, "an undo step is not undone itself", "give its step all of them, in order")
    name = steps.naming.free(undo.name or f"{step_id}_undo")
    steps.naming.take(name)
    return [compiled_call(undo, steps, name, scope, f"{place} {name!r}")]


def _given(**values: object) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}


def _seconds(length: timedelta | None) -> float | None:
    return None if length is None else length.total_seconds()


def _first_line(error: ValueError) -> str:
    lines = str(error).splitlines()
    return lines[2].strip() if len(lines) > 2 else lines[0]
