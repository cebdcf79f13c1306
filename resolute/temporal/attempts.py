"""The failed attempts of a step, kept in addition to its last one.

Temporal records why the last attempt of an activity failed, and forgets the earlier ones. So each failed attempt passes
on what it knows about them: in the details of its failure and, to the next attempt, in the details of its last
heartbeat. Neither adds an event to the history.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, cast

from pydantic import ValidationError
from temporalio.exceptions import ApplicationError

from resolute.execution.executor import FailureFacts
from resolute.plan.texts import shortened
from resolute.plan.values import Json, JsonObject
from resolute.running.report import Attempt

KEPT: Final = 10
"""How many attempts of a step are kept: the latest ones."""

_KEY: Final = "resolute.attempts"
_LONGEST: Final = 500
_LOCAL_STEPS: Final = 1_000

Attempts = tuple[Attempt, ...]


def failed_attempt(number: int, facts: FailureFacts) -> Attempt:
    """An attempt that has just failed."""
    return Attempt(
        number=number, at=datetime.now(UTC), error_type=facts.error_type, message=shortened(facts.message, _LONGEST)
    )


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


class LocalAttempts:
    """The failed attempts of steps in the local lane, which have no heartbeats: kept by the worker that runs them."""

    def __init__(self) -> None:
        self._steps: OrderedDict[tuple[str, str], Attempts] = OrderedDict()

    def before(self, run_id: str, step: str, attempt: int) -> Attempts:
        """What is known about the attempts before one."""
        return self._steps.get((run_id, step), ()) if attempt > 1 else ()

    def keep(self, run_id: str, step: str, attempts: Attempts) -> None:
        """Keeps what the next attempt should know; of very many steps, only the latest ones."""
        self._steps[run_id, step] = attempts
        self._steps.move_to_end((run_id, step))
        while len(self._steps) > _LOCAL_STEPS:
            self._steps.popitem(last=False)

    def forget(self, run_id: str, step: str) -> None:
        """The step has ended."""
        self._steps.pop((run_id, step), None)
