"""Conditions that Python has no operator for, as authors write them."""

from __future__ import annotations

from typing import cast

from resolute.plan.errors import ExpressionError
from resolute.plan.expressions import Expression
from resolute.plan.patterns import check_pattern


def contains(collection: object, item: object) -> bool:
    """True if a list contains the item, an object the key, or a text the text."""
    return cast("bool", Expression("$contains", collection, item))


def one_of(item: object, collection: object) -> bool:
    """True if the item is in the collection: `one_of(incident.output.urgency, ["high"])`."""
    return cast("bool", Expression("$in", item, collection))


def is_empty(value: object) -> bool:
    """True for null, an empty text, an empty list and an empty object."""
    return cast("bool", Expression("$empty", value))


def matches(value: object, pattern: str) -> bool:
    """True if the regular expression matches anywhere in the text.

    The syntax is Python's without looking around and back-references, so that no text can hold the worker. Classes such
    as digits and words mean ASCII, and `$` is the end of the text; see `resolute.plan.patterns`.
    """
    if not isinstance(cast("object", pattern), str):
        raise ExpressionError(f"matches(...) takes its pattern as text, not {pattern!r}")
    try:
        check_pattern(pattern)
    except ExpressionError as error:
        raise ExpressionError(
            f"matches(..., {pattern!r}): not a regular expression that can be matched in linear time: {error}; "
            "instead of (?=...), (?!...) or \\1 combine several matches(...), or decide in a function"
        ) from None
    return cast("bool", Expression("$search", value, pattern))


def not_(condition: object) -> bool:
    """The opposite of a condition; like `~condition`, but typed as `bool`."""
    return cast("bool", Expression("$not", condition))
