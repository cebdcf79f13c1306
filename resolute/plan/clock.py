"""The times of a run, as authors write them."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, cast

from resolute.plan.errors import ExpressionError
from resolute.plan.expressions import Expression, operation


class Now(Expression):
    """The run's clock, which can be moved by a timedelta."""

    __slots__ = ()

    def __init__(self, shift: float = 0.0) -> None:
        super().__init__("$now", shift)

    def __add__(self, other: Any) -> Expression:
        if isinstance(other, timedelta):
            return Now(self._operands[0] + other.total_seconds())
        self._check(other, f"{self!r} + {other!r}")
        return operation("$add", self, other)

    def __radd__(self, other: Any) -> Expression:
        return self + other

    def __sub__(self, other: Any) -> Expression:
        if isinstance(other, timedelta):
            return Now(self._operands[0] - other.total_seconds())
        self._check(other, f"{self!r} - {other!r}")
        return operation("$sub", self, other)

    def _check(self, other: object, said: str) -> None:
        if not isinstance(other, (Expression, date)):
            raise ExpressionError(
                f"{said}: the clock of a run is moved by a timedelta, as in now() - timedelta(hours=24), "
                "and compared with other times"
            )


def now() -> datetime:
    """The run's own clock when the step starts: `now() - timedelta(hours=24)`."""
    return cast("datetime", Now())


def scheduled_for() -> datetime:
    """The time that the run was due, whatever the clock says; of a run that no schedule started, when it began.

    A run that starts late, waits or is tried again keeps it, so windows made of it neither overlap nor leave gaps:
    `list_incidents(since=scheduled_for() - timedelta(hours=1), until=scheduled_for())`.
    """
    return cast("datetime", Expression("$scheduled"))
