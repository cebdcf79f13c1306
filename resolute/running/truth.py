"""Whether a condition holds, does not, or cannot be known because a value in it is missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

from resolute.plan.language import ARITHMETIC, BINDERS, CONDITIONS, operands, operator_of
from resolute.plan.values import Json, JsonObject
from resolute.running.evaluate import Scope, evaluate

_ASKS_FOR_NULL: Final = frozenset({"$eq", "$ne"})


def truth_of(condition: Json, scope: Scope) -> bool | None:
    """Whether a condition holds; None where that depends on a value that is null.

    To compare with null, and to ask whether something is empty, is to know. What is joined with `and` and `or` is known
    where the rest of it decides.

    >>> truth_of({"$gt": [{"$output": ["load"]}, 90]}, Scope(outputs={"load": None})) is None
    True
    >>> truth_of({"$eq": [{"$output": ["load"]}, None]}, Scope(outputs={"load": None}))
    True
    """
    operator = operator_of(condition) if isinstance(condition, Mapping) else None
    if operator is None or operator not in CONDITIONS:
        value = None if is_missing(condition, scope) else evaluate(condition, scope)
        return value if isinstance(value, bool) else None
    inner = operands(cast("JsonObject", condition))
    match operator:
        case "$not":
            held = truth_of(inner[0], scope)
            return None if held is None else not held
        case "$and" | "$or":
            decides = operator == "$or"
            known = [truth_of(item, scope) for item in inner]
            return decides if decides in known else None if None in known else not decides
        case "$empty":
            return evaluate(condition, scope) is True
        case _ if operator in BINDERS:
            return None if is_missing(inner[0], scope) else evaluate(condition, scope) is True
        case _:
            asked = operator in _ASKS_FOR_NULL and None in inner
            if not asked and any(is_missing(item, scope) for item in inner):
                return None
            return evaluate(condition, scope) is True


def is_missing(value: Json, scope: Scope) -> bool:
    """Whether a value is null, or computed of one that is."""
    operator = operator_of(value) if isinstance(value, Mapping) else None
    if operator in ARITHMETIC or operator == "$at":
        inner = operands(cast("JsonObject", value))
        if any(is_missing(item, scope) for item in (inner if operator in ARITHMETIC else inner[:1])):
            return True
    if operator in BINDERS and is_missing(operands(cast("JsonObject", value))[0], scope):
        return True
    return evaluate(value, scope) is None
