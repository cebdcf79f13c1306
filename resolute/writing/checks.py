"""What `build()` asks of every value in a flow: is it there by then, has it that field, does it fit?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, cast

from resolute.plan.failing import Failure
from resolute.plan.language import CONDITIONS, OPERATORS, describe, dotted, expressions_in, operands, operator_of
from resolute.plan.shapes import (
    ANY,
    BOOL,
    ENVIRONMENT,
    TEXT,
    TIME,
    Shape,
    compatible,
    did_you_mean,
    kind_of,
    or_null,
    shape_of_type,
    spoken,
)
from resolute.plan.values import Json
from resolute.writing.presence import NOTHING, Present, null_part

Report = Callable[[str, str], None]
"""Takes a message and a hint."""

_FAILURE: Final = shape_of_type(Failure, "serialization")
_DECIDED: Final = (
    "`is`, `in`, `not`, isinstance(...) and bool(...) ask the reference and not its value: "
    "write x.output != None, is_empty(x.output), contains(...), not_(...), or a function of the state"
)
_STATE: Final = Shape({"type": "object", "additionalProperties": True})


@dataclass(frozen=True)
class Scope:
    """What a step may read at its place.

    `known` are the steps that have certainly run; `elsewhere` says of every other step of the flow why it may not
    be read here. `items` says what an item is, by the name of what it is an item of. `untyped` names the nodes of steps
    that do not say what they return. `present` are the references that a condition around this place has found to be
    there, and `is_decided` says that a function has found what it wanted.
    """

    known: Mapping[str, Shape]
    everywhere: Mapping[str, Shape]
    elsewhere: Mapping[str, str] = field(default_factory=dict[str, str])
    input: Shape = ANY
    items: Mapping[str, Shape] = field(default_factory=dict[str, Shape])
    has_previous: bool = False
    in_failure: bool = False
    untyped: Mapping[str, str] = field(default_factory=dict[str, str])
    present: Present = NOTHING
    is_decided: bool = False


def shape_in(value: Json, scope: Scope, report: Report) -> Shape:
    """The shape of a value, reporting every mistake in it once."""
    match value:
        case Mapping():
            operator = operator_of(value)
            if operator is not None:
                return _shape_of_expression(operator, operands(value), scope, report)
            properties = {key: shape_in(item, scope, report) for key, item in value.items()}
            return Shape({"type": "object", "properties": {key: shape.schema for key, shape in properties.items()}})
        case list() | tuple():
            for item in value:
                shape_in(item, scope, report)
            return Shape({"type": "array"})
        case _:
            return Shape({"const": value})


def check_fit(value: Json, target: Shape, scope: Scope, report: Report) -> None:
    """Reports where a value cannot fit the type that is wanted, at any depth."""
    if isinstance(value, Mapping) and operator_of(value) is None:
        if target.kinds and "object" not in target.kinds:
            report(f"is an object, the node expects {spoken(target.kinds)}", "")
            return
        for key, item in value.items():
            inner = target.at(key)
            if inner is None and not target.is_any:
                report(f"{target.title} has no field {key!r}", did_you_mean(key, target.fields))
            check_fit(item, inner or ANY, scope, report)
        return
    if isinstance(value, (list, tuple)):
        if target.kinds and "list" not in target.kinds:
            report(f"is a list, the node expects {spoken(target.kinds)}", "")
            return
        for index, item in enumerate(value):
            check_fit(item, target.at(index) or ANY, scope, report)
        return
    source = shape_in(value, scope, report)
    if target.kinds and "null" not in target.kinds:
        _check_present(value, scope, report)
        _check_typed(value, scope, report)
    remembers = isinstance(value, Mapping) and operator_of(value) == "$previous"
    if remembers and "null" in source.kinds and target.kinds and "null" not in target.kinds:
        report(
            f"{describe(value)} is null until its step has completed once, the node expects {spoken(target.kinds)}",
            "give previous(..., default=...), or let the node take None",
        )
    if not compatible(source.kinds, target.kinds):
        report(
            f"{describe(value)} is {spoken(source.kinds)}, the node expects {spoken(target.kinds)}",
            _cast_hint(value, target),
        )


def _check_present(value: Json, scope: Scope, report: Report) -> None:
    """Reports a field of what may be null, where no condition around has asked."""
    operator = operator_of(value) if isinstance(value, Mapping) else None
    if operator not in {"$output", "$input", "$item"} or scope.is_decided:
        return
    inner = operands(cast("Mapping[str, Json]", value))
    if operator == "$input":
        shape = scope.input
    else:
        shape = (scope.items if operator == "$item" else scope.known).get(str(inner[0]), ANY)
    if part := null_part(value, shape, scope.present):
        report(
            f"reads {describe(value)}: {part} may be null",
            f"ask first, with .when({part} != None), or give the node all of {part}",
        )


def _check_typed(value: Json, scope: Scope, report: Report) -> None:
    """Reports a read of an output of which nothing is known, because its node does not say what it returns."""
    if not isinstance(value, Mapping) or operator_of(value) != "$output":
        return
    inner = operands(value)
    if (node := scope.untyped.get(str(inner[0]))) and str(inner[0]) in scope.known:
        report(
            f"reads {dotted(inner)}: node {node!r} does not say what it returns",
            "annotate its function, as in -> Health with a model of the fields, or -> Any to leave it unchecked",
        )


def check_condition(value: Json, scope: Scope, report: Report) -> None:
    """Reports what is wrong with the condition of a `when`."""
    shape = shape_in(value, scope, report)
    if isinstance(value, bool):
        report(f"the condition is always {describe(value)}: Python decided it while the flow was written", _DECIDED)
    for operator, inner in expressions_in(value):
        if operator == "$secret":
            report("a condition cannot read a secret", "compare it inside a node and decide on what the node returns")
        if operator in {"$and", "$or", "$not"} and any(isinstance(item, bool) for item in inner):
            shown = describe({operator: inner})
            report(f"a part of {shown} is always the same: Python decided it while the flow was written", _DECIDED)
    if not isinstance(value, (bool, Mapping)) or not compatible(shape.kinds, BOOL.kinds):
        report(f"{describe(value)} is {spoken(shape.kinds)}, a condition is true or false", "compare it with a value")


def _cast_hint(value: Json, target: Shape) -> str:
    if isinstance(value, Mapping) and operator_of(value) == "$env":
        for name in ("int", "number", "bool"):
            if name in target.kinds:
                python = {"int": "int", "number": "float", "bool": "bool"}[name]
                return f"env({operands(value)[0]!r}, {python}) reads it as one"
    return ""


def _shape_of_expression(operator: str, inner: list[Json], scope: Scope, report: Report) -> Shape:
    match operator:
        case "$output":
            return _shape_of_output(inner, scope, report)
        case "$item":
            return _shape_of_item(inner, scope, report)
        case "$previous":
            return _shape_of_previous(inner, scope, report)
        case "$input":
            return _walk(scope.input, "input", inner, report)
        case "$failure":
            if not scope.in_failure:
                report("failure() is known in on_failure steps only", "move the step to .on_failure(...)")
            return _walk(_FAILURE, "failure", inner, report)
        case "$state":
            return _STATE
        case "$now":
            return TIME
        case "$secret":
            return TEXT
        case "$env":
            settings = inner[0]
            return ENVIRONMENT[str(settings["type"])] if isinstance(settings, Mapping) else TEXT
        case "$default":
            return _shape_with_default(*inner, scope=scope, report=report)
        case "$text":
            for item in inner[1:]:
                shape_in(item, scope, report)
                _check_present(item, scope, report)
            return TEXT
        case _ if operator in CONDITIONS:
            _check_operands(operator, inner, scope, report)
            return BOOL
        case _:
            report(f"{operator} is no expression", did_you_mean(operator, sorted(OPERATORS)))
            return ANY


def _shape_of_output(inner: list[Json], scope: Scope, report: Report) -> Shape:
    step = str(inner[0])
    if step in scope.known:
        if inner[1:]:
            _check_typed({"$output": inner}, scope, report)
        return _walk(scope.known[step], step, inner[1:], report)
    if step in scope.elsewhere:
        report(f"reads {dotted(inner)}: {scope.elsewhere[step]}", "read it where its step has certainly run")
    else:
        report(f"reads {dotted(inner)}: no step is called {step!r}", did_you_mean(step, list(scope.everywhere)))
    return ANY


def _shape_of_item(inner: list[Json], scope: Scope, report: Report) -> Shape:
    name = str(inner[0])
    if name not in scope.items:
        report(
            f"reads {dotted(inner)}, an item that is not known here",
            "an item is read in the function that it is given to, and nowhere else",
        )
        return ANY
    return _walk(scope.items[name], name, inner[1:], report)


def _shape_of_previous(inner: list[Json], scope: Scope, report: Report) -> Shape:
    step = str(inner[0])
    if not scope.has_previous:
        report(
            f"reads previous({dotted(inner)}), and only a schedule passes values from run to run",
            "give the flow a schedule(...) or every(...) whose runs do not overlap",
        )
    if step not in scope.everywhere:
        report(
            f"reads previous({dotted(inner)}): no step is called {step!r}", did_you_mean(step, list(scope.everywhere))
        )
        return ANY
    return or_null(_walk(scope.everywhere[step], step, inner[1:], report))


def _shape_with_default(value: Json, default: Json, *, scope: Scope, report: Report) -> Shape:
    known, other = shape_in(value, scope, report), shape_in(default, scope, report)
    if known.is_any or other.is_any:
        return ANY
    members = [shape.schema for shape in known.alternatives if shape.schema.get("type") != "null"]
    rest = Shape({"anyOf": members}, known.definitions)
    if not compatible(other.kinds, rest.kinds):
        report(
            f"{describe(value)} is {spoken(rest.kinds)}, its default {describe(default)} is {spoken(other.kinds)}", ""
        )
    return rest


def _walk(shape: Shape, origin: str, path: list[Json], report: Report) -> Shape:
    walked: list[Json] = [origin]
    for key in path:
        part = cast("str | int", key)
        inner = shape.at(part)
        if inner is None:
            if shape.fields:
                report(
                    f"reads {dotted([*walked, key])}: {shape.title} has no field {key!r}",
                    did_you_mean(key, shape.fields),
                )
            else:
                report(
                    f"reads {dotted([*walked, key])}: {dotted(walked)} is {spoken(shape.kinds)} and has no {key!r}", ""
                )
            return ANY
        shape = inner
        walked.append(key)
    return shape


def _check_operands(operator: str, inner: list[Json], scope: Scope, report: Report) -> None:
    shapes = [shape_in(item, scope, report) for item in inner]
    if operator in {"$and", "$or", "$not"}:
        for item, shape in zip(inner, shapes, strict=True):
            if not compatible(shape.kinds, BOOL.kinds):
                report(f"{describe(item)} is {spoken(shape.kinds)}, not a condition", "compare it with a value")
        return
    if operator in {"$eq", "$ne", "$lt", "$le", "$gt", "$ge"}:
        left, right = shapes
        if not compatible(left.kinds, right.kinds) and not compatible(right.kinds, left.kinds):
            report(f"{describe({operator: inner})} compares {spoken(left.kinds)} with {spoken(right.kinds)}", "")
        elif operator in {"$eq", "$ne"}:
            for shape, item in ((left, inner[1]), (right, inner[0])):
                _check_listed(shape, item, report)


def _check_listed(shape: Shape, item: Json, report: Report) -> None:
    allowed = shape.values
    if isinstance(item, Mapping) or allowed is None or len(allowed) < 2 or item in allowed:
        return
    if kind_of(item) in {kind_of(value) for value in allowed}:
        report(f"it is never {item!r}", did_you_mean(item, [str(value) for value in allowed]))
