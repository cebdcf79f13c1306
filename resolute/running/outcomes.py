"""What a run may begin with: what its steps have already come to.

One idea serves a run that is continued in another history, a run that is taken up again from one of its steps, and a
test that is made of a run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from resolute.plan.errors import FlowError, InternalError, NodeFailedError, RunCancelledError, UnusableValueError
from resolute.plan.failing import Failure
from resolute.plan.values import Json, JsonObject
from resolute.running.frame import Kept, kept_from


@dataclass
class Ending:
    """A run that has failed and undoes its work: by which error, how many undo steps have run, which of them failed."""

    error: FlowError
    done: int = 0
    failed: list[Failure] = field(default_factory=list[Failure])


@dataclass
class Outcomes:
    """Outcomes of the steps of a run, what is due if it fails, and when the run was due.

    `told` is how the plan's steps stood (see `resolute.running.told`), and `paused` who has paused the run (see
    `Pausing.as_json`). `cursors` are those that the run has read, and `recalled` what it was told of earlier runs; None
    before that. A run that is `apart` takes an earlier one up again, and tells later runs nothing.
    """

    kept: Kept = field(default_factory=Kept)
    told: JsonObject = field(default_factory=dict[str, Json])
    undo: list[Json] = field(default_factory=list[Json])
    ending: Ending | None = None
    warnings: tuple[str, ...] = ()
    scheduled_for: datetime | None = None
    deadline: datetime | None = None
    inbox: Json = None
    paused: JsonObject = field(default_factory=dict[str, Json])
    notebook: Json = None
    cursors: JsonObject | None = None
    recalled: list[Json] | None = None
    apart: bool = False

    def has_failed_at(self, step_id: str) -> bool:
        """Whether a step, by its id in the run, had failed already when these outcomes were taken over."""
        kept: Kept | None = self.kept
        *places, step = step_id.split(".")
        for place in places:
            kept = kept.inner.get(place) if kept else None
        return self.ending is not None or (kept is not None and step in kept.failed)

    def as_json(self) -> JsonObject:
        """As plain data, which `outcomes_from` reads."""
        data: dict[str, Json] = {
            "kept": self.kept.as_json(),
            "told": self.told,
            "undo": self.undo,
            "warnings": list(self.warnings),
            "inbox": self.inbox,
            "paused": self.paused,
            "notebook": self.notebook,
            "cursors": self.cursors,
            "recalled": self.recalled,
            "apart": self.apart,
        }
        if self.ending is not None:
            data["ending"] = {
                "error": _error_as_json(self.ending.error),
                "done": self.ending.done,
                "failed": [failure.model_dump() for failure in self.ending.failed],
            }
        if self.scheduled_for is not None:
            data["scheduled_for"] = self.scheduled_for.isoformat()
        if self.deadline is not None:
            data["deadline"] = self.deadline.isoformat()
        return {name: value for name, value in data.items() if value}


def outcomes_from(data: Json) -> Outcomes:
    """What `Outcomes.as_json` wrote.

    Raises:
        UnusableValueError: it is not what any release writes.
    """
    try:
        held = cast("JsonObject", data)
        ending, due = cast("JsonObject | None", held.get("ending")), held.get("scheduled_for")
        deadline = held.get("deadline")
        return Outcomes(
            kept=kept_from(cast("JsonObject", held.get("kept", {}))),
            told=dict(cast("JsonObject", held.get("told", {}))),
            undo=list(cast("list[Json]", held.get("undo", []))),
            ending=_ending_from(ending) if ending else None,
            warnings=tuple(str(warning) for warning in cast("list[Json]", held.get("warnings", []))),
            scheduled_for=datetime.fromisoformat(cast("str", due)) if due else None,
            deadline=datetime.fromisoformat(cast("str", deadline)) if deadline else None,
            inbox=held.get("inbox"),
            paused=dict(cast("JsonObject", held.get("paused", {}))),
            notebook=held.get("notebook"),
            cursors=cast("JsonObject | None", held.get("cursors")),
            recalled=cast("list[Json] | None", held.get("recalled")),
            apart=held.get("apart") is True,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnusableValueError(f"the outcomes that the run was started with are damaged: {error!r}") from None


def _ending_from(data: JsonObject) -> Ending:
    return Ending(
        error=_error_from(cast("JsonObject", data["error"])),
        done=int(cast("int", data["done"])),
        failed=[Failure.model_validate(failure) for failure in cast("list[Json]", data["failed"])],
    )


def _error_as_json(error: FlowError) -> JsonObject:
    if isinstance(error, NodeFailedError):
        return {"failed": error.facts()}
    if isinstance(error, RunCancelledError):
        return {"cancelled": str(error)}
    trace = error.trace if isinstance(error, InternalError) else ""
    return {"type": type(error).__name__, "message": str(error), "trace": trace}


def _error_from(data: JsonObject) -> FlowError:
    if "cancelled" in data:
        return RunCancelledError(str(data["cancelled"]))
    if "failed" in data:
        return NodeFailedError.from_facts(cast("JsonObject", data["failed"]))
    if data["type"] == InternalError.__name__:
        return InternalError(str(data["message"]), trace=str(data["trace"]))
    # What else an error holds was for its text, which is whole here.
    kind = next((each for each in _kinds(FlowError) if each.__name__ == data["type"]), FlowError)
    return kind.__new__(kind, str(data["message"]))


def _kinds(base: type[FlowError]) -> Iterator[type[FlowError]]:
    yield base
    for each in base.__subclasses__():
        yield from _kinds(each)
