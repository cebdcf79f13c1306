"""Which values are certainly there: what a condition says of values that may be null, and where a path needs it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import reduce
from typing import Final, TypeAlias, cast

from resolute.plan.described import describe
from resolute.plan.language import operands, operator_of
from resolute.plan.shapes import Shape
from resolute.plan.values import Json

Path: TypeAlias = tuple[str | int, ...]
"""The operator of a reference and its operands: `("$output", "health", "part")`.

Of what is computed, the expression stands in the place of the first operand, as JSON.
"""

Present: TypeAlias = frozenset[Path]

NOTHING: Final[Present] = frozenset()
_PATHS: Final = frozenset({"$output", "$input", "$item", "$last"})
_COMPUTED: Final = frozenset({"$at", "$first", "$cursor"})


def present_where(condition: Json, *, holds: bool = True) -> Present:
    """The references that cannot be null where a condition holds, or where it does not."""
    operator = operator_of(condition) if isinstance(condition, Mapping) else None
    if operator is None:
        return NOTHING
    inner = operands(cast("Mapping[str, Json]", condition))
    match operator:
        case "$and" | "$or":
            found = [present_where(each, holds=holds) for each in inner]
            return frozenset[Path]().union(*found) if (operator == "$and") is holds else _in_each(found)
        case "$not":
            return present_where(inner[0], holds=not holds)
        case "$ne":
            return present_where({"$eq": inner}, holds=not holds)
        case "$eq":
            pairs = [(inner[0], inner[1]), (inner[1], inner[0])]
            return _paths(
                one for one, other in pairs if not isinstance(other, Mapping) and (other is not None) is holds
            )
        case "$empty":
            return NOTHING if holds else _paths(inner)
        case "$in" if isinstance(inner[1], Mapping) or None in cast("list[Json]", inner[1]):
            return NOTHING
        case "$in" | "$contains" | "$search":
            return _paths(inner[:1]) if holds else NOTHING
        case "$lt" | "$le" | "$gt" | "$ge":
            return _paths(inner) if holds else NOTHING
        case _:
            return _paths([condition]) if holds else NOTHING


def path_of(value: Json) -> Path | None:
    """The path of a reference, by which it is known to be present; None for what is none."""
    operator = operator_of(value) if isinstance(value, Mapping) else None
    if operator in _PATHS:
        return (operator, *cast("list[str | int]", operands(cast("Mapping[str, Json]", value))))
    if operator not in _COMPUTED:
        return None
    base, *path = operands(cast("Mapping[str, Json]", value)) if operator == "$at" else [value]
    return ("$at", json.dumps(base, sort_keys=True), *cast("list[str | int]", path))


def null_part(reference: Json, shape: Shape, present: Present) -> str:
    """The part of a path that may be null and that something behind it is read of; empty where there is none.

    `shape` is that of the step's output, of the item, of the input, or of the expression that is read of.
    """
    path = path_of(reference)
    if path is None:
        return ""
    inner = operands(cast("Mapping[str, Json]", reference))
    start = 1 if path[0] == "$input" else 2
    for position in range(start, len(path)):
        if shape.is_any:
            return ""
        if "null" in shape.kinds and path[:position] not in present:
            return describe({str(path[0]): inner[: position - 1]})
        found = shape.at(path[position])
        if found is None:
            return ""
        shape = found
    return ""


def _in_each(found: list[Present]) -> Present:
    return reduce(lambda one, other: one & other, found) if found else NOTHING


def _paths(values: Iterable[Json]) -> Present:
    """The references among values, each with the references that it is a part of."""
    found: set[Path] = set()
    for value in values:
        if path := path_of(value):
            found |= {path[:length] for length in range(1, len(path) + 1)}
    return frozenset(found)
