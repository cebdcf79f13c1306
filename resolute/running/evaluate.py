"""Evaluates expressions of a plan. The only place that knows what an operator does.

In the workflow `env` and `secret` cannot be read: what depends on them stays an expression (a hole), and the worker
evaluates the rest when it runs the node. `Scope.read` tells the two apart.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, cast

from resolute.plan.described import describe
from resolute.plan.errors import EvaluationError, FlowError
from resolute.plan.language import (
    ARITHMETIC,
    BINDERS,
    CONDITIONS,
    FACTS,
    HOLES,
    escape,
    expressions_in,
    operands,
    operator_of,
)
from resolute.plan.plan import INTERPRETER
from resolute.plan.shapes import kind_of, spoken
from resolute.plan.templates import filled
from resolute.plan.texts import shortened
from resolute.plan.values import Json, JsonObject
from resolute.running.arithmetic import computed
from resolute.running.budget import Budget
from resolute.running.comparing import holds


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Where values come from.

    `items` are the current items, by the name of what they are items of, and `last` the outputs of the turn before in
    the repeats around. `read` takes the operand of `$env` or
    `$secret`; without it these stay as holes. `interpreter` is the plan's. `budget` bounds what is looked at for each
    item of a list, which is where `is_in_list` says that evaluation is.
    """

    outputs: JsonObject = field(default_factory=dict[str, Json])
    input: Json = None
    previous: JsonObject | None = None
    cursors: JsonObject = field(default_factory=dict[str, Json])
    items: JsonObject = field(default_factory=dict[str, Json])
    last: JsonObject = field(default_factory=dict[str, Json])
    failure: JsonObject | None = None
    now: Callable[[], datetime] | None = None
    scheduled_for: datetime | None = None
    read: Callable[[str, Json], Json] | None = None
    interpreter: int = INTERPRETER
    budget: Budget = field(default_factory=Budget, compare=False, repr=False)
    is_in_list: bool = False


_LATER: Final = HOLES | {"$now", "$failure"}


def evaluate(value: Json, scope: Scope) -> Json:
    """The value with every expression in it evaluated.

    Raises:
        FlowError: an operator is not known, or has holes that only the worker can fill.
    """
    if scope.is_in_list:
        scope.budget.spend()
    match value:
        case Mapping():
            operator = operator_of(value)
            if operator is None:
                return {_unescaped(key): evaluate(item, scope) for key, item in value.items()}
            return _evaluate_expression(operator, value, scope)
        case list() | tuple():
            return [evaluate(item, scope) for item in value]
        case _:
            return value


def prepare(value: Json, scope: Scope, later: Container[str] = ()) -> Json:
    """The value with everything evaluated that the workflow can know; what only the worker knows stays a hole.

    What reads an output that comes `later` stays as well, until that is known.
    """
    return _evaluated(value, scope, HOLES, later=later)


def close_over(value: Json, scope: Scope) -> Json:
    """The value with everything evaluated that later nobody knows; what is left reads the clock or the failure."""
    return _evaluated(value, scope, _LATER)


def _evaluated(
    value: Json,
    scope: Scope,
    kept: Container[str],
    bound: frozenset[str] = frozenset(),
    later: Container[str] = (),
) -> Json:
    """`kept` are operators that stay, `bound` the names of items that stay, because the list they are items of does.

    `later` are the steps whose outputs stay.
    """
    match value:
        case Mapping():
            operator = operator_of(value)
            if operator is None:
                return {key: _evaluated(item, scope, kept, bound, later) for key, item in value.items()}
            if operator in FACTS:
                return {operator: [_evaluated(item, scope, kept, bound, later) for item in operands(value)]}
            if operator in kept:
                return value
            if not _stays(value, kept, bound, later):
                return escape(_evaluate_expression(operator, value, scope))
            inner = operands(value)
            if operator in ("$item", "$output"):
                return value
            if operator in BINDERS:
                listed, name, condition = inner
                inside = _evaluated(condition, scope, kept, bound | {str(name)}, later)
                return {operator: [_evaluated(listed, scope, kept, bound, later), name, inside]}
            return {operator: [_evaluated(item, scope, kept, bound, later) for item in inner]}
        case list() | tuple():
            return [_evaluated(item, scope, kept, bound, later) for item in value]
        case _:
            return value


def _stays(value: Json, kept: Container[str], bound: frozenset[str], later: Container[str]) -> bool:
    return any(
        operator in kept
        or (operator == "$item" and str(inner[0]) in bound)
        or (operator == "$output" and str(inner[0]) in later)
        for operator, inner in expressions_in(value)
    )


def is_true(condition: Json, scope: Scope) -> bool:
    """Whether a condition holds."""
    return evaluate(condition, scope) is True


def _unescaped(key: str) -> str:
    return key[1:] if key.startswith("$$") else key


