"""A block of a flow that runs once for each item of a list."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import NoneType
from typing import Any, ClassVar, Final, Literal, TypeAlias, TypeVar, cast, overload

from resolute.plan.described import describe
from resolute.plan.errors import ExpressionError, Problem
from resolute.plan.expressions import Expression, Reference
from resolute.plan.kinds.each import MOST_AT_ONCE, Each, OnError, Outcome
from resolute.plan.language import has_holes
from resolute.plan.shapes import ANY, Shape, spoken
from resolute.plan.step import Step
from resolute.plan.texts import said_by
from resolute.plan.unready import meant_value
from resolute.plan.values import Json
from resolute.writing.checks import check_condition, check_fit, shape_in
from resolute.writing.draft import fresh
from resolute.writing.lifting import Lifter, decoded
from resolute.writing.places import place_of_caller
from resolute.writing.placing import Chain, mistakes_of, steps_of
from resolute.writing.presence import present_where
from resolute.writing.scope import Scope
from resolute.writing.step import Draft, FlowStep, StepSource
from resolute.writing.step import spoken as said
from resolute.writing.steps import Steps, hiding, knowing
from resolute.writing.values import NOTHING

T = TypeVar("T")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

Body: TypeAlias = "FlowStep[Any] | Chain | Sequence[FlowStep[Any]]"

_LIST: Final = Shape({"type": "array"})
_LITERALS: Final = 50
"""Items of a list that stands in the flow itself whose types are told apart; a longer one is taken as it is."""
_BODY: Final = "give a function of the item that returns a step, a list of steps, or branch().then(...)"
_ITEM: Final = "it is called once, while the flow is written, with a reference to an item"


@dataclass(frozen=True, eq=False)
class EachStep(FlowStep[R_co]):
    """A block that runs once for each item of a list. See `each`.

    `body` is what the function of the item gave, `drafts` the steps in it, and `where` the condition on the item, None
    where there is none; `item` is what references to the item point at.
    """

    items: object
    body: object
    where: object
    at_once: object
    on_error: object
    item: StepSource
    drafts: tuple[Draft, ...] = ()

    @property
    def default_name(self) -> str:
        """The step's name where `as_` gave none."""
        return "each"

    @property
    def result_type(self) -> Any:
        """A list of what the body gives, or of outcomes."""
        index = giving(self.drafts)
        step = None if index is None else self.drafts[index].step
        inner = step.result_type if step is not None else NoneType
        try:
            return list[Outcome[inner]] if self.on_error == "collect" else list[inner]
        except TypeError:  # an annotation that cannot be hashed
            return list[Outcome[Any]] if self.on_error == "collect" else list[Any]

    def draft(self) -> Draft:
        """The step in its place."""
        return DraftEach(self, fresh(self.drafts))


