"""What is told of a plan's steps when a run is continued: how each stood, without the values that stand elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, cast

from pydantic import ValidationError

from resolute.plan.errors import UnusableValueError
from resolute.plan.values import Json, JsonObject
from resolute.running.report import StepReport

_TOLD: Final = {"status", "started_at", "ended_at", "taken", "failure", "trace", "counts", "held", "run", "not_done"}


def told_of(reports: Iterable[StepReport]) -> dict[str, Json]:
    """What the next part of a run is to tell of the steps of this one, by step."""
    told = {report.id: report.model_dump(mode="json", include=_TOLD, exclude_defaults=True) for report in reports}
    return {step: cast("Json", facts) for step, facts in told.items() if facts}


def taken_up(report: StepReport, told: Json, output: Json = None) -> StepReport:
    """A step's report at the beginning of a part of a run, from what `told_of` wrote in the part before.

    Items and turns at work begin again, and are counted again when they do.

    Raises:
        UnusableValueError: `told_of` wrote something else.
    """
    try:
        facts: dict[str, Any] = {**report.model_dump(), **cast("JsonObject", told), "output": output}
        known = StepReport.model_validate(facts)
    except (TypeError, ValidationError) as error:
        raise UnusableValueError(f"what is told of step {report.id!r} is damaged: {error}") from None
    if known.counts:
        counts = {status: count for status, count in known.counts.items() if status not in {"running", "held"}}
        known = known.model_copy(update={"counts": counts, "status": known.status if counts else "pending"})
    return known.model_copy(update={"carried": known.status in {"completed", "failed"}})
