"""Which kinds of values arithmetic takes, and what it gives: numbers, times, days and durations."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Final

from resolute.plan.described import describe
from resolute.plan.language import ARITHMETIC
from resolute.plan.shapes import ANY, TIME, Shape, kind_of, spoken
from resolute.plan.times import day_of, duration_of, time_of
from resolute.plan.values import Json
from resolute.writing.scope import Report

Meaning = str

_FORMATS: Final[Mapping[object, Meaning]] = {"date-time": "time", "date": "day", "duration": "duration"}
_SHAPES: Final[Mapping[Meaning, Shape]] = {
    "int": Shape({"type": "integer"}),
    "number": Shape({"type": "number"}),
    "time": TIME,
    "day": Shape({"type": "string", "format": "date"}),
    "duration": Shape({"type": "string", "format": "duration"}),
}
_NUMBERS: Final = frozenset({"int", "number"})
_MOMENTS: Final = frozenset({"time", "day"})
_TIMED: Final = frozenset({"time", "day", "duration"})


def meanings(shape: Shape) -> frozenset[Meaning]:
    """What a value of the shape can mean; as `Shape.kinds`, but times, days and durations are no mere texts."""
    if shape.is_any:
        return frozenset()
    return frozenset(meaning for each in shape.alternatives for meaning in _meanings_of(each))


def shape_of_arithmetic(operator: str, inner: list[Json], shapes: list[Shape], report: Report) -> Shape:
    """The shape of a result, reporting operands that the operation does not take."""
    known = [meanings(shape) - {"null"} for shape in shapes]
    if not all(known):
        return ANY
    found = {result for operands in product(*known) if (result := _result(operator, *operands))}
    if not found:
        kinds = " and ".join(spoken(each) for each in known)
        message = f"{describe({operator: inner})}: {ARITHMETIC[operator]} does not take {kinds}"
        report(message, _hint(operator, inner, known))
        return ANY
    return _union([_SHAPES[result] for result in sorted(found)])


def check_comparable(operator: str, inner: list[Json], shapes: list[Shape], report: Report) -> bool:
    """Reports a comparison of times or durations with something else; whether it is fine."""
    left, right = (meanings(shape) - {"null"} for shape in shapes)
    if not left or not right or not (left | right) & _TIMED:
        return True
    if any(_comparable(*pair) for pair in product(left, right)):
        return True
    numbers = (left | right) & _NUMBERS and "duration" in left | right
    report(
        f"{describe({operator: inner})} compares {spoken(left)} with {spoken(right)}",
        "compare a duration with a timedelta, as in > timedelta(minutes=5)" if numbers else "",
    )
    return False


def _comparable(left: Meaning, right: Meaning) -> bool:
    for family in (_NUMBERS, _MOMENTS):
        if left in family and right in family:
            return True
    # A text may hold a time.
    return left == right or ("text" in {left, right} and bool({left, right} & _TIMED))


def _meanings_of(shape: Shape) -> frozenset[Meaning]:
    schema = shape.schema
    if isinstance(value := schema.get("const"), str):
        for meaning, read in (("day", day_of), ("time", time_of), ("duration", duration_of)):
            if read(value) is not None:
                return frozenset({meaning})
    if schema.get("type") == "string" and schema.get("format") in _FORMATS:
        return frozenset({_FORMATS[schema["format"]]})
    if "const" in schema:
        return frozenset({kind_of(schema["const"])})
    return shape.kinds


def _result(operator: str, left: Meaning, right: Meaning = "") -> Meaning | None:
    if operator == "$neg":
        return left if left in {*_NUMBERS, "duration"} else None
    if left in _NUMBERS and right in _NUMBERS:
        return "number" if operator == "$div" or "number" in (left, right) else "int"
    match operator, left, right:
        case "$add" | "$sub", "time" | "day" | "duration", "duration":
            return left
        case "$add", "duration", "time" | "day":
            return right
        case "$sub", "time" | "day", "time" | "day":
            return "duration"
        case "$mul", "duration", "int" | "number":
            return "duration"
        case "$mul", "int" | "number", "duration":
            return "duration"
        case "$div", "duration", "int" | "number":
            return "duration"
        case "$div", "duration", "duration":
            return "number"
        case "$floordiv", "duration", "int":
            return "duration"
        case "$floordiv", "duration", "duration":
            return "int"
        case "$mod", "duration", "duration":
            return "duration"
        case _:
            return None


def _hint(operator: str, inner: list[Json], known: list[frozenset[Meaning]]) -> str:
    taken = frozenset[Meaning]().union(*known)
    if operator == "$add" and "text" in taken:
        return f"for text write text('{{}}{{}}', {describe(inner[0])}, {describe(inner[1])})"
    if taken <= {*_NUMBERS, *_TIMED}:
        return "move a time by a timedelta, and divide a duration by a timedelta to get a number"
    if "text" in taken:
        return "let its node return a number, a datetime or a timedelta"
    return "compute it in a node, and read the node's output"


def _union(shapes: list[Shape]) -> Shape:
    return shapes[0] if len(shapes) == 1 else Shape({"anyOf": [shape.schema for shape in shapes]})
