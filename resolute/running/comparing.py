"""How JSON values compare: true is no number, null has no order, times and durations are more than their text."""

from __future__ import annotations

import operator as operators
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from resolute.plan.patterns import is_found
from resolute.plan.times import duration_of, time_of
from resolute.plan.values import Json

KNOWS_DURATIONS: Final = 3
"""The first interpreter that compares durations as such. To older ones they are texts, and are in a replay."""

_ORDER: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "$lt": operators.lt,
    "$le": operators.le,
    "$gt": operators.gt,
    "$ge": operators.ge,
}


def holds(operator: str, inner: list[Json], interpreter: int) -> bool:
    """Whether a condition holds for its operands' values, to the interpreter of the plan."""
    timed = interpreter >= KNOWS_DURATIONS
    match operator:
        case "$not":
            return inner[0] is not True
        case "$empty":
            return inner[0] is None or (isinstance(inner[0], (str, list, tuple, Mapping)) and len(inner[0]) == 0)
        case "$eq":
            return _same(inner[0], inner[1], timed)
        case "$ne":
            return not _same(inner[0], inner[1], timed)
        case "$in":
            return _contains(inner[1], inner[0], timed)
        case "$contains":
            return _contains(inner[0], inner[1], timed)
        case "$search":
            return isinstance(inner[0], str) and is_found(str(inner[1]), inner[0])
        case "$matches":  # of plans from before there was $search
            return isinstance(inner[0], str) and re.search(str(inner[1]), inner[0]) is not None
        case _:
            return _ordered(_ORDER[operator], inner[0], inner[1], timed)


def _same(left: Json, right: Json, timed: bool) -> bool:
    # true == 1 in Python, not in JSON
    if isinstance(left, bool) is not isinstance(right, bool):
        return False
    match left, right:
        case Mapping(), Mapping():
            return left.keys() == right.keys() and all(_same(item, right[key], timed) for key, item in left.items())
        case (list() | tuple(), list() | tuple()):
            return len(left) == len(right) and all(_same(*pair, timed) for pair in zip(left, right, strict=True))
        case _ if left == right:
            return True
        case _:
            pass
    meant = _meant(left, right, timed)
    return meant is not None and meant[0] == meant[1]


def _ordered(compare: Callable[[Any, Any], bool], left: Json, right: Json, timed: bool) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        return compare(*(_meant(left, right, timed) or (left, right)))
    if _is_number(left) and _is_number(right):
        return compare(left, right)
    return False  # null, true and false, and values of unlike kinds have no order


def _is_number(value: Json) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _meant(left: Json, right: Json, timed: bool) -> tuple[Any, Any] | None:
    """What two texts mean, where both are times, or both are durations."""
    for read in (time_of, duration_of) if timed else (time_of,):
        one = read(left)
        other = read(right) if one is not None else None
        if other is not None:
            return one, other
    return None


def _contains(collection: Json, item: Json, timed: bool) -> bool:
    match collection:
        case str():
            return isinstance(item, str) and item in collection
        case Mapping():
            return isinstance(item, str) and item in collection
        case list() | tuple():
            return any(_same(item, other, timed) for other in collection)
        case _:
            return False
