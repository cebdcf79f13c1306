"""Evaluates expressions of a plan. The only place that knows what an operator does.

In the workflow `env` and `secret` cannot be read: what depends on them stays an expression (a hole), and the worker
evaluates the rest when it runs the node. `Scope.read` tells the two apart.
"""

from __future__ import annotations

import json
import operator as operators
import re
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

from resolute.plan.errors import EvaluationError, FlowError
from resolute.plan.language import CONDITIONS, HOLES, escape, expressions_in, operands, operator_of
from resolute.plan.patterns import is_found
from resolute.plan.templates import filled
from resolute.plan.values import Json, JsonObject


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Where values come from.

    `items` are the current items, by the name of what they are items of. `read` takes the operand of `$env` or
    `$secret`; without it these stay as holes.
    """

    outputs: JsonObject = field(default_factory=dict[str, Json])
    input: Json = None
    previous: JsonObject | None = None
    items: JsonObject = field(default_factory=dict[str, Json])
    failure: JsonObject | None = None
    now: Callable[[], datetime] | None = None
    read: Callable[[str, Json], Json] | None = None


_LATER: Final = HOLES | {"$now", "$failure"}
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d($|[T ])")
_ORDER: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "$lt": operators.lt,
    "$le": operators.le,
    "$gt": operators.gt,
    "$ge": operators.ge,
}


def evaluate(value: Json, scope: Scope) -> Json:
    """The value with every expression in it evaluated.

    Raises:
        FlowError: an operator is not known, or has holes that only the worker can fill.
    """
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


def prepare(value: Json, scope: Scope) -> Json:
    """The value with everything evaluated that the workflow can know; what only the worker knows stays a hole."""
    return _evaluated(value, scope, HOLES)


def close_over(value: Json, scope: Scope) -> Json:
    """The value with everything evaluated that later nobody knows; what is left reads the clock or the failure."""
    return _evaluated(value, scope, _LATER)


def _evaluated(value: Json, scope: Scope, kept: Container[str]) -> Json:
    match value:
        case Mapping():
            operator = operator_of(value)
            if operator is None:
                return {key: _evaluated(item, scope, kept) for key, item in value.items()}
            if operator in kept:
                return value
            if any(name in kept for name, _ in expressions_in(value)):
                return {operator: [_evaluated(item, scope, kept) for item in operands(value)]}
            return escape(_evaluate_expression(operator, value, scope))
        case list() | tuple():
            return [_evaluated(item, scope, kept) for item in value]
        case _:
            return value


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
        case "$input":
            return _walk(scope.input, inner)
        case "$failure":
            return _walk(scope.failure, inner)
        case "$state":
            return {"outputs": dict(scope.outputs), "input": scope.input, "previous": scope.previous}
        case "$now":
            return _now(float(cast("float", inner[0])), scope)
        case "$env" | "$secret":
            if scope.read is None:
                raise FlowError(f"{operator} is read on the worker, not in the workflow")
            return scope.read(operator, inner[0])
        case "$text":
            return filled(str(inner[0]), [_as_text(evaluate(item, scope)) for item in inner[1:]])
        case "$default":
            first = evaluate(inner[0], scope)
            return evaluate(inner[1], scope) if first is None else first
        case "$and":
            return all(is_true(item, scope) for item in inner)
        case "$or":
            return any(is_true(item, scope) for item in inner)
        case _ if operator in CONDITIONS:
            return _compare(operator, [evaluate(item, scope) for item in inner])
        case _:
            raise FlowError(f"the plan holds an expression that this worker does not know: {operator}")


def _compare(operator: str, inner: list[Json]) -> bool:
    match operator:
        case "$not":
            return inner[0] is not True
        case "$empty":
            return inner[0] is None or (isinstance(inner[0], (str, list, tuple, Mapping)) and len(inner[0]) == 0)
        case "$eq":
            return _same(*inner)
        case "$ne":
            return not _same(*inner)
        case "$in":
            return _contains(inner[1], inner[0])
        case "$contains":
            return _contains(inner[0], inner[1])
        case "$search":
            return isinstance(inner[0], str) and is_found(str(inner[1]), inner[0])
        case "$matches":  # of plans from before there was $search
            return isinstance(inner[0], str) and re.search(str(inner[1]), inner[0]) is not None
        case _:
            return _ordered(_ORDER[operator], *inner)


def _walk(value: Json, path: list[Json]) -> Json:
    for key in path:
        if isinstance(key, str) and isinstance(value, Mapping):
            value = value.get(key)
        elif isinstance(key, int) and isinstance(value, (list, tuple)):
            value = value[key] if -len(value) <= key < len(value) else None
        else:
            return None
    return value


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


def _same(left: Json, right: Json) -> bool:
    # true == 1 in Python, not in JSON
    if isinstance(left, bool) is not isinstance(right, bool):
        return False
    match left, right:
        case Mapping(), Mapping():
            return left.keys() == right.keys() and all(_same(item, right[key]) for key, item in left.items())
        case (list() | tuple(), list() | tuple()):
            return len(left) == len(right) and all(map(_same, left, right))
        case _ if left == right:
            return True
        case _:
            pass
    times = _times(left, right)
    return times is not None and times[0] == times[1]


def _ordered(compare: Callable[[Any, Any], bool], left: Json, right: Json) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        return compare(*(_times(left, right) or (left, right)))
    if _is_number(left) and _is_number(right):
        return compare(left, right)
    return False  # null, true and false, and values of unlike kinds have no order


def _is_number(value: Json) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _times(left: Json, right: Json) -> tuple[datetime, datetime] | None:
    # Python reads more as a time than people write as one: a telephone number, for one.
    if not all(isinstance(text, str) and _TIME.match(text) for text in (left, right)):
        return None
    try:
        return _aware(datetime.fromisoformat(str(left))), _aware(datetime.fromisoformat(str(right)))
    except ValueError:
        return None


def _aware(time: datetime) -> datetime:
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _contains(collection: Json, item: Json) -> bool:
    match collection:
        case str():
            return isinstance(item, str) and item in collection
        case Mapping():
            return isinstance(item, str) and item in collection
        case list() | tuple():
            return any(_same(item, other) for other in collection)
        case _:
            return False


def _as_text(value: Json) -> object:
    match value:
        case str():
            return value
        case None | bool() | Mapping() | list() | tuple():
            return json.dumps(value, ensure_ascii=False)
        case _:
            return value
