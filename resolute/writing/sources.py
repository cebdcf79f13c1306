"""The shapes of what values are read from: outputs, items, the input, earlier runs, the clock, the environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

from resolute.plan.cursors import schema_of
from resolute.plan.described import dotted
from resolute.plan.failing import Failure
from resolute.plan.hours import window_problem
from resolute.plan.language import operands, operator_of
from resolute.plan.shapes import (
    ANY,
    BOOL,
    ENVIRONMENT,
    TEXT,
    TIME,
    Shape,
    did_you_mean,
    or_null,
    shape_of_type,
    spoken,
)
from resolute.plan.values import Json
from resolute.writing.scope import Report, Scope

_STATE: Final = Shape({"type": "object", "additionalProperties": True})


def shape_of_source(operator: str, inner: list[Json], scope: Scope, report: Report) -> Shape:
    """The shape of what an operator of sources or holes reads, reporting what cannot be read here."""
    match operator:
        case "$output":
            return _shape_of_output(inner, scope, report)
        case "$item":
            return _shape_of_item(inner, scope, report)
        case "$previous":
            return _shape_of_previous(inner, scope, report)
        case "$last":
            return _shape_of_last(inner, scope, report)
        case "$input":
            return shape_at(scope.input, "input", inner, report)
        case "$failure":
            if not scope.in_failure:
                report("failure() is known in on_failure steps only", "move the step to .on_failure(...)")
            return shape_at(shape_of_type(Failure, "serialization"), "failure", inner, report)
        case "$now" | "$scheduled":
            return TIME
        case "$secret" | "$link" | "$button":
            return TEXT
        case "$during":
            if problem := window_problem(inner[0]):
                report(f"during(...): {problem}", "")
            return BOOL
        case "$cursor":
            return _shape_of_cursor(inner)
        case "$env":
            settings = inner[0]
            return ENVIRONMENT[str(settings["type"])] if isinstance(settings, Mapping) else TEXT
        case _:
            return _STATE


def check_typed(value: Json, scope: Scope, report: Report) -> None:
    """Reports a read of an output of which nothing is known, because its node does not say what it returns."""
    if not isinstance(value, Mapping) or operator_of(value) != "$output":
        return
    inner = operands(value)
    if (node := scope.untyped.get(str(inner[0]))) and str(inner[0]) in scope.known:
        report(
            f"reads {dotted(inner)}: node {node!r} does not say what it returns",
            "annotate its function, as in -> Health with a model of the fields, or -> Any to leave it unchecked",
        )


def _shape_of_output(inner: list[Json], scope: Scope, report: Report) -> Shape:
    step = str(inner[0])
    if step in scope.known:
        if inner[1:]:
            check_typed({"$output": inner}, scope, report)
        return shape_at(scope.known[step], step, inner[1:], report)
    if step in scope.elsewhere:
        loop = scope.many.get(step)
        hint = f"read {loop}.output" if loop in scope.known else "read it where its step has certainly run"
        report(f"reads {dotted(inner)}: {scope.elsewhere[step]}", hint)
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
    return shape_at(scope.items[name], name, inner[1:], report)


def _shape_of_previous(inner: list[Json], scope: Scope, report: Report) -> Shape:
    step = str(inner[0])
    if not scope.has_previous:
        report(
            f"reads previous({dotted(inner)}), and runs of a schedule that overlap pass no values on",
            "let the runs of the schedule not overlap, or give the flow another trigger beside it",
        )
    if step in scope.many:
        report(
            f"reads previous({dotted(inner)}): step {step!r} runs many times",
            f"read the output of all of them, previous({scope.many[step]}.output)",
        )
    if step not in scope.everywhere:
        report(
            f"reads previous({dotted(inner)}): no step is called {step!r}", did_you_mean(step, list(scope.everywhere))
        )
        return ANY
    return or_null(shape_at(scope.everywhere[step], step, inner[1:], report))


def _shape_of_last(inner: list[Json], scope: Scope, report: Report) -> Shape:
    step = str(inner[0])
    if step not in scope.last:
        report(
            f"reads last_turn({dotted(inner)}), and {step!r} is no step of a repeat(...) around this place",
            "last_turn(...) reads steps of the repeat that it stands in; behind that, read its .output.last",
        )
        return ANY
    return or_null(shape_at(scope.last[step], step, inner[1:], report))


def _shape_of_cursor(inner: list[Json]) -> Shape:
    if len(inner) < 2:  # no type
        return ANY
    schema = schema_of(inner[1])
    return or_null(Shape(schema, schema.get("$defs", {})))


def shape_at(shape: Shape, origin: str, path: list[Json], report: Report) -> Shape:
    """The shape at a path from `origin`, reporting the part that is not there."""
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
