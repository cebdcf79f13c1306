"""Whether the code of this process can go on with a run that began with other code.

A run carries its plan, and calls the nodes that are deployed now. So what its plan gives a node and reads of it is held
against what the node takes and gives now.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from resolute.execution.boundary import mistakes_in_argument, required, takes
from resolute.execution.code import Code
from resolute.execution.remaining import Remaining, When, all_of, undo_of
from resolute.plan.described import describe
from resolute.plan.errors import ResoluteError
from resolute.plan.kinds.call import DECISIONS, EVALUATE, Call
from resolute.plan.language import HOLES, SOURCES, expressions_in
from resolute.plan.plan import INTERPRETER, Plan
from resolute.plan.provider import NodeDefinition
from resolute.plan.shapes import ANY, Shape, object_shape, shape_of_type, shape_of_value
from resolute.plan.step import Step, walk
from resolute.plan.values import Json
from resolute.running.evaluate import Scope as Values
from resolute.running.evaluate import evaluate
from resolute.writing.checks import Scope, check_fit, shape_in

_READ: Final = frozenset({"$output", "$last"})


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A remaining step of a run that this code cannot execute, why, and what to do about it.

    `step` is empty where it is the run as a whole. It is not `certain` where the record does not say which value the
    step will be given. `when` is "if it fails" for what undoes steps or answers a failure.
    """

    step: str
    node: str
    problem: str
    remedy: str
    certain: bool = True
    when: When = "ahead"


def findings(plan: Plan, code: Code, remaining: Remaining) -> list[Finding]:
    """Every remaining step of a run that the code could not execute, in the order of the plan."""
    if plan.interpreter > INTERPRETER:
        problem = f"its plan is for interpreter {plan.interpreter}, this release has {INTERPRETER}"
        return [Finding(step="", node="", problem=problem, remedy="deploy the newer release")]
    return list(dict.fromkeys(_Check(plan, code, remaining).findings()))