def _evaluate_expression(operator: str, value: JsonObject, scope: Scope) -> Json:
    inner = operands(value)
    match operator:
        case "$output":
            return _walk(scope.outputs.get(str(inner[0])), inner[1:])
        case "$item":
            return _walk(_item(str(inner[0]), scope), inner[1:])
        case "$previous":
            return _walk((scope.previous or {}).get(str(inner[0])), inner[1:])
        case "$cursor":
            return scope.cursors.get(str(inner[0]))
        case "$last":
            return _walk(scope.last.get(str(inner[0])), inner[1:])
        case "$input":
            return _walk(scope.input, inner)
        case "$failure":
            return _walk(scope.failure, inner)
        case "$state":
            return {"outputs": dict(scope.outputs), "input": scope.input, "previous": scope.previous}
        case "$now":
            return _now(float(cast("float", inner[0])), scope)
        case "$scheduled":
            return _scheduled(scope)
        case "$env" | "$secret":
            if scope.read is None:
                raise FlowError(f"{operator} is read on the worker, not in the workflow")
            return scope.read(operator, inner[0])
        case _ if operator in FACTS:
            if scope.read is None:
                raise FlowError(f"{operator} is made on the worker, not in the workflow")
            return scope.read(operator, evaluate(inner[0], scope))
        case "$text":
            values = _values(inner[1:], scope)
            return filled(str(inner[0]), [_as_text(item) for item in values])
        case "$default":
            first = evaluate(inner[0], scope)
            return evaluate(inner[1], scope) if first is None else first
        case "$at":
            return _walk(evaluate(inner[0], scope), inner[1:])
        case _ if operator in BINDERS:
            return _of_items(operator, inner, scope)
        case _ if operator in ARITHMETIC:
            return computed(operator, inner, _values(inner, scope))
        case "$and":
            return all(is_true(item, scope) for item in inner)
        case "$or":
            return any(is_true(item, scope) for item in inner)
        case _ if operator in CONDITIONS:
            return holds(operator, _values(inner, scope), scope.interpreter)
        case _:
            raise FlowError(f"the plan holds an expression that this worker does not know: {operator}")


def _values(inner: list[Json], scope: Scope) -> list[Json]:
    values = [evaluate(item, scope) for item in inner]
    if scope.is_in_list:
        scope.budget.spend_on(values)
    return values


def _of_items(operator: str, inner: list[Json], scope: Scope) -> Json:
    written, name, condition = inner
    listed = evaluate(written, scope)
    if not isinstance(listed, (list, tuple)):
        what = "null" if listed is None else spoken(frozenset({kind_of(listed)}))
        raise EvaluationError(f"{shortened(describe(written), 200)} is {what}, not a list")
    holding = _holding(listed, str(name), condition, scope)
    match operator:
        case "$where":
            return [item for item, is_so in holding if is_so]
        case "$first":
            return next((item for item, is_so in holding if is_so), None)
        case "$count":
            return sum(is_so for _, is_so in holding)
        case "$any":
            return any(is_so for _, is_so in holding)
        case _:
            return all(is_so for _, is_so in holding)


def _holding(listed: Sequence[Json], name: str, condition: Json, scope: Scope) -> Iterator[tuple[Json, bool]]:
    """Each item, and whether the condition holds for it."""
    items = dict(scope.items)
    inside = replace(scope, items=items, is_in_list=True)
    for item in listed:
        scope.budget.spend()
        items[name] = item
        yield item, is_true(condition, inside)


def _walk(value: Json, path: list[Json]) -> Json:
    for key in path:
        if isinstance(key, str) and isinstance(value, Mapping):
            value = value.get(key)
        elif isinstance(key, int) and isinstance(value, (list, tuple)):
            value = value[key] if -len(value) <= key < len(value) else None
        else:
            return None
    return value


def _scheduled(scope: Scope) -> str:
    if scope.scheduled_for is None:
        raise FlowError("$scheduled needs the time at which a run was due")
    return scope.scheduled_for.isoformat()


def _item(name: str, scope: Scope) -> Json:
    if name not in scope.items:
        raise EvaluationError(f"the plan reads the current item of {name!r} where there is none")
    return scope.items[name]


def _now(shift: float, scope: Scope) -> str:
    if scope.now is None:
        raise FlowError("$now needs the clock of a run")
    try:
        return (scope.now() + timedelta(seconds=shift)).isoformat()
    except (OverflowError, ValueError):
        raise EvaluationError(f"now() moved by {shift:g} seconds is outside of the calendar") from None


def _as_text(value: Json) -> object:
    match value:
        case str():
            return value
        case None | bool() | Mapping() | list() | tuple():
            return json.dumps(value, ensure_ascii=False)
        case _:
            return value
