"""From a plan back to what an author would have written, so that a flow which is data passes the same checks.

Each kind is turned back in its own file (see `kinds`). What only Python can say, a function that decides, is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeAlias, cast

from resolute.plan.errors import FlowBuildError, Problem
from resolute.plan.expressions import Expression, Reference
from resolute.plan.keyed import KeyedSpec
from resolute.plan.kinds.call import DECISIONS, EVALUATE, Call
from resolute.plan.language import SOURCES, operands, operator_of
from resolute.plan.plan import Plan
from resolute.plan.provider import NodeDefinition, Provider
from resolute.plan.shapes import did_you_mean
from resolute.plan.step import Step
from resolute.plan.triggers import TriggerSpec
from resolute.plan.values import Json
from resolute.writing.draft import FlowDraft
from resolute.writing.flow import Flow
from resolute.writing.step import Draft

Lifting: TypeAlias = "Callable[[Any, Lifter], Draft]"
"""Gives what an author would have written for a step of a plan."""


class Lifter:
    """Turns the steps of one plan back.

    `nodes` are those that the plan may call, by name, and `built` gives the flow of a plan that a step runs.
    """

    def __init__(
        self,
        plan: Plan,
        nodes: Mapping[str, NodeDefinition],
        kinds: Mapping[type[Step], Lifting],
        built: Callable[[Plan], Flow],
    ) -> None:
        self.ids: dict[int, str] = {}
        self.mistakes: list[Problem] = []
        self._named = frozenset(plan.outputs) if "outputs" in plan.model_fields_set else None
        self._plan = plan
        self._nodes = nodes
        self._kinds = kinds
        self._built = built
        self._decisions: dict[str, Call] = {}

    def draft(self, providers: Sequence[Provider]) -> FlowDraft:
        """The whole flow."""
        plan = self._plan
        steps, failure_steps = self.block(plan.steps), self.block(plan.on_failure)
        return FlowDraft(
            name=plan.name,
            description=plan.description,
            triggers=tuple(TriggerSpec(trigger) for trigger in plan.triggers),
            steps=steps,
            failure_steps=failure_steps,
            result=(decoded(cast("Json", plan.returns)),) if plan.has_returns else (),
            mistakes=tuple(self.mistakes),
            providers=tuple(providers),
            ids=self.ids,
            when_stuck=plan.when_stuck,
            mode=plan.mode,
            keyed=KeyedSpec(plan.one_per),
            within=None if plan.within is None else timedelta(seconds=plan.within),
        )

    def block(self, steps: Sequence[Step]) -> tuple[Draft, ...]:
        """The drafts of a block, each with the id that its step has."""
        drafts: list[Draft] = []
        for step in steps:
            if isinstance(step, Call) and step.node == EVALUATE:
                self._decisions[step.id] = step  # the condition behind it says it
                continue
            draft = self._kinds[type(step)](step, self)
            self.ids[id(draft)] = step.id
            drafts.append(draft)
        return tuple(drafts)

    def name_of(self, step: Step) -> str | None:
        """The name that the author gave; None where the id was made up. Who says nothing of it has named every step."""
        return step.id if self._named is None or step.id in self._named else None

    def place(self, step: Step) -> str:
        """The file and line where the step is written."""
        return self._plan.places.get(step.id, "")

    def node(self, call: Call) -> NodeDefinition | None:
        """The node of a call; None where there is none of that name, which is reported."""
        found = self._nodes.get(call.node)
        if call.node.startswith(DECISIONS):
            found = None  # it is found by its place in a Python flow
            hint = "write the condition as an expression, or keep the flow in Python"
            self.mistakes.append(Problem(f"step {call.id!r}", "a Python function decides there", hint))
        elif found is None:
            hint = did_you_mean(call.node, list(self._nodes))
            self.mistakes.append(Problem(f"step {call.id!r}", f"no node is called {call.node!r}", hint))
        return found

    def flow(self, plan: Plan, place: str) -> Flow | None:
        """The flow of a plan that a step runs; None where it is none, which is reported."""
        try:
            return self._built(plan)
        except FlowBuildError as error:
            self.mistakes += [replace(each, place=f"{place}, {each.place}") for each in error.problems]
            return None

    def condition(self, condition: Json) -> object:
        """A condition as an author writes it; one that only the worker can know stands in the step before it."""
        if isinstance(condition, Mapping) and operator_of(condition) == "$output":
            inner = operands(condition)
            decision = self._decisions.get(str(inner[0])) if len(inner) == 1 else None
            if decision is not None:
                return decoded(cast("Json", decision.arguments.get("condition")))
        return decoded(condition)


def decoded(value: Json) -> object:
    """A value of a plan as an author writes it: its expressions as such, its data as it is."""
    match value:
        case Mapping():
            operator = operator_of(value)
            if operator is None:
                return {_unescaped(key): decoded(item) for key, item in value.items()}
            inner = operands(value)
            if operator in {"$env", "$secret"}:
                return Expression(operator, inner[0])
            kind = Reference if operator in SOURCES - {"$now", "$state"} else Expression
            return kind(operator, *(decoded(item) for item in inner))
        case list() | tuple():
            return [decoded(item) for item in value]
        case _:
            return value


def _unescaped(key: str) -> str:
    return key[1:] if key.startswith("$$") else key