class _Check:
    """One plan held against the code."""

    def __init__(self, plan: Plan, code: Code, remaining: Remaining) -> None:
        self._plan = plan
        self._code = code
        self._remaining = remaining
        self._steps = list(walk((*plan.steps, *plan.on_failure)))
        self._edited: dict[str, str] = {}
        self._shapes: dict[str, Shape] = {}
        for step in reversed(self._steps):  # what is inside a step comes before it
            self._shapes[step.id] = self._shape(step)
        self._scope = Scope(
            known=self._shapes,
            everywhere=self._shapes,
            last=self._shapes,
            items={step.id: ANY for step in self._steps},
            has_previous=True,
            in_failure=True,
            is_decided=True,
        )
        for step in self._steps:
            listed = step.iterates()
            if listed is not None:
                known, items = self._known(listed)
                shape = shape_of_value(items) if known else shape_in(listed, self._scope, _unheard)
                item = shape.item or ANY
                self._scope = replace(self._scope, items={**self._scope.items, step.id: item})
                if self._reads_edited(listed):
                    self._edited[f"item of {step.id}"] = step.id

    def findings(self) -> Iterator[Finding]:
        """Every finding, in the order of the plan."""
        for step in self._steps:
            when = self._remaining.steps.get(step.id)
            if when is not None:
                for found in self._of_step(step):
                    yield replace(found, when=when)
            inner = self._remaining.inner.get(step.id)
            for plan in step.plans() if inner is not None else ():
                ahead = all_of(plan) if inner == "ahead" else undo_of(plan)
                for found in findings(plan, self._code, ahead):
                    yield replace(found, step=f"{step.id}.{found.step}".rstrip("."), when=inner)
        if self._remaining.steps:
            for problem in self._misread(cast("Json", self._plan.returns)):
                yield Finding(step="", node="", problem=f"its result {problem}", remedy=_KEEP_FIELD)

    def _shape(self, step: Step) -> Shape:
        """What is known of an output: its value, where the step has ended, else what the code here says of it."""
        if step.id in self._remaining.outputs:
            return shape_of_value(self._remaining.outputs[step.id])
        if isinstance(step, Call):
            node = self._code.node(self._plan.name, step)
            if node is None:
                return ANY
            if node.contract != step.contract:
                self._edited[step.id] = node.name
            return shape_of_type(node.result_type, "serialization")
        inside = [each.id for block in step.blocks() for each in walk(block.steps)]
        if any(each in self._edited for each in inside):
            self._edited[step.id] = step.id
        for inner in step.plans():
            return self._result(step, inner)
        return step.output_shape(self._shapes)

    def _result(self, step: Step, inner: Plan) -> Shape:
        """The result of a flow that a step runs."""
        check = _Check(inner, self._code, all_of(inner))
        if check._edited:
            self._edited[step.id] = step.id
        if inner.has_returns:
            return shape_in(cast("Json", inner.returns), check._scope, _unheard)
        return object_shape(inner.name, {name: check._shapes.get(name, ANY) for name in inner.outputs})

    def _of_step(self, step: Step) -> Iterator[Finding]:
        if isinstance(step, Call):
            yield from self._of_call(step)
            return
        for value in step.values():
            for problem in self._misread(value):
                yield Finding(step=step.id, node="", problem=problem, remedy=_KEEP_FIELD)

    def _of_call(self, call: Call) -> Iterator[Finding]:
        if missing := self._code.missing(self._plan.name, call):
            yield Finding(step=call.id, node=call.node, problem=missing.problem, remedy=missing.remedy)
            return
        node = self._code.node(self._plan.name, call)
        if node is None:
            return
        misread = [problem for value in call.values() for problem in self._misread(value)]
        for problem in misread:
            yield Finding(step=call.id, node=call.node, problem=problem, remedy=_KEEP_FIELD)
        decides = call.node.startswith((DECISIONS, EVALUATE))
        if not misread and not decides and node.contract != call.contract:
            yield from self._of_arguments(call, node)

    def _of_arguments(self, call: Call, node: NodeDefinition) -> Iterator[Finding]:
        at_work = self._remaining.arguments.get(call.id)
        given = cast("Mapping[str, Json]", call.arguments if at_work is None else at_work)
        for name, value in given.items():
            if not takes(node, name):
                problem = f"the run's plan gives it {name!r}, and the node has no such parameter"
                remedy = "keep the parameter, with a default"
                yield Finding(step=call.id, node=call.node, problem=problem, remedy=remedy)
                continue
            problem, certain = self._misfit(node, name, value)
            if problem:
                remedy = "let the parameter take what it took before" if certain else "look at the run"
                yield Finding(step=call.id, node=call.node, problem=problem, remedy=remedy, certain=certain)
        for name in required(node):
            if name not in given:
                problem = f"the node needs {name!r}, which the run's plan does not give"
                yield Finding(step=call.id, node=call.node, problem=problem, remedy="give the parameter a default")

    def _misfit(self, node: NodeDefinition, name: str, value: Json) -> tuple[str, bool]:
        """Why a parameter would not take what the plan gives it, and whether that is certain; empty where it would."""
        known, argument = self._known(value)
        if known:
            return "; ".join(mistakes_in_argument(node, name, argument)), True
        annotation: Any = node.types.get(name, Any)
        target = shape_of_type(annotation, "validation")
        found: list[str] = []
        check_fit(value, target, self._scope, lambda message, _: found.append(message))
        if found:
            return f"{name!r}: {found[0]}", True
        if not target.is_any and shape_in(value, self._scope, _unheard).is_any:
            return f"{name!r}: cannot tell whether {describe(value)} still fits, its value is not recorded yet", False
        return "", True

    def _known(self, value: Json) -> tuple[bool, Json]:
        """Whether a value of the plan is settled by what the run has recorded, and then what it is."""
        for operator, inner in expressions_in(value):
            read = operator == "$output" and str(inner[0]) in self._remaining.outputs
            given = operator == "$input" and self._remaining.has_input
            if operator in SOURCES | HOLES and not (read or given):
                return False, None
        scope = Values(outputs=self._remaining.outputs, input=self._remaining.input, interpreter=self._plan.interpreter)
        try:
            return True, evaluate(value, scope)
        except ResoluteError:
            return False, None  # the run itself will say so, by whatever code

    def _misread(self, value: Json) -> list[str]:
        """What a value reads that is no longer in the output of an edited node."""
        if not self._reads_edited(value):
            return []
        found: list[str] = []
        shape_in(value, self._scope, lambda message, _: found.append(message))
        return found

    def _reads_edited(self, value: Json) -> bool:
        for operator, inner in expressions_in(value):
            if operator in _READ and str(inner[0]) in self._edited:
                return True
            if operator == "$item" and f"item of {inner[0]}" in self._edited:
                return True
        return False


_KEEP_FIELD: Final = "keep the field in what the node returns"


def _unheard(message: str, hint: str) -> None:
    """For a shape whose mistakes are told elsewhere."""
