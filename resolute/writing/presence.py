"""Which values are certainly there: what a condition says of values that may be null, and where a path needs it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import reduce
from typing import Final, TypeAlias, cast

from resolute.plan.language import dotted, operands, operator_of
from resolute.plan.shapes import Shape
from resolute.plan.values import Json

Path: TypeAlias = tuple[str | int, ...]
"""The operator of a reference and its operands: `("$output", "health", "part")`."""

Present: TypeAlias = frozenset[Path]

NOTHING: Final[Present] = frozenset()
_PATHS: Final = frozenset({"$output", "$input", "$item"})


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


def null_part(reference: Json, shape: Shape, present: Present) -> str:
    """The part of a path that may be null and that something behind it is read of; empty where there is none.

    `shape` is that of the step's output, of the item, or of the input.
    """
    operator = operator_of(reference) if isinstance(reference, Mapping) else None
    if operator not in _PATHS:
        return ""
    path = cast("list[str | int]", operands(cast("Mapping[str, Json]", reference)))
    start = 0 if operator == "$input" else 1
    for position in range(start, len(path)):
        if shape.is_any:
            return ""
        if "null" in shape.kinds and (operator, *path[:position]) not in present:
            shown = cast("list[Json]", path[:position])
            return dotted(["input", *shown] if operator == "$input" else shown)
        inner = shape.at(path[position])
        if inner is None:
            return ""
        shape = inner
    return ""


def _in_each(found: list[Present]) -> Present:
    return reduce(lambda one, other: one & other, found) if found else NOTHING


def _paths(values: Iterable[Json]) -> Present:
    """The references among values, each with the references that it is a part of."""
    found: set[Path] = set()
    for value in values:
        operator = operator_of(value) if isinstance(value, Mapping) else None
        if operator in _PATHS:
            path = cast("list[str | int]", operands(cast("Mapping[str, Json]", value)))
            found |= {(operator, *path[:length]) for length in range(len(path) + 1)}
    return frozenset(found)
