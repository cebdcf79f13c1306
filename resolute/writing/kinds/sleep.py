"""A pause in a flow."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, cast

from resolute.plan.kinds.sleep import LONGEST, Sleep
from resolute.plan.shapes import TIME
from resolute.plan.step import Step
from resolute.plan.values import Json
from resolute.writing.checks import Scope, check_fit
from resolute.writing.lifting import Lifter, decoded
from resolute.writing.places import place_of_caller
from resolute.writing.step import Draft, FlowStep
from resolute.writing.steps import Steps
from resolute.writing.values import NOTHING


@dataclass(frozen=True, eq=False)
class SleepStep(FlowStep[None]):
    """A pause. See `sleep`."""

    length: timedelta | None = None
    until: object = None

    @property
    def default_name(self) -> str:
        """The step's name where `as_` gave none."""
        return "sleep"

    @property
    def result_type(self) -> Any:
        """Nothing."""
        return type(None)

    def draft(self) -> Draft:
        """The step in its place."""
        return DraftSleep(self)


def sleep(length: timedelta | None = None, *, until: datetime | None = None) -> SleepStep:
    """Waits before what follows: a length of time, or until a time. Waiting costs nothing and survives restarts.

    A time that has passed is no wait. `until` takes a reference, such as a maintenance window's end.
    Source: Temporal's durable timers.

    >>> from datetime import timedelta
    >>> sleep(timedelta(minutes=5)).as_("settle").name
    'settle'
    """
    return SleepStep(length, until, written_at=place_of_caller())


@dataclass(frozen=True, eq=False)
class DraftSleep(Draft):
    """A pause in its place."""

    step: SleepStep  # pyright: ignore[reportIncompatibleVariableOverride]  # narrower, and frozen

    kind: ClassVar[str] = "sleep"

    def fresh(self) -> Draft:
        """The same pause in another place."""
        return DraftSleep(self.step)


def compile_sleep(draft: DraftSleep, steps: Steps, scope: Scope, place: str) -> tuple[list[Step], Scope]:
    """The pause; nothing of it can be read."""
    step_id = steps.naming.ids[id(draft)]
    place = f"{place} {step_id!r}"
    length, until = cast("object", draft.step.length), draft.step.until
    if (length is None) is (until is None):
        hint = "sleep(timedelta(minutes=5)), or sleep(until=window.output.ends_at)"
        steps.mistakes.report(place, "sleep takes a length or a time", hint)
        return [], scope
    if until is not None:
        encoded = steps.values.encode(until, place, "until: ")
        if encoded is NOTHING:
            return [], scope
        check_fit(encoded, TIME, scope, steps.mistakes.at(place, "until: "))
        return [Sleep(id=step_id, until=cast("Any", encoded))], scope
    if not isinstance(length, timedelta) or not 0 <= length.total_seconds() <= LONGEST:
        hint = "give a timedelta of up to ten years, as in sleep(timedelta(minutes=5))"
        steps.mistakes.report(place, f"{length!r} is no length of a pause", hint)
        return [], scope
    return [Sleep(id=step_id, length=length.total_seconds())], scope


def lift_sleep(sleep: Sleep, lifter: Lifter) -> Draft:
    """The pause."""
    length = None if sleep.length is None else timedelta(seconds=sleep.length)
    until = None if sleep.until is None else decoded(cast("Json", sleep.until))
    return DraftSleep(SleepStep(length, until, name=lifter.name_of(sleep), written_at=lifter.place(sleep)))
