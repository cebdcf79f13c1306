"""The steps of a flow, from drafts to what a plan holds: calls with their undo steps, blocks and branches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from resolute.plan.kinds.call import Call, calls_in
from resolute.plan.kinds.parallel import Parallel
from resolute.plan.kinds.when import When
from resolute.plan.step import Step
from resolute.plan.shapes import Shape
from resolute.plan.values import Json
from resolute.writing.checks import Scope
from resolute.writing.conditions import Conditions
from resolute.writing.declarations import Declarations
from resolute.writing.draft import Draft, DraftCall, DraftParallel, DraftWhen, FlowDraft
from resolute.writing.mistakes import Mistakes
from resolute.writing.naming import Naming
from resolute.writing.node import Node, NodeFactory, spoken
from resolute.writing.presence import present_where
from resolute.writing.values import Values


class Steps:
    """Compiles the steps of one flow. `places` says where each was written, by its name."""

    def __init__(
        self, draft: FlowDraft, naming: Naming, declarations: Declarations, values: Values, mistakes: Mistakes
    ) -> None:
        self.places: dict[str, str] = {}
        self._providers = draft.providers
        self._naming = naming
        self._declarations = declarations
        self._values = values
        self._mistakes = mistakes
        self._conditions = Conditions(draft.name, naming, declarations, values, mistakes)

    def block(self, drafts: Sequence[Draft], scope: Scope, prefix: str) -> tuple[tuple[Step, ...], Scope]:
        """The steps of a block, and what may be read behind them; `prefix` is the place of the block."""
        steps: list[Step] = []
        for index, draft in enumerate(drafts):
            match draft:
                case DraftCall():
                    added, scope = self._call(draft, scope, f"{prefix}then[{index}]")
                case DraftWhen():
                    added, scope = self._when(draft, scope, f"{prefix}when[{index}]")
                case DraftParallel():
                    added, scope = self._parallel(draft, scope, f"{prefix}parallel[{index}]")
            steps += added
        return tuple(steps), scope

    def _call(self, draft: DraftCall, scope: Scope, place: str) -> tuple[list[Step], Scope]:
        node = draft.node
        if not isinstance(node, Node):
            self._not_a_step(node, place)
            return [], scope
        step_id = self._naming.ids[id(draft)]
        call = self._node(cast("Node[Any]", node), step_id, scope, f"{place} {step_id!r}")
        after = _knowing(scope, {step_id: self._naming.shapes[step_id]})
        undo = tuple(
            compiled
            for number, inner in enumerate(cast("tuple[object, ...]", node.undo))
            for compiled in self._undo(inner, step_id, replace(after, in_failure=True), f"{place}.on_failure[{number}]")
        )
        return [call.model_copy(update={"undo": undo}) if undo else call], after

    def _undo(self, node: object, step_id: str, scope: Scope, place: str) -> list[Call]:
        if not isinstance(node, Node):
            self._not_a_step(node, place)
            return []
        undo = cast("Node[Any]", node)
        if undo.name is not None:
            self._naming.check(undo.name)
        if undo.undo:
            self._mistakes.report(place, "an undo step is not undone itself", "give its step all of them, in order")
        name = self._naming.free(undo.name or f"{step_id}_undo")
        self._naming.take(name)
        return [self._node(undo, name, scope, f"{place} {name!r}")]

    def _not_a_step(self, node: object, place: str) -> None:
        hint = "call it" if isinstance(node, NodeFactory) else "declare it with @node and call it"
        self._mistakes.report(place, f"{spoken(cast('object', node))} is not a step", hint)

    def _node(self, node: Node[Any], step_id: str, scope: Scope, place: str) -> Call:
        definition = node.definition
        self.places[step_id] = node.written_at
        self._declarations.add(definition, place)
        for provider in self._providers:
            refusal = provider.refusal(definition) if provider.name == definition.provider else None
            if refusal is not None:
                self._mistakes.report(place, refusal, "grant it, or take the step out")
        for problem in node.mistakes:
            self._mistakes.report(place, problem.message, problem.hint)
        if node.placement == "local" and node.policy.heartbeat is not None:
            message = "a heartbeat in the local lane is heard by nobody"
            self._mistakes.report(place, message, 'take .timeout(heartbeat=...) out, or use .lane("activity")')
        return Call(
            id=step_id,
            node=definition.name,
            arguments=cast("dict[str, Any]", self._values.arguments(node, scope, place)),
            policy=node.policy,
            lane=node.placement,
            queue=definition.queue,
        )

    def _when(self, draft: DraftWhen, scope: Scope, place: str) -> tuple[list[Step], Scope]:
        step_id = self._naming.ids[id(draft)]
        before, condition = self._conditions.compiled(draft.condition, step_id, scope, place)
        self.places |= dict.fromkeys((*(call.id for call in before), step_id), draft.written_at)
        then, _ = self.block(draft.then, _where(before, condition, scope, holds=True), f"{place}.")
        otherwise, _ = self.block(draft.otherwise, _where(before, condition, scope, holds=False), f"{place}.otherwise.")
        if not draft.then and not draft.otherwise:
            self._mistakes.report(place, "the block is empty", "add .then(node) between .when(...) and .end_when()")
        maybe = {
            call.id: f"step {call.id!r} may not have run, it is inside {place}"
            for call in calls_in((*then, *otherwise))
        }
        step = When(id=step_id, condition=cast("Any", condition), then=then, otherwise=otherwise)
        return [*before, step], replace(scope, elsewhere={**scope.elsewhere, **maybe})

    def _parallel(self, draft: DraftParallel, scope: Scope, place: str) -> tuple[list[Step], Scope]:
        if not draft.branches or not all(draft.branches):
            self._mistakes.report(place, "a branch is empty", "give then_parallel one or more nodes")
        branches: list[tuple[Step, ...]] = []
        known: dict[str, Shape] = {}
        elsewhere = dict(scope.elsewhere)
        siblings = [self._naming.inside(branch) for branch in draft.branches]
        for index, branch in enumerate(draft.branches):
            beside = {
                name: f"step {name!r} runs beside this one"
                for other, names in enumerate(siblings)
                if other != index
                for name in names
            }
            inner = replace(scope, elsewhere={**scope.elsewhere, **beside})
            steps, after = self.block(branch, inner, f"{place}.branch[{index}].")
            branches.append(steps)
            known |= {name: shape for name, shape in after.known.items() if name not in scope.known}
            elsewhere |= {name: why for name, why in after.elsewhere.items() if name in siblings[index]}
        step = Parallel(id=self._naming.ids[id(draft)], branches=tuple(branches))
        return [step], _knowing(replace(scope, elsewhere=elsewhere), known)


def _where(decision: Sequence[Call], condition: Json, scope: Scope, *, holds: bool) -> Scope:
    """The scope of a block: what its condition says of values that may be null. What a function found is its own."""
    if not decision:
        return replace(scope, present=scope.present | present_where(condition, holds=holds))
    if "condition" not in decision[0].arguments:
        return replace(scope, is_decided=True)
    decided = cast("Json", decision[0].arguments["condition"])
    return replace(scope, present=scope.present | present_where(decided, holds=holds))


def _knowing(scope: Scope, known: Mapping[str, Shape]) -> Scope:
    elsewhere = {name: why for name, why in scope.elsewhere.items() if name not in known}
    return replace(scope, known={**scope.known, **known}, elsewhere=elsewhere)
