"""The failed attempts of a step, kept in addition to its last one.

Temporal records why the last attempt of an activity failed, and forgets the earlier ones. So each failed attempt passes
on what it knows about them: in the details of its failure and, to the next attempt, in the details of its last
heartbeat. Neither adds an event to the history.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, cast

from pydantic import ValidationError
from temporalio.exceptions import ApplicationError

from resolute.plan.values import Json, JsonObject
from resolute.running.report import Attempt

KEPT: Final = 10
"""How many attempts of a step are kept: the latest ones."""

_KEY: Final = "resolute.attempts"

Attempts = tuple[Attempt, ...]


def as_detail(attempts: Attempts) -> JsonObject:
    """Attempts as a detail of a failure or a heartbeat."""
    return {_KEY: [cast("Json", each.model_dump(mode="json")) for each in attempts[-KEPT:]]}


def split(details: Sequence[object]) -> tuple[tuple[Json, ...], Attempts]:
    """The details of a node's heartbeat or failure, and the attempts that we have added to them."""
    said: list[Json] = []
    attempts: Attempts = ()
    for detail in details:
        if isinstance(detail, Mapping) and set(cast("Mapping[str, object]", detail)) == {_KEY}:
            attempts = _read(cast("Mapping[str, object]", detail)[_KEY])
        else:
            said.append(cast("Json", detail))
    return tuple(said), attempts


def attempts_in(error: BaseException | None) -> Attempts:
    """The failed attempts in an activity's failure, including its own."""
    while error is not None:
        if isinstance(error, ApplicationError) and (attempts := split(error.details)[1]):
            return attempts
        error = error.__cause__
    return ()


def _read(value: object) -> Attempts:
    try:
        return tuple(Attempt.model_validate(each) for each in cast("Sequence[object]", value))
    except (ValidationError, TypeError):
        return ()  # written by another version, or by something else
