"""Flows as data: a plan with the same checks that `build()` makes, and a flow as short data that people can read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

from pydantic import BaseModel, ValidationError

from resolute.plan.errors import FlowBuildError, Problem
from resolute.plan.kinds.call import DECISIONS, EVALUATE, Call
from resolute.plan.plan import FORMAT, INTERPRETER, Plan
from resolute.plan.provider import NodeDefinition, Provider
from resolute.plan.soundness import plan_problems
from resolute.plan.step import Step, walk
from resolute.plan.values import Json, JsonObject
from resolute.writing.compiler import compile_flow
from resolute.writing.flow import Flow
from resolute.writing.kinds import LIFTING
from resolute.writing.lifting import Lifter

SUFFIXES: Final = (".flow.yaml", ".flow.yml", ".flow.json")
"""How the names of files end that hold a flow as data (see `documents`)."""

_MADE: Final = frozenset({"remembers", "memory", "places", "has_returns", "outputs", "types"})
"""What the compiler makes of the rest."""


@dataclass(frozen=True)
class Document:
    """A flow as it stands in a file: its data, and the line of each step, by the step's name."""

    data: Json
    lines: Mapping[str, int] = field(default_factory=dict[str, int])


def flow_from_data(
    data: Json,
    nodes: Mapping[str, NodeDefinition],
    *,
    providers: Sequence[Provider] = (),
    places: Mapping[str, str] | None = None,
) -> Flow:
    """A flow from its data, which passes every check of `build()`.

    Args:
        data: what `flow_as_data` gives, or a whole plan as JSON; what is left out has its default, and a call without
            a policy has that of its node.
        nodes: the nodes that it may call, by name.
        providers: instances whose grants the flow is held against.
        places: where each step is written, by its name.

    Raises:
        FlowBuildError: the flow cannot run; lists every mistake.
    """
    plan = _plan(data)
    if problems := plan_problems(plan):
        raise FlowBuildError(plan.name, problems)
    plan = plan.model_copy(update={"places": dict(places or {})})
    return _built(plan, nodes, providers)


def _built(plan: Plan, nodes: Mapping[str, NodeDefinition], providers: Sequence[Provider]) -> Flow:
    lifter = Lifter(plan, nodes, LIFTING, lambda inner: _built(inner, nodes, ()))
    return compile_flow(lifter.draft(providers))


def flow_as_data(flow: Flow) -> JsonObject:
    """A flow as short data: without defaults, and without what the compiler makes by itself."""
    plan = flow.plan
    data = cast("dict[str, Any]", _short(plan, flow.nodes))
    for name in _MADE:
        data.pop(name, None)
    known = {step.id for step in walk((*plan.steps, *plan.on_failure)) if not _is_block(step)}
    if known - {*plan.outputs}:
        data["outputs"] = list(plan.outputs)
    return cast("JsonObject", {"format": plan.format, "interpreter": plan.interpreter, **data})


def _plan(data: Json) -> Plan:
    """The plan in the data.

    Raises:
        FlowBuildError: it is none; says where.
    """
    held: JsonObject = data if isinstance(data, Mapping) else {}
    name = str(held.get("name", "flow"))
    given = {key: value for key, value in held.items() if key not in _MADE}
    given |= {"has_returns": held.get("has_returns", "returns" in held)}
    given |= {"outputs": held["outputs"]} if "outputs" in held else {}
    newer = held.get("interpreter", INTERPRETER)
    if held.get("format", FORMAT) != FORMAT or (isinstance(newer, int) and newer > INTERPRETER):
        message = f"the flow has format {held.get('format')!r} and interpreter {newer!r}, this release has {FORMAT}"
        raise FlowBuildError(name, [Problem("format", f"{message} and {INTERPRETER}", "use the newer release")])
    try:
        return Plan.model_validate(given)
    except ValidationError as error:
        problems = [
            Problem(".".join(str(part) for part in detail["loc"]) or "flow", detail["msg"])
            for detail in error.errors(include_url=False, include_input=False)
        ]
        raise FlowBuildError(name, problems) from None


def _short(value: object, nodes: Mapping[str, NodeDefinition]) -> object:
    if isinstance(value, BaseModel):
        short: dict[str, object] = {}
        for name, field in type(value).model_fields.items():
            item = getattr(value, name)
            names = isinstance(value, Plan) and name == "outputs"  # who says nothing of it has named every step
            if names or name == "kind" or field.is_required() or item != field.get_default(call_default_factory=True):
                short[name] = _short(item, nodes)
        if isinstance(value, Call):
            short.pop("contract", None)  # the compiler makes it anew
        if isinstance(value, Call) and (node := nodes.get(value.node)):
            short.pop("effect", None)  # it is the node's to say
            own = {"policy": node.policy, "lane": node.lane, "queue": node.queue}
            for name, usual in own.items():
                short.pop(name, None)
                if getattr(value, name) != usual:
                    short[name] = _short(getattr(value, name), nodes)
        return short
    if isinstance(value, Mapping):
        return {key: _short(item, nodes) for key, item in cast("Mapping[str, object]", value).items()}
    if isinstance(value, (list, tuple)):
        return [_short(item, nodes) for item in cast("Sequence[object]", value)]
    return value


def _is_block(step: Step) -> bool:
    return not step.has_output or (isinstance(step, Call) and step.node.startswith((DECISIONS, EVALUATE)))