@overload
def each(
    items: Sequence[T],
    body: Callable[[T], FlowStep[R]],
    *,
    where: Callable[[T], bool] | None = None,
    at_once: int = 20,
    on_error: Literal["fail"] = "fail",
) -> EachStep[list[R]]: ...
@overload
def each(
    items: Sequence[T],
    body: Callable[[T], FlowStep[R]],
    *,
    where: Callable[[T], bool] | None = None,
    at_once: int = 20,
    on_error: Literal["collect"],
) -> EachStep[list[Outcome[R]]]: ...
@overload
def each(
    items: Sequence[T],
    body: Callable[[T], Chain | Sequence[FlowStep[Any]]],
    *,
    where: Callable[[T], bool] | None = None,
    at_once: int = 20,
    on_error: Literal["fail"] = "fail",
) -> EachStep[list[Any]]: ...
@overload
def each(
    items: Sequence[T],
    body: Callable[[T], Chain | Sequence[FlowStep[Any]]],
    *,
    where: Callable[[T], bool] | None = None,
    at_once: int = 20,
    on_error: Literal["collect"],
) -> EachStep[list[Outcome[Any]]]: ...
def each(
    items: Sequence[T],
    body: Callable[[T], Body],
    *,
    where: Callable[[T], bool] | None = None,
    at_once: int = 20,
    on_error: OnError = "fail",
) -> EachStep[Any]:
    """Runs steps once for each item of a list, `at_once` items at the same time.

    `body` and `where` are called once, while the flow is written, with a reference to an item. The output is a list in
    the order of the items: for each, the output of the last step that stands directly in the body and has one. An item
    that `where` does not hold for is left out.

    Args:
        items: a list of the run, or a list that is written here.
        body: a function of the item that returns a step, a list of steps, or `branch().then(...)`.
        where: a condition on the item; without it, every item counts.
        at_once: how many items are at work at the same time, 1 to 500.
        on_error: `fail` gives up the other items as soon as one has failed, and fails the step; `collect` goes on, and
            the output is a list of `Outcome`.

    >>> from resolute import input_data, node
    >>> @node
    ... async def check(host: str) -> bool:
    ...     return True
    >>> each(input_data("hosts"), lambda host: check(host), at_once=5).as_("checks").output
    checks
    """
    token = object()
    item = StepSource(token, None, "item")
    reference = cast("T", Reference("$item", item))
    mistakes: list[Problem] = []
    given = _called("", body, reference, mistakes)
    condition = None if where is None else _called("where: ", where, reference, mistakes)
    return EachStep(
        items,
        given,
        condition,
        at_once,
        on_error,
        item,
        drafts=() if given is NOTHING else steps_of(given),
        mistakes=tuple(mistakes),
        written_at=place_of_caller(),
    )


def _called(spot: str, function: object, item: object, mistakes: list[Problem]) -> object:
    """What a function of the item gives; `NOTHING` where it is none or fails, which is a mistake of the flow."""
    if isinstance(function, (Expression, FlowStep, Chain)) or not callable(function) or hasattr(function, "definition"):
        hint = "give a function of the item, as in where=lambda host: host.tier == 1" if spot else _BODY
        mistakes.append(Problem("", f"{spot}{said(cast('object', function))} is no function of an item", hint))
        return NOTHING
    try:
        return cast("Callable[[object], object]", function)(item)
    except ExpressionError as error:
        mistakes.append(Problem("", f"{spot}{error}", _ITEM))
    except Exception as error:
        message = f"{spot}the function failed with {type(error).__name__}: {said_by(error)}"
        mistakes.append(Problem("", message, meant_value(error) or _ITEM))
    return NOTHING


def giving(drafts: Sequence[Draft]) -> int | None:
    """Which of the steps directly in a body gives the item's output: the last that has one."""
    for index in reversed(range(len(drafts))):
        step = drafts[index].step
        if step is not None and step.result_type not in (None, NoneType):
            return index
    return None


@dataclass(frozen=True, eq=False)
class DraftEach(Draft):
    """A block for each item, in its place."""

    step: EachStep[Any]  # pyright: ignore[reportIncompatibleVariableOverride]  # narrower, and frozen
    body: tuple[Draft, ...] = ()

    kind: ClassVar[str] = "each"
    repeats: ClassVar[bool] = True

    @property
    def identities(self) -> tuple[object, ...]:
        """The step's, and that of its items."""
        return (self.step.identity, self.step.item.identity)

    def blocks(self) -> tuple[tuple[Draft, ...], ...]:
        """The body."""
        return (self.body,)

    def fresh(self) -> Draft:
        """The same block in another place."""
        return DraftEach(self.step, fresh(self.body))


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
        steps.mistakes.report(spot, f"{said(step.body)} has no step", _BODY)
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


def lift_each(each: Each, lifter: Lifter) -> Draft:
    """The block; its items are read by the step's name, as they are in the plan."""
    step: EachStep[Any] = EachStep(
        decoded(cast("Json", each.items)),
        (),
        None if each.where is True else decoded(cast("Json", each.where)),
        each.at_once,
        each.on_error,
        StepSource(object(), each.id, "item"),
        name=lifter.name_of(each),
        written_at=lifter.place(each),
    )
    return DraftEach(step, lifter.block(each.body))
