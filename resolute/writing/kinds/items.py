"""The items of a block that runs once for each: the list, its condition and the options, checked."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any, Final, cast

from resolute.plan.described import describe
from resolute.plan.expressions import Expression
from resolute.plan.kinds.each import MOST_AT_ONCE, Each, OnError
from resolute.plan.language import has_holes
from resolute.plan.shapes import ANY, Shape, spoken
from resolute.plan.step import Step
from resolute.plan.values import Json
from resolute.writing.checks import check_condition, check_fit, shape_in
from resolute.writing.kinds.each import BODY, DraftEach, EachStep, giving
from resolute.writing.placing import mistakes_of
from resolute.writing.presence import present_where
from resolute.writing.scope import Scope
from resolute.writing.step import spoken as said
from resolute.writing.steps import Steps, hiding, knowing
from resolute.writing.values import NOTHING

_LIST: Final = Shape({"type": "array"})
_LITERALS: Final = 50
"""Items of a list that stands in the flow itself whose types are told apart; a longer one is taken as it is."""


def compile_each(draft: DraftEach, steps: Steps, scope: Scope, place: str) -> tuple[list[Step], Scope]:
    """The block; behind it the list is known, and what single items came to is not."""
    step, step_id = draft.step, steps.naming.ids[id(draft)]
    spot = f"{place} {step_id!r}"
    for problem in (*step.mistakes, *mistakes_of(step.body, f"{place}.")):
        steps.mistakes.report(f"{problem.place}" or spot, problem.message, problem.hint)
    items, item = _items(step, steps, scope, spot)
    inner = replace(scope, items={**scope.items, step_id: item})
    where = _where(step, steps, inner, spot)
    present = present_where(where, holds=True)
    body, _ = steps.block(draft.body, replace(inner, present=inner.present | present), f"{place}.")
    if not draft.body and step.body is not NOTHING:
        steps.mistakes.report(spot, f"{said(step.body)} has no step", BODY)
    at_once, on_error = _options(step, steps, spot)
    index = giving(draft.body)
    compiled = Each(
        id=step_id,
        items=cast("Any", items),
        where=cast("Any", where),
        body=body,
        gives=None if index is None else steps.naming.ids[id(draft.body[index])],
        at_once=at_once,
        on_error=on_error,
    )
    behind = hiding(scope, body, f"runs once for each item of {step_id!r}")
    return [compiled], knowing(behind, {step_id: steps.naming.shapes[step_id]})


def _items(step: EachStep[Any], steps: Steps, scope: Scope, place: str) -> tuple[Json, Shape]:
    """The list as the plan holds it, and what an item of it is."""
    encoded = steps.values.encode(step.items, place, "items: ")
    if encoded is NOTHING:
        return [], ANY
    report = steps.mistakes.at(place, "items: ")
    if has_holes(encoded):
        report("the list is read in the run, which knows no env(...) and no secret(...)", "let a node return it")
        return encoded, ANY
    if isinstance(encoded, (list, tuple)):
        shapes = [shape_in(each, scope, report) for each in encoded]
        known = {"anyOf": [shape.schema for shape in shapes]} if 0 < len(shapes) <= _LITERALS else {}
        return encoded, Shape(known)
    found: list[str] = []
    shape = shape_in(encoded, scope, lambda message, _: found.append(message))
    if not found and shape.kinds and "list" not in shape.kinds:
        hint = "give a list; a node can make one of what you have"
        report(f"{describe(encoded)} is {spoken(shape.kinds)}, each(...) runs over a list", hint)
        return encoded, ANY
    check_fit(encoded, _LIST, scope, report)
    return encoded, shape.at(0) or ANY


def _where(step: EachStep[Any], steps: Steps, scope: Scope, place: str) -> Json:
    if step.where is None or step.where is NOTHING:
        return True
    spot = "where: "
    if not isinstance(step.where, (Expression, bool)):
        if inspect.iscoroutine(step.where):
            step.where.close()
        hint = "compare the item, as in where=lambda host: host.tier == 1"
        steps.mistakes.report(place, f"{spot}{said(step.where)} is no condition", hint)
        return True
    encoded = steps.values.encode(step.where, place, spot)
    if encoded is NOTHING:
        return True
    report = steps.mistakes.at(place, spot)
    check_condition(encoded, scope, report)
    if has_holes(encoded):
        hint = "ask it in the body, with branch().when(...)"
        report("the condition is asked in the run, which knows no env(...) and no secret(...)", hint)
    return encoded


def _options(step: EachStep[Any], steps: Steps, place: str) -> tuple[int, OnError]:
    at_once, on_error = step.at_once, step.on_error
    if not isinstance(at_once, int) or isinstance(at_once, bool) or not 1 <= at_once <= MOST_AT_ONCE:
        steps.mistakes.report(place, f"at_once={at_once!r} is no number from 1 to {MOST_AT_ONCE}", "20 without it")
        at_once = 1
    if on_error not in ("fail", "collect"):
        hint = "'fail' gives the others up and fails the step, 'collect' goes on and gives a list of outcomes"
        steps.mistakes.report(place, f"on_error={on_error!r} is neither 'fail' nor 'collect'", hint)
        on_error = "fail"
    return at_once, on_error
