"""Arithmetic on numbers, times and durations, as Python does it, and never with a result that JSON cannot hold."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from resolute.plan.described import describe
from resolute.plan.errors import EvaluationError, NotJsonError
from resolute.plan.language import ARITHMETIC
from resolute.plan.shapes import kind_of, spoken
from resolute.plan.texts import shortened
from resolute.plan.times import day_of, duration_of, text_of_duration, time_of
from resolute.plan.values import Json, check_leaf

_SHOWN: Final = 200


def computed(operator: str, written: list[Json], given: list[Json]) -> Json:
    """The result of an operation; `written` are its operands as the plan holds them, `given` their values.

    Raises:
        EvaluationError: an operand is null or of a kind that the operation does not take, or there is no result.
    """
    values = [_operand(operator, *pair, written) for pair in zip(written, given, strict=True)]
    if any(type(value) is date for value in values) and any(isinstance(value, datetime) for value in values):
        values = [datetime.combine(value, time(), UTC) if type(value) is date else value for value in values]
    try:
        return _json(_result(operator, *values))
    except ZeroDivisionError:
        why = f"{_shown(written[-1])} is zero"
    except TypeError:
        kinds = " and ".join(_kind(value) for value in values)
        why = f"{ARITHMETIC[operator]} does not go with {kinds}"
    except (OverflowError, NotJsonError):
        why = "the result is too large" if all(isinstance(each, (int, float)) for each in values) else "out of range"
    raise EvaluationError(f"{_whole(operator, written)} has no value: {why}")


def _result(operator: str, left: Any, right: Any = None) -> Any:
    match operator:
        case "$add":
            return left + right
        case "$sub":
            return left - right
        case "$mul":
            return left * right
        case "$div":
            return left / right
        case "$floordiv":
            return left // right
        case "$mod":
            return left % right
        case _:
            return -left


def _operand(operator: str, written: Json, given: Json, all_written: list[Json]) -> Any:
    if isinstance(given, (int, float)) and not isinstance(given, bool):
        return given
    for read in (day_of, time_of, duration_of):
        if (value := read(given)) is not None:
            return value
    what = "null" if given is None else spoken(frozenset({kind_of(given)}))
    raise EvaluationError(
        f"{_whole(operator, all_written)} has no value: {_shown(written)} is {what}, not a number, a time or a duration"
    )


def _json(value: Any) -> Json:
    match value:
        case timedelta():
            return text_of_duration(value)
        case date():  # a datetime is one
            return value.isoformat()
        case float() if not math.isfinite(value):
            raise OverflowError
        case _:
            check_leaf((), value)
            return value


def _kind(value: object) -> str:
    match value:
        case timedelta():
            return "a duration"
        case date():
            return "a time"
        case _:
            return "a number"


def _whole(operator: str, written: list[Json]) -> str:
    return _shown({operator: written})


def _shown(value: Json) -> str:
    return shortened(describe(value), _SHOWN)
