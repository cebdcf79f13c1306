"""Calls that are made ahead of their run: neighbours in the local lane go to their worker in one trip.

A run comes to each of them all the same, and finds then what it has come to. Until it has, nothing stops it: what has
been done is to be known, and undone where that is due.
"""

from __future__ import annotations

from typing import Final, cast

from resolute.plan.errors import ResoluteError
from resolute.plan.language import expressions_in
from resolute.plan.limits import check_value
from resolute.plan.values import Json, JsonObject
from resolute.running.evaluate import Scope, prepare

MAKES_AHEAD: Final = 4
"""The first interpreter whose runs make calls ahead. What older ones did must come again in a replay."""

MOST: Final = 100
"""Calls that are made in one trip, at most."""

_OF_ITS_TIME: Final = frozenset({"$now", "$state", "$failure"})
"""What a call reads as it is when the run comes to it."""


def reads_its_time(arguments: JsonObject) -> bool:
    """Whether arguments are known only when the run comes to their call, whatever the calls before it give."""
    return any(operator in _OF_ITS_TIME for operator, _ in expressions_in(cast("Json", arguments)))


def outputs_read(arguments: JsonObject) -> tuple[str, ...]:
    """The outputs that arguments still read, by the names of their steps."""
    found = expressions_in(cast("Json", arguments))
    return tuple(dict.fromkeys(str(inner[0]) for operator, inner in found if operator == "$output"))


def filled(arguments: JsonObject, outputs: JsonObject, interpreter: int) -> JsonObject | None:
    """Arguments with the outputs that they read; None where they are nothing to call with, as the run will find."""
    try:
        known = cast("JsonObject", prepare(cast("Json", arguments), Scope(outputs=outputs, interpreter=interpreter)))
        check_value("the input of a step", known)
    except ResoluteError:
        return None
    return known
