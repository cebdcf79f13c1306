"""Runs a pause."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import cast

from resolute.plan.errors import EvaluationError
from resolute.plan.kinds.sleep import Sleep
from resolute.plan.values import Json
from resolute.running.evaluate import evaluate
from resolute.running.frame import Frame
from resolute.running.run import Run


async def run_sleep(sleep: Sleep, frame: Frame, run: Run) -> Json:
    """Waits; a run that is continued waits until the same time. A time that has passed is no wait."""
    end = frame.kept.parts.get(sleep.id)
    until = datetime.fromisoformat(str(end)) if end is not None else _end_of(sleep, frame, run)
    frame.kept.parts[sleep.id] = until.isoformat()
    if until > run.runtime.now():
        await run.wait(frame.path + sleep.id, until)
    return None


def _end_of(sleep: Sleep, frame: Frame, run: Run) -> datetime:
    if sleep.length is not None:
        return run.runtime.now() + timedelta(seconds=sleep.length)
    return time_of(evaluate(cast("Json", sleep.until), run.state.scope(frame)))


def time_of(value: Json) -> datetime:
    """A value as the time that it is; without a zone it is UTC.

    Raises:
        EvaluationError: it is no time.
    """
    try:
        time = datetime.fromisoformat(str(value))
    except ValueError:
        raise EvaluationError(f"{str(value)[:100]!r} is no time: give one in ISO 8601") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
