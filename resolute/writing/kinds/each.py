"""A block of a flow that runs once for each item of a list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Any, ClassVar, Final, Literal, TypeAlias, TypeVar, cast, overload

from resolute.plan.errors import ExpressionError, Problem
from resolute.plan.expressions import Expression, Reference
from resolute.plan.kinds.each import Each, OnError, Outcome
from resolute.plan.texts import said_by
from resolute.plan.unready import meant_value
from resolute.plan.values import Json
from resolute.writing.draft import fresh
from resolute.writing.lifting import Lifter, decoded
from resolute.writing.places import place_of_caller
from resolute.writing.placing import Chain, steps_of
from resolute.writing.step import Draft, FlowStep, StepSource
from resolute.writing.step import spoken as said
from resolute.writing.values import NOTHING

T = TypeVar("T")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

Body: TypeAlias = "FlowStep[Any] | Chain | Sequence[FlowStep[Any]]"

BODY: Final = "give a function of the item that returns a step, a list of steps, or branch().then(...)"
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
        hint = "give a function of the item, as in where=lambda host: host.tier == 1" if spot else BODY
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


def lift_each(each: Each, lifter: Lifter) -> Draft:
    """The block; its items are read by the step's name, as they are in the plan."""
    body = lifter.block(each.body)
    step: EachStep[Any] = EachStep(
        decoded(cast("Json", each.items)),
        (),
        None if each.where is True else decoded(cast("Json", each.where)),
        each.at_once,
        each.on_error,
        StepSource(object(), each.id, "item"),
        body,
        name=lifter.name_of(each),
        written_at=lifter.place(each),
    )
    return DraftEach(step, body)
