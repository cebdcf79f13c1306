"""The values that a condition looked at, for whoever wants to know why a block was taken or not."""

from __future__ import annotations

from typing import Final

from resolute.plan.described import describe
from resolute.plan.errors import EvaluationError
from resolute.plan.language import expressions_in
from resolute.plan.values import Json, JsonObject, size_of
from resolute.running.evaluate import Scope, evaluate

_READ: Final = frozenset({"$output", "$previous", "$last", "$item", "$input"})
_LARGEST: Final = 500
"""Bytes of a value that is shown; of a larger one, its size."""


def compared(condition: Json, scope: Scope) -> JsonObject:
    """What each reference of a condition stood for, by its name as an author writes it.

    >>> compared({"$eq": [{"$output": ["health", "status"]}, "critical"]}, Scope(outputs={"health": {"status": "ok"}}))
    {'health.status': 'ok'}
    """
    found: dict[str, Json] = {}
    for operator, operands in expressions_in(condition):
        if operator not in _READ:
            continue
        reference: Json = {operator: operands}
        try:
            value = evaluate(reference, scope)
        except EvaluationError:
            continue
        size = size_of(value)
        found[describe(reference)] = value if size <= _LARGEST else f"({size:,} bytes)"
    return found
