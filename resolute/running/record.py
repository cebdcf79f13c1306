"""A run as data: what it was given, what was answered to its steps, what people said to it, and how it ended.

It is all that a run needs to happen again anywhere: the interpreter asks the same, and is answered the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from resolute.plan.errors import ConfigurationError
from resolute.plan.failing import Failure
from resolute.plan.plan import INTERPRETER, Plan
from resolute.plan.soundness import plan_problems
from resolute.running.report import RunReport

FORMAT: Final = 1
"""The version of the shape of records."""

MOST_TOLD: Final = 10_000
"""Steps of items and turns that a record tells one by one, beside those that still run: the latest."""


class RecordError(ConfigurationError):
    """What should be the record of a run is none, or cannot be read by this release."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class OtherRun(_Part):
    """Why a run that a step started did not complete; see `ChildFailedError`."""

    failure: Failure
    trace: str = ""
    failed_as_well: tuple[Failure, ...] = ()
    given_up: bool = False


class Answer(_Part):
    """What was answered to a step that called a node or ran another flow, and when by the run's own clock.

    `failure` are the facts of a call that failed for good, `other` says why another run did not complete. Without
    `ended_at` the step never came to an end: it was at work when the record was made, or was given up.
    """

    ended_at: datetime | None = None
    output: JsonValue = None
    failure: dict[str, JsonValue] | None = None
    other: OtherRun | None = None


class Said(_Part):
    """What a person or a program said to the run and it took.

    `at` is when; `after` are the seconds since the step that it was said to listened, where that can be said.
    """

    at: datetime
    after: float = 0.0
    to: str
    word: str
    data: JsonValue = None
    by: str = ""


class RunRecord(_Part):
    """One run.

    `run` is its workflow id. `input` is what it was started with, `memory` what it was handed by earlier runs (as
    `Memory.as_detail` writes it), `outcomes` what it began with where it took another run up, and `only` the one step
    that it was for. `answers` are those of each step by its id in the run, one for each time that it was asked.
    `report` tells the run step by step.
    """

    format: Literal[1] = FORMAT
    run: str
    run_id: str
    person: str = ""
    began_at: datetime
    scheduled_for: datetime
    cancelled_at: datetime | None = None
    plan: Plan
    input: JsonValue = None
    memory: dict[str, JsonValue] | None = None
    outcomes: dict[str, JsonValue] | None = None
    only: str = ""
    answers: dict[str, tuple[Answer, ...]] = Field(default_factory=dict[str, tuple[Answer, ...]])
    said: tuple[Said, ...] = ()
    report: RunReport

    def as_json(self) -> dict[str, JsonValue]:
        """As plain data, which `record_from` reads."""
        data = self.model_dump(mode="json", exclude={"plan", "answers", "said", "report"})
        return {
            **data,
            "plan": self.plan.model_dump(mode="json"),
            "answers": {step: _brief(answers) for step, answers in self.answers.items()},
            "said": _brief(self.said),
            "report": self.report.model_dump(mode="json", exclude_defaults=True),
        }


def _brief(parts: Sequence[BaseModel]) -> list[JsonValue]:
    return [part.model_dump(mode="json", exclude_defaults=True) for part in parts]


def record_from(data: object) -> RunRecord:
    """What `RunRecord.as_json` wrote.

    Raises:
        RecordError: it is something else, or this release cannot run its plan.
    """
    if not isinstance(data, dict) or not {"format", "plan", "answers"} <= set(data):  # pyright: ignore[reportUnknownArgumentType]  # whatever the file holds
        raise RecordError("it is no record of a run: make one with `resolute export RUN > run.json`")
    try:
        record = RunRecord.model_validate(data)
    except ValidationError as error:
        if data["format"] != FORMAT:
            raise RecordError(
                f"the record has format {data['format']!r}, and this release reads {FORMAT}: install the newer release"
            ) from None
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise RecordError(f"the record is damaged at {place}: {first['msg']}; export the run again") from None
    if record.plan.interpreter > INTERPRETER:
        raise RecordError(
            f"the plan of run {record.run} needs interpreter {record.plan.interpreter}, and this release has "
            f"{INTERPRETER}: install the newer release"
        )
    if problems := plan_problems(record.plan):
        raise RecordError(f"the plan of run {record.run} cannot be run: {problems[0]}")
    return record
