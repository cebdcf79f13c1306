"""What `build()` asks of every value in a flow: is it there by then, has it that field, does it fit?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, cast

from resolute.plan.described import describe
from resolute.plan.language import (
    ARITHMETIC,
    BINDERS,
    CONDITIONS,
    HOLES,
    OPERATORS,
    SOURCES,
    expressions_in,
    operands,
    operator_of,
)
from resolute.plan.shapes import ANY, BOOL, TEXT, Shape, compatible, did_you_mean, kind_of, or_null, spoken
from resolute.plan.values import Json
from resolute.writing.arithmetic import check_comparable, shape_of_arithmetic
from resolute.writing.presence import null_part, path_of, present_where
from resolute.writing.scope import Report, Scope
from resolute.writing.sources import check_typed, shape_at, shape_of_source

_COUNT: Final = Shape({"type": "integer"})
_EARLIER: Final[Mapping[str, tuple[str, str]]] = {
    "$previous": ("previous", "until its step has completed once"),
    "$last": ("last_turn", "in the first turn"),
    "$cursor": ("cursor", "until it has been moved once"),
}

_DECIDED: Final = (
    "`is`, `in`, `not`, isinstance(...) and bool(...) ask the reference and not its value: "
    "write x.output != None, is_empty(x.output), contains(...), not_(...), or a function of the state"
)


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
        check_typed(value, scope, report)
    looks_back = _looks_back(value)
    unsure = not scope.is_decided and path_of(value) not in scope.present
    if looks_back and unsure and "null" in source.kinds and target.kinds and "null" not in target.kinds:
        word, until = looks_back
        report(
            f"{describe(value)} is null {until}, the node expects {spoken(target.kinds)}",
            f"give {word}(..., default=...), or let the node take None",
        )
    if not compatible(source.kinds, target.kinds):
        report(
            f"{describe(value)} is {spoken(source.kinds)}, the node expects {spoken(target.kinds)}",
            _cast_hint(value, target),
        )


def _looks_back(value: Json) -> tuple[str, str] | None:
    """The word that looks back, and when what it gives is null; None for any other value."""
    operator = operator_of(value) if isinstance(value, Mapping) else None
    return _EARLIER.get(operator) if operator else None


def _check_present(value: Json, scope: Scope, report: Report) -> None:
    """Reports a field of what may be null, where no condition around has asked."""
    path = path_of(value)
    if path is None or scope.is_decided:
        return
    inner = operands(cast("Mapping[str, Json]", value))
    match path[0]:
        case "$input":
            shape = scope.input
        case "$output":
            shape = scope.known.get(str(inner[0]), ANY)
        case "$item":
            shape = scope.items.get(str(inner[0]), ANY)
        case "$last":
            return  # its whole path is null in the first turn, which whoever takes the value is held against
        case _:
            shape = shape_in(inner[0], scope, _unheard) if len(path) > 2 else ANY
    if part := null_part(value, shape, scope.present):
        report(
            f"reads {describe(value)}: {part} may be null",
            f"ask first, with .when({part} != None), or give the node all of {part}",
        )


def _check_not_null(value: Json, shape: Shape, scope: Scope, report: Report) -> None:
    """Reports a value that may be null where an expression would then have none."""
    _check_present(value, scope, report)
    if "null" not in shape.kinds or scope.is_decided or path_of(value) in scope.present:
        return
    hint = f"ask first, with ({describe(value)} != None) & (...), or with .when({describe(value)} != None)"
    if looks_back := _looks_back(value):
        hint = f"give {looks_back[0]}(..., default=...)"
    report(f"reads {describe(value)}, which may be null", hint)


def _unheard(message: str, hint: str) -> None:
    """For a value whose mistakes have been reported."""


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
        case _ if operator in SOURCES or operator in HOLES:
            return shape_of_source(operator, inner, scope, report)
        case "$default":
            return _shape_with_default(*inner, scope=scope, report=report)
        case "$text":
            for item in inner[1:]:
                shape_in(item, scope, report)
                _check_present(item, scope, report)
            return TEXT
        case "$at":
            return shape_at(shape_in(inner[0], scope, report), describe(inner[0]), inner[1:], report)
        case _ if operator in ARITHMETIC:
            shapes = [shape_in(item, scope, report) for item in inner]
            for item, shape in zip(inner, shapes, strict=True):
                _check_not_null(item, shape, scope, report)
            return shape_of_arithmetic(operator, inner, shapes, report)
        case _ if operator in BINDERS:
            return _shape_of_items(operator, inner, scope, report)
        case "$and" | "$or":
            _check_parts(operator, inner, scope, report)
            return BOOL
        case _ if operator in CONDITIONS:
            _check_operands(operator, inner, scope, report)
            return BOOL
        case _:
            report(f"{operator} is no expression", did_you_mean(operator, sorted(OPERATORS)))
            return ANY


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


def _shape_of_items(operator: str, inner: list[Json], scope: Scope, report: Report) -> Shape:
    """The shape of a question about a list; its condition is checked with the item typed by the list."""
    listed, name, condition = inner
    shape = shape_in(listed, scope, report)
    _check_not_null(listed, shape, scope, report)
    if shape.kinds and "list" not in shape.kinds:
        report(f"{describe({operator: inner})}: {describe(listed)} is {spoken(shape.kinds)}, not a list", "")
    item = shape.item or ANY
    if condition is not True:
        check_condition(condition, replace(scope, items={**scope.items, str(name): item}), report)
    match operator:
        case "$where":
            return Shape({"type": "array", "items": item.schema}, item.definitions)
        case "$first":
            return or_null(item)
        case "$count":
            return _COUNT
        case _:
            return BOOL


def _check_parts(operator: str, inner: list[Json], scope: Scope, report: Report) -> None:
    """Checks the parts of a condition; each is looked at only where those before it have not decided."""
    for item in inner:
        shape = shape_in(item, scope, report)
        if not compatible(shape.kinds, BOOL.kinds):
            report(f"{describe(item)} is {spoken(shape.kinds)}, not a condition", "compare it with a value")
        scope = replace(scope, present=scope.present | present_where(item, holds=operator == "$and"))


def _check_operands(operator: str, inner: list[Json], scope: Scope, report: Report) -> None:
    shapes = [shape_in(item, scope, report) for item in inner]
    if operator == "$not":
        if not compatible(shapes[0].kinds, BOOL.kinds):
            report(f"{describe(inner[0])} is {spoken(shapes[0].kinds)}, not a condition", "compare it with a value")
        return
    if operator in {"$eq", "$ne", "$lt", "$le", "$gt", "$ge"}:
        left, right = shapes
        if not check_comparable(operator, inner, shapes, report):
            return
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
