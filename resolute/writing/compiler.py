"""From a draft to a plan: names every step, checks every value, and reports every mistake at once."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final, cast

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError

from resolute.plan.errors import FlowBuildError, NotJsonError, Problem
from resolute.plan.expressions import Expression, InputModel, encode, holds_expression
from resolute.plan.language import describe, has_holes, operator_of
from resolute.plan.limits import PLAN_LIMIT, recorded_size
from resolute.plan.plan import Call, Parallel, Plan, Step, When, calls_in
from resolute.plan.provider import NodeDefinition
from resolute.plan.shapes import ANY, Shape, shape_of_type
from resolute.plan.soundness import DEEPEST_BLOCK, plan_problems, too_deep
from resolute.plan.triggers import Schedule, Webhook
from resolute.plan.values import Json
from resolute.writing.checks import Scope, check_condition, check_fit, shape_in
from resolute.writing.decision import EVALUATE, DecisionError, decision_node, named_function
from resolute.writing.draft import Draft, DraftCall, DraftParallel, DraftWhen, FlowDraft, nested
from resolute.writing.flow import Flow
from resolute.writing.literals import check_literal
from resolute.writing.names import LONGEST, problem_of_flow_name, problem_of_node
from resolute.writing.node import Node, NodeFactory, StepSource
from resolute.writing.remembering import decides, problems_of_memory, reads_of_earlier_runs, remembered

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.\-]*")
_NOTHING: Final = object()
"""In place of a value that cannot be encoded, which has been reported."""

_STEP_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_\-]*")


def compile_flow(draft: FlowDraft) -> Flow:
    """Turns a draft into a flow.

    Raises:
        FlowBuildError: the flow cannot run; lists every mistake.
    """
    depth = nested((*draft.steps, *draft.failure_steps))
    if depth > DEEPEST_BLOCK:
        raise FlowBuildError(draft.name, [too_deep(depth)])
    return _Compiler(draft).compile()


def _size_problems(plan: Plan) -> list[Problem]:
    size = recorded_size(cast("Json", plan.model_dump(mode="json")))
    if size <= PLAN_LIMIT:
        return []
    hint = "give steps references to large data instead of the data"
    return [Problem("steps", f"the plan has {size:,} bytes, {PLAN_LIMIT:,} is the most", hint)]


class _Compiler:
    def __init__(self, draft: FlowDraft) -> None:
        self.draft = draft
        self.triggers = tuple(spec.trigger for spec in draft.triggers)
        self.problems: list[Problem] = list(draft.mistakes)
        self.ids: dict[int, str] = {}  # by the identity of the draft, which stands once in the tree
        self.by_node: dict[int, list[str]] = {}
        self.named: list[str] = []
        self.shapes: dict[str, Shape] = {}
        self.definitions: dict[str, NodeDefinition] = {}
        self.taken: set[str] = set()
        self.deciding: dict[str, Callable[..., object]] = {}

    def compile(self) -> Flow:
        draft = self.draft
        self._check_frame()
        self._name_all([*draft.steps, *draft.failure_steps])
        base = Scope(
            known={},
            everywhere=self.shapes,
            elsewhere={name: f"step {name!r} comes later" for name in self.shapes},
            input=self._input_shape(),
            has_previous=any(isinstance(trigger, Schedule) and trigger.keeps_previous for trigger in self.triggers),
        )
        self._check_once(base)
        steps, scope = self._block(draft.steps, base, "")
        on_failure, _ = self._block(
            draft.failure_steps,
            replace(base, in_failure=True, elsewhere=dict.fromkeys(self.shapes, "the run may have failed before it")),
            "on_failure.",
        )
        returns = self._encode(draft.result[0], "returns") if draft.result else None
        if draft.result and returns is not _NOTHING:
            shape_in(returns, scope, lambda message, hint: self._report("returns", message, hint))
            if has_holes(returns):
                self._report("returns", "a result cannot read env(...) or secret(...)", "return a node's output")
        every_step = (*steps, *on_failure)
        reads = reads_of_earlier_runs(every_step, returns)
        for problem in problems_of_memory(reads, self.triggers, named=self.named, unnamed=self.shapes):
            self._report(problem.place, problem.message, problem.hint)
        if self.problems:
            raise FlowBuildError(draft.name, self.problems)
        if base.has_previous and decides(every_step):
            reads += [(name, ()) for name in self.named]
        plan = Plan(
            name=draft.name,
            description=draft.description,
            triggers=self.triggers,
            steps=steps,
            on_failure=on_failure,
            outputs=tuple(self.named),
            returns=cast("Any", returns),
            has_returns=bool(draft.result),
            remembers=base.has_previous and bool(reads),
            memory=remembered(every_step, reads, self.definitions) if base.has_previous else (),
        )
        if problems := [*plan_problems(plan), *_size_problems(plan)]:
            raise FlowBuildError(draft.name, problems)
        return Flow(plan, dict(self.definitions), tuple(spec.input_type for spec in draft.triggers))

    def _report(self, place: str, message: str, hint: str = "") -> None:
        problem = Problem(place, message, hint)
        if problem not in self.problems:
            self.problems.append(problem)

    def _check_frame(self) -> None:
        draft = self.draft
        if not _NAME.fullmatch(draft.name):
            self._report(
                "name", f"{draft.name!r} is no flow name", "letters, digits, '-', '_' and '.', beginning with a letter"
            )
        elif problem := problem_of_flow_name(draft.name):
            self._report("name", *problem)
        if not draft.steps:
            self._report("steps", "the flow has no step", "add one with .then(node)")
        if not draft.triggers:
            self._report(
                "trigger", "nothing starts the flow", "add .triggered_by(schedule(...)), webhook(...) or manual(...)"
            )
        kinds = [trigger.kind for trigger in self.triggers]
        for kind in ("schedule", "manual"):
            if kinds.count(kind) > 1:
                self._report("trigger", f"the flow has {kinds.count(kind)} {kind} triggers", "keep one")
        for index, spec in enumerate(draft.triggers):
            for message, hint in (*spec.trigger.problems(), *spec.problems):
                self._report(f"trigger[{index}]", message, hint)

    def _check_once(self, scope: Scope) -> None:
        for index, trigger in enumerate(self.triggers):
            if isinstance(trigger, Webhook) and isinstance(trigger.once, tuple):
                shape_in({"$input": list(trigger.once)}, scope, partial(self._report, f"trigger[{index}].once"))

    def _input_shape(self) -> Shape:
        # As the run has it: the model has read the input, and what it holds is written by field name.
        types = {spec.input_type for spec in self.draft.triggers}
        known = types.pop() if len(types) == 1 else None
        return ANY if known is None else shape_of_type(known, "serialization")

    # Names come first, so that a reference to a step further down is known as exactly that.

    def _name_all(self, drafts: Sequence[Draft]) -> None:
        calls: list[DraftCall] = []
        blocks: list[tuple[Draft, str]] = []
        _collect(drafts, calls, blocks)
        for call in calls:
            node = call.node
            if isinstance(node, Node) and node.name is not None:
                self._take(call, cast("Node[Any]", node), node.name)
        for call in calls:
            node = call.node
            if isinstance(node, Node) and node.name is None:
                self._take(call, cast("Node[Any]", node), self._free(cast("Node[Any]", node).default_name))
        for block, kind in blocks:
            self.ids[id(block)] = self._free(kind)
            self.taken.add(self.ids[id(block)])

    def _take(self, call: DraftCall, node: Node[Any], name: str) -> None:
        if node.name is not None:
            self._check_name(name)
            if name in self.taken:
                name = self._free(name)
            else:
                self.named.append(name)
        self.ids[id(call)] = name
        self.taken.add(name)
        self.by_node.setdefault(id(node.identity), []).append(name)
        self.shapes[name] = shape_of_type(node.definition.result_type, "serialization")

    def _check_name(self, name: str) -> None:
        if name in self.taken:
            self._report(f"step {name!r}", "two steps have this name", "give one another name with .as_(...)")
        if len(name) > LONGEST:
            self._report(f"step {name[:20]!r}...", f"the name has {len(name)} characters", f"{LONGEST} at most")
        elif not _STEP_NAME.fullmatch(name):
            hint = "letters, digits, '_' and '-', beginning with a letter"
            self._report(f"step {name!r}", f"{name!r} is no step name", hint)

    def _free(self, name: str) -> str:
        candidate, number = name, 2
        while candidate in self.taken:
            candidate, number = f"{name}_{number}", number + 1
        return candidate

    def _check_input_model(self, model: Any) -> None:
        """An input that no model reads comes as it was sent: by alias, where a flow reads by name."""
        try:
            adapter: TypeAdapter[Any] = TypeAdapter(model)
            by_alias, by_name = (adapter.json_schema(by_alias=each, mode="validation") for each in (True, False))
        except PydanticUserError:
            return  # nothing is known of its fields
        for index, spec in enumerate(self.draft.triggers):
            if by_alias != by_name and spec.input_type is None and not isinstance(spec.trigger, Schedule):
                name = getattr(model, "__name__", str(model))
                message = f"the flow reads the input as {name}, which has aliases, and the trigger does not"
                self._report(f"trigger[{index}]", message, f"say input={name}")

    def _name_of(self, source: object) -> str:
        if isinstance(source, InputModel):
            self._check_input_model(source.model)
            return ""
        if isinstance(source, str):
            return source
        if isinstance(source, StepSource):
            if source.name is not None:
                return source.name
            found = self.by_node.get(id(source.identity), [])
            if len(found) > 1:
                self._report(
                    f"step {found[0]!r}",
                    f"a reference can mean any of {', '.join(found)}",
                    "name each use with .as_(...)",
                )
            return found[0] if found else source.default_name
        return str(source)

    def _block(self, drafts: Sequence[Draft], scope: Scope, prefix: str) -> tuple[tuple[Step, ...], Scope]:
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
        step_id = self.ids[id(draft)]
        call = self._compile_node(cast("Node[Any]", node), step_id, scope, f"{place} {step_id!r}")
        after = _knowing(scope, {step_id: self.shapes[step_id]})
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
            self._check_name(undo.name)
        if undo.undo:
            self._report(place, "an undo step is not undone itself", "give its step all of them, in order")
        name = self._free(undo.name or f"{step_id}_undo")
        self.taken.add(name)
        return [self._compile_node(undo, name, scope, f"{place} {name!r}")]

    def _not_a_step(self, node: object, place: str) -> None:
        hint = "call it" if isinstance(node, NodeFactory) else "declare it with @node and call it"
        self._report(place, f"{_spoken(cast('object', node))} is not a step", hint)

    def _compile_node(self, node: Node[Any], step_id: str, scope: Scope, place: str) -> Call:
        definition = node.definition
        self._define(definition, place)
        for provider in self.draft.providers:
            refusal = provider.refusal(definition) if provider.name == definition.provider else None
            if refusal is not None:
                self._report(place, refusal, "grant it, or take the step out")
        for problem in node.mistakes:
            self._report(place, problem.message, problem.hint)
        if node.placement == "local" and node.policy.heartbeat is not None:
            message = "a heartbeat in the local lane is heard by nobody"
            self._report(place, message, 'take .timeout(heartbeat=...) out, or use .lane("activity")')
        arguments: dict[str, Json] = {}
        for name, value in node.arguments.items():
            if name.startswith("$"):
                message = f"input {name!r}: names that begin with '$' are those of expressions"
                self._report(place, message, "give the parameter another name")
                continue
            arguments[name] = self._argument(definition, name, value, scope, place)
        return Call(
            id=step_id,
            node=definition.name,
            arguments=cast("dict[str, Any]", arguments),
            policy=node.policy,
            lane=node.placement,
            queue=definition.queue,
        )

    def _argument(self, definition: NodeDefinition, name: str, value: object, scope: Scope, place: str) -> Json:
        annotation = definition.types.get(name, Any)
        spot = f"input {name!r}: "
        encoded = self._encode(value, place, spot)
        if encoded is _NOTHING:
            return None
        if definition.is_secret(name):
            self._check_secret(encoded, place, spot)
        if holds_expression(value):
            target = shape_of_type(annotation, "validation")
            check_fit(encoded, target, scope, lambda message, hint: self._report(place, spot + message, hint))
        else:
            self._check_literal(annotation, value, place, spot)
        return encoded

    def _check_secret(self, encoded: Json, place: str, spot: str) -> None:
        for leaf in _leaves(encoded):
            if not isinstance(leaf, Mapping):
                # Never shown: it may be the secret itself.
                self._report(place, f"{spot}a literal would be stored in the plan", "use secret('NAME')")
            elif operator_of(leaf) != "$secret":
                message = (
                    f"{spot}takes a secret by its name, and {describe(leaf)} is known outside of the worker as well"
                )
                self._report(place, message, "use secret('NAME')")

    def _check_literal(self, annotation: Any, value: object, place: str, spot: str) -> None:
        if annotation is inspect.Parameter.empty or annotation is Any:
            return
        try:
            TypeAdapter(annotation).validate_python(value, by_name=True, by_alias=True)
        except ValidationError as error:
            for detail in error.errors(include_url=False, include_context=False):
                where = ".".join(str(part) for part in detail["loc"])
                self._report(place, f"{spot}{where + ': ' if where else ''}{detail['msg']}")
        except PydanticUserError:
            return  # said where the node is defined

    def _encode(self, value: object, place: str, spot: str = "") -> Json:
        try:
            check_literal(value)
            return encode(value, self._name_of)
        except NotJsonError as error:
            self._report(place, f"{spot}{error}", error.hint)
        except ValueError as error:
            self._report(place, f"{spot}{error}", "give plain data: text, numbers, lists, objects, models, times")
        return cast("Json", _NOTHING)

    def _define(self, definition: NodeDefinition, place: str) -> None:
        if definition.name not in self.definitions:
            self._check_declaration(definition, place)
        known = self.definitions.setdefault(definition.name, definition)
        if not known.same_as(definition):
            self._report(
                place, f"two different nodes are called {definition.name!r}", "give one another with @node(name=...)"
            )

    def _check_declaration(self, definition: NodeDefinition, place: str) -> None:
        if problem := problem_of_node(definition):
            self._report(place, *problem)
        for parameter in definition.parameters.values():
            if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.VAR_POSITIONAL):
                self._report(
                    place, f"parameter {parameter.name!r} takes no name", "a node is given its arguments by name"
                )
        for name, annotation in definition.types.items():
            try:
                TypeAdapter(annotation)
            except PydanticUserError as error:
                what = "the result" if name == "return" else f"input {name!r}"
                reason, hint = str(error).split("\n", 1)[0], ""
                if isinstance(error, PydanticSchemaGenerationError):
                    reason = f"{getattr(annotation, '__name__', str(annotation))} has no JSON form"
                    hint = "declare a model, a dataclass or plain data"
                self._report(place, f"{what}: {reason}", hint)

    def _when(self, draft: DraftWhen, scope: Scope, place: str) -> tuple[list[Step], Scope]:
        step_id = self.ids[id(draft)]
        before, condition = self._condition(draft.condition, step_id, scope, place)
        then, _ = self._block(draft.then, scope, f"{place}.")
        otherwise, _ = self._block(draft.otherwise, scope, f"{place}.otherwise.")
        if not draft.then and not draft.otherwise:
            self._report(place, "the block is empty", "add .then(node) between .when(...) and .end_when()")
        maybe = {
            name: f"step {name!r} may not have run, it stands inside {place}" for name in _names_in((*then, *otherwise))
        }
        step = When(id=step_id, condition=cast("Any", condition), then=then, otherwise=otherwise)
        return [*before, step], replace(scope, elsewhere={**scope.elsewhere, **maybe})

    def _condition(self, condition: object, step_id: str, scope: Scope, place: str) -> tuple[list[Step], Json]:
        name = self._free(f"{step_id}_decision")
        if isinstance(condition, (Expression, bool)):
            encoded = self._encode(condition, place)
            if encoded is _NOTHING:
                return [], False
            check_condition(encoded, scope, lambda message, hint: self._report(place, message, hint))
            if not has_holes(encoded):
                return [], encoded
            definition, arguments = EVALUATE, {"condition": encoded}
        elif callable(condition):
            try:
                definition = decision_node(cast("Any", condition), flow=self.draft.name, step=name)
            except DecisionError as error:
                self._report(place, f"the function cannot be a decision: {error}", error.hint)
                return [], False
            self._check_decision(condition, place)
            arguments: dict[str, Json] = {"state": {"$state": []}}
        else:
            self._report(
                place,
                f"{_spoken(condition)} is no condition",
                "write an expression over outputs, or a function of the state",
            )
            return [], False
        self._define(definition, place)
        self.taken.add(name)
        call = Call(
            id=name,
            node=definition.name,
            arguments=cast("dict[str, Any]", arguments),
            policy=definition.policy,
            lane="local",
        )
        return [call], {"$output": [name]}

    def _check_decision(self, function: Callable[..., object], place: str) -> None:
        """Refuses a second function of the same name: a run in flight finds a function by its name."""
        name = named_function(function)
        if name and self.deciding.setdefault(name, function) is not function:
            message = f"two different functions are called {name!r}"
            self._report(place, message, "give one another name: runs in flight find a decision by it")

    def _parallel(self, draft: DraftParallel, scope: Scope, place: str) -> tuple[list[Step], Scope]:
        if not draft.branches or not all(draft.branches):
            self._report(place, "a branch is empty", "give then_parallel one or more nodes")
        branches: list[tuple[Step, ...]] = []
        known: dict[str, Shape] = {}
        elsewhere = dict(scope.elsewhere)
        siblings = [_draft_names(branch, self.ids) for branch in draft.branches]
        for index, branch in enumerate(draft.branches):
            beside = {
                name: f"step {name!r} runs beside this one"
                for other, names in enumerate(siblings)
                if other != index
                for name in names
            }
            inner = replace(scope, elsewhere={**scope.elsewhere, **beside})
            steps, after = self._block(branch, inner, f"{place}.branch[{index}].")
            branches.append(steps)
            known |= {name: shape for name, shape in after.known.items() if name not in scope.known}
            elsewhere |= {name: why for name, why in after.elsewhere.items() if name in siblings[index]}
        step = Parallel(id=self.ids[id(draft)], branches=tuple(branches))
        return [step], _knowing(replace(scope, elsewhere=elsewhere), known)


def _leaves(encoded: Json) -> list[Json]:
    """What a value is made of: its expressions as they are, and its literals other than null."""
    match encoded:
        case None:
            return []
        case Mapping() if operator_of(encoded) is None:
            return [leaf for item in encoded.values() for leaf in _leaves(item)]
        case list() | tuple():
            return [leaf for item in encoded for leaf in _leaves(item)]
        case _:
            return [encoded]


def _knowing(scope: Scope, known: Mapping[str, Shape]) -> Scope:
    elsewhere = {name: why for name, why in scope.elsewhere.items() if name not in known}
    return replace(scope, known={**scope.known, **known}, elsewhere=elsewhere)


def _collect(drafts: Sequence[Draft], calls: list[DraftCall], blocks: list[tuple[Draft, str]]) -> None:
    for draft in drafts:
        match draft:
            case DraftCall():
                calls.append(draft)
            case DraftWhen():
                blocks.append((draft, "when"))
                _collect([*draft.then, *draft.otherwise], calls, blocks)
            case DraftParallel():
                blocks.append((draft, "parallel"))
                _collect([inner for branch in draft.branches for inner in branch], calls, blocks)


def _draft_names(drafts: Sequence[Draft], ids: Mapping[int, str]) -> list[str]:
    calls: list[DraftCall] = []
    _collect(drafts, calls, [])
    return [ids[id(call)] for call in calls if id(call) in ids]


def _names_in(steps: tuple[Step, ...]) -> list[str]:
    return [call.id for call in calls_in(steps)]


def _spoken(value: object) -> str:
    if isinstance(value, NodeFactory):
        return f"{cast('NodeFactory[..., Any]', value).__name__}(...)"
    return repr(value) if value is None or isinstance(value, (str, int, float)) else f"a {type(value).__name__}"
