"""What can be asked of a run, while it goes on and afterwards: its status, and that of each step."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, JsonValue

from resolute.plan.failing import Failure
from resolute.plan.plan import Mode

RunStatus: TypeAlias = Literal["running", "completed", "failed", "cancelled", "terminated", "timed_out"]
StepStatus: TypeAlias = Literal["pending", "running", "held", "completed", "failed", "skipped", "cancelled"]


class Attempt(BaseModel):
    """One attempt of a step that failed; `number` counts from 1."""

    model_config = ConfigDict(frozen=True)

    number: int
    at: datetime
    error_type: str
    message: str


class Held(BaseModel):
    """A step that has failed for good and was held for a person: since when, how often, and what was decided by whom.

    `decided` is empty while the step waits.
    """

    model_config = ConfigDict(frozen=True)

    since: datetime
    times: int = 1
    decided: str = ""
    by: str = ""


SAID: Final = "said"
"""The detail of a step that the ledger tells people."""


class StepReport(BaseModel):
    """One step of a run. `taken` is the block that a `when` took; `attempt` counts from 1 while it is tried.

    `arguments` are what a call was given, as far as they are recorded: what the worker read for it stands as it was
    written, `{"$secret": "NAME"}`. `compared` are the values that a condition looked at, `attempts` the latest that
    failed, `heartbeat` what the node said last while it is at work. `trace` are the lines of the author's code that
    its failure came from, as Python prints them. `held` says that the step waits for a person, or did, and its failure
    why.

    A step inside a loop has a report of its own for each item or turn that is told (`certs[3].check`), and one under
    its name in the plan, whose `counts` say how many have come to which status. `run` is the workflow id of the run
    that the step started. `carried` is a step that had ended when the history began of which the report is made.
    `not_done` says why a step of a dry run was not done, and its output was made up; empty where it was done.
    `details` are what its kind has to tell of it: of a gate, what is asked of whom until when, and who decided what.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    kind: str
    node: str | None = None
    status: StepStatus = "pending"
    started_at: datetime | None = None
    ended_at: datetime | None = None
    taken: Literal["then", "otherwise"] | None = None
    attempt: int | None = None
    output: JsonValue = None
    failure: Failure | None = None
    trace: str = ""
    arguments: JsonValue = None
    compared: dict[str, JsonValue] = {}
    attempts: tuple[Attempt, ...] = ()
    heartbeat: tuple[JsonValue, ...] = ()
    counts: dict[str, int] = {}
    held: Held | None = None
    details: dict[str, JsonValue] = {}
    carried: bool = False
    not_done: str = ""
    run: str = ""


class RunReport(BaseModel):
    """A run on its own plan: what has happened, what goes on, what was left out.

    In a `mode` other than "live" nothing was written, and `not_done` of a step says what was left undone. `warnings`
    say what did not fail the run and still wants to be known: a value of an earlier run that no longer fits.
    """

    model_config = ConfigDict(frozen=True)

    flow: str
    fingerprint: str
    status: RunStatus = "running"
    mode: Mode = "live"
    steps: tuple[StepReport, ...] = ()
    result: JsonValue = None
    failure: Failure | None = None
    compensation_failures: tuple[Failure, ...] = ()
    warnings: tuple[str, ...] = ()

    def step(self, step_id: str) -> StepReport:
        """The step of that name.

        Raises:
            KeyError: the plan has no such step.
        """
        for step in self.steps:
            if step.id == step_id:
                return step
        raise KeyError(step_id)
