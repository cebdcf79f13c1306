"""Questions about lists of the run, as authors write them: which items, the first one, how many, any, all.

The function that says which is called once, while the flow is written, with a reference to an item. What it returns is
a condition like any other, kept in the plan.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

from resolute.plan.errors import ExpressionError
from resolute.plan.expressions import Bound, Expression, Reference
from resolute.plan.texts import said_by, shortened
from resolute.plan.unready import meant_value

T = TypeVar("T")

_DECIDED = "write a comparison of the item, as in lambda incident: incident.urgency == 'high'"


def where(items: Sequence[T], keep: Callable[[T], bool]) -> list[T]:
    """The items of a list for which a condition holds, in their order.

    >>> where(output("page.incidents"), lambda incident: incident.urgency == "high")
    page.incidents where item.urgency == 'high'
    """
    return cast("list[T]", Reference("$at", _asked("$where", items, keep)))


def first(items: Sequence[T], that: Callable[[T], bool] | None = None) -> T | None:
    """The first item of a list, or the first for which a condition holds; null where there is none.

    >>> first(output("page.incidents"), lambda incident: incident.urgency == "high")
    first(page.incidents where item.urgency == 'high')
    """
    return cast("T | None", Reference("$at", _asked("$first", items, that)))


def count(items: Sequence[T], that: Callable[[T], bool] | None = None) -> int:
    """How many items a list has, or how many for which a condition holds.

    >>> count(output("page.incidents")) > 3
    count(page.incidents) > 3
    """
    return cast("int", _asked("$count", items, that))


def any_of(items: Sequence[T], that: Callable[[T], bool]) -> bool:
    """Whether a condition holds for at least one item; not so for an empty list.

    >>> any_of(output("page.incidents"), lambda incident: incident.urgency == "high")
    any_of(page.incidents, item.urgency == 'high')
    """
    return cast("bool", _asked("$any", items, that, every=False))


def all_of(items: Sequence[T], that: Callable[[T], bool]) -> bool:
    """Whether a condition holds for each item; so for an empty list."""
    return cast("bool", _asked("$all", items, that, every=False))


def _asked(operator: str, items: object, that: Callable[[Any], object] | None, *, every: bool = True) -> Expression:
    bound = Bound()
    if that is None and every and operator != "$where":
        return Expression(operator, items, bound, True)
    word = {"$any": "any_of", "$all": "all_of"}.get(operator, operator[1:])
    item = Reference("$item", bound)
    return Expression(operator, items, bound, condition_on(item, that, f"{word}({_shown(items)}, ...)"))


def condition_on(item: Reference, that: object, place: str) -> Expression:
    """The condition that a function of an item says; `place` is where it stands, for messages.

    Raises:
        ExpressionError: it is no function of an item, or says no condition.
    """
    if isinstance(that, Expression) or not callable(that):
        raise ExpressionError(f"{place} takes a function of an item, not {_shown(that)}; {_DECIDED}")
    try:
        condition = cast("Callable[[object], object]", that)(item)
    except ExpressionError:
        raise
    except Exception as error:
        remedy = meant_value(error)
        raise ExpressionError(
            f"{place}: the function failed with {type(error).__name__}: {said_by(error)}; it is called once, while the "
            "flow is written, with a reference to an item" + (remedy and f"; {remedy}")
        ) from error
    if isinstance(condition, Expression):
        return condition
    if inspect.iscoroutine(condition):
        condition.close()
        raise ExpressionError(f"{place}: the function is async; {_DECIDED}")
    if isinstance(condition, bool):
        always = "true" if condition else "false"
        raise ExpressionError(
            f"{place}: the condition is always {always}, Python decided it while the flow was written; {_DECIDED}"
        )
    raise ExpressionError(f"{place}: the function returned {_shown(condition)}, which is no condition; {_DECIDED}")


def _shown(value: object) -> str:
    return shortened(repr(value), 200)
