"""What starts a flow when runs have failed: one flow that is told of what became of all others."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, Literal, cast

from pydantic import BaseModel, ConfigDict, JsonValue

MOST_TOLD: Final = 20
"""Failed runs in a stretch of time that start a run each, unless the author says otherwise."""

TOLD_PER: Final = timedelta(minutes=5)

_MOST_AT_MOST: Final = 1_000
_LONGEST_PER: Final = 24 * 3600.0
_MOST_FLOWS: Final = 200


class FailedRun(BaseModel):
    """A run that has failed, or many of them in one: the input of a flow that `failed_runs(...)` starts.

    `step` is the one that failed, empty where the run ended in another way; `message` is cut and holds no secret.
    `paged` says whether the run had opened an incident before it failed. `show` is the command that shows all of it.
    Where more runs fail than are told of one by one, `count` is how many this one stands for, and `flows` how many of
    each flow; the other fields are those of the first of them.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    flow: str
    run: str
    run_id: str = ""
    status: Literal["failed", "timed_out", "terminated"] = "failed"
    step: str = ""
    error_type: str = ""
    message: str = ""
    started_at: datetime | None = None
    ended_at: datetime
    started_by: str = ""
    paged: bool = False
    show: str = ""
    count: int = 1
    flows: dict[str, int] = {}


class FailedRuns(BaseModel, frozen=True, extra="forbid", defer_build=True):
    """Runs of a flow for failed runs of other flows of its task queue: of those named in `flows`, or of all.

    At most `at_most` are told of one by one in `per_seconds`; those beyond are told of together.
    """

    kind: Literal["failed_runs"] = "failed_runs"
    flows: tuple[str, ...] = ()
    at_most: int = MOST_TOLD
    per_seconds: float = TOLD_PER.total_seconds()

    @property
    def input_schema(self) -> dict[str, JsonValue]:
        """The JSON Schema of the input."""
        return cast("dict[str, JsonValue]", FailedRun.model_json_schema())

    @property
    def text(self) -> str:
        """The trigger in a few words, for lists."""
        return f"failed runs of {', '.join(self.flows) if self.flows else 'every flow'}"

    def problems(self) -> list[tuple[str, str]]:
        """Every mistake in this trigger, each with what to do about it."""
        found: list[tuple[str, str]] = []
        if len(self.flows) > _MOST_FLOWS or not all(self.flows):
            found.append(("its flows", f"name up to {_MOST_FLOWS}, or none for every flow"))
        if not 1 <= self.at_most <= _MOST_AT_MOST:
            found.append((f"at_most of {self.at_most:,}", f"give 1 to {_MOST_AT_MOST:,}"))
        if not 1 <= self.per_seconds <= _LONGEST_PER:
            found.append((f"per {timedelta(seconds=self.per_seconds)}", "give a second to a day"))
        return found
