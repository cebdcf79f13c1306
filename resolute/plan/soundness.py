"""What is wrong with a plan as a whole: what no run of it could do.

`build()` says it of plans that are written here; a run says it of a plan that comes from elsewhere, at its start.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final, cast

from resolute.plan.errors import ExpressionError, NotJsonError, Problem
from resolute.plan.language import TABLE, Kind, operands, operator_of
from resolute.plan.patterns import check_pattern
from resolute.plan.plan import Plan
from resolute.plan.step import Step, depth_of, name_problems, walk
from resolute.plan.templates import template_problem
from resolute.plan.texts import shortened
from resolute.plan.values import Json, plain

DEEPEST_BLOCK: Final = 50
"""How deep blocks (`when`, branches) may be nested."""

FARTHEST: Final = 1000 * 365.25 * 24 * 3600
"""Seconds that `now()` may be moved: 1,000 years."""

_TYPES: Final = frozenset({"text", "int", "number", "bool"})


def plan_problems(plan: Plan) -> list[Problem]:
    """Every reason why a run of the plan could not go on at some step."""
    steps = (*plan.steps, *plan.on_failure)
    depth = depth_of(steps)
    if depth > DEEPEST_BLOCK:
        return [too_deep(depth)]
    every = list(walk(steps))
    problems = [
        Problem(_place(step.id), "two steps have this name", "rename one of them")
        for step, number in zip(every, _counted(every), strict=True)
        if number == 2
    ]
    for step in every:
        problems += [Problem(_place(step.id), message) for message in _step_problems(step)]
        problems += [
            Problem(f"{_place(step.id)}, flow {shortened(inner.name, 60)!r}, {problem.place}", problem.message)
            for inner in step.plans()
            for problem in plan_problems(inner)
        ]
    return problems + [Problem("returns", message) for message in value_problems(cast("Json", plan.returns))]


def too_deep(depth: int) -> Problem:
    """The mistake of nesting blocks too deep."""
    return Problem(
        "steps", f"blocks are nested {depth} deep, {DEEPEST_BLOCK} is the most", "move the inner ones into nodes"
    )


def value_problems(value: Json) -> list[str]:
    """What is wrong with a value of a plan, and with each expression in it."""
    try:
        plain(value)
    except NotJsonError as error:
        return [str(error)]
    return list(_value_problems(value))


def _counted(steps: list[Step]) -> Iterator[int]:
    seen: Counter[str] = Counter()
    for step in steps:
        seen[step.id] += 1
        yield seen[step.id]


def _step_problems(step: Step) -> Iterator[str]:
    yield from name_problems("name", step.id)
    yield from step.problems()
    for value in step.values():
        yield from value_problems(value)


def _value_problems(value: Json) -> Iterator[str]:
    match value:
        case Mapping():
            operator = operator_of(value)
            if operator is None:
                for item in value.values():
                    yield from _value_problems(item)
            else:
                yield from _expression_problems(operator, operands(value))
        case list() | tuple():
            for item in value:
                yield from _value_problems(item)
        case _:
            return


def _expression_problems(name: str, inner: list[Json]) -> Iterator[str]:
    operator = TABLE.get(name)
    if operator is None:
        yield f"{shortened(name, 60)} is no expression that this release knows"
        return
    if not operator.least <= len(inner) <= (operator.most if operator.most is not None else len(inner)):
        yield f"{name} does not take {len(inner)} operand(s)"
        return
    for index, item in enumerate(inner):
        kind = operator.operands[min(index, len(operator.operands) - 1)]
        if kind == "value":
            yield from _value_problems(item)
        elif problem := _operand_problem(kind, item, inner):
            yield f"{name}: {problem}"


def _operand_problem(kind: Kind, item: Json, inner: list[Json]) -> str:
    match kind:
        case "name":
            return "" if isinstance(item, str) and item else "it takes a name"
        case "key":
            return "" if isinstance(item, str) or type(item) is int else "a path is of names and positions"
        case "number":
            known = isinstance(item, (int, float)) and not isinstance(item, bool) and math.isfinite(item)
            return "" if known and abs(cast("float", item)) <= FARTHEST else "now() can be moved by up to 1,000 years"
        case "variable":
            return _variable_problem(item)
        case "template":
            return template_problem(item, len(inner) - 1).strip(": ") if isinstance(item, str) else "it takes a text"
        case "pattern" | "old pattern":
            return _pattern_problem(item, old=kind == "old pattern")
        case "value":
            return ""


def _variable_problem(item: Json) -> str:
    if isinstance(item, Mapping):
        known = isinstance(item.get("name"), str) and item.get("name") and item.get("type") in _TYPES
        return "" if known else "it takes a name and a type"
    return "" if isinstance(item, str) and item else "it takes a name"


def _pattern_problem(item: Json, *, old: bool) -> str:
    if not isinstance(item, str):
        return "it takes its pattern as text"
    try:
        if old:
            re.compile(item)
        else:
            check_pattern(item)
    except (ExpressionError, re.error, OverflowError) as error:
        return shortened(str(error), 200)
    return ""


def _place(step_id: str) -> str:
    return f"step {shortened(step_id, 60)!r}"
