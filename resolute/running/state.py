"""What a run knows: outputs so far, and how each step stands. Owned by one interpreter, read by everybody."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Literal

from resolute.plan.errors import NodeFailedError
from resolute.plan.failing import Failure
from resolute.plan.plan import Call, Plan, Step, walk
from resolute.plan.values import Json, JsonObject
from resolute.running.evaluate import Scope
from resolute.running.report import RunReport, StepReport


class RunState:
    """The state of one run."""

    def __init__(
        self, plan: Plan, *, input_data: Json, previous: JsonObject | None, now: Callable[[], datetime]
    ) -> None:
        self.plan = plan
        self.outputs: dict[str, Json] = {}
        self.failure: Failure | None = None
        self.compensation_failures: list[Failure] = []
        self.warnings: list[str] = []
        self._input = input_data
        self._previous = previous
        self._now = now
        self._steps = {report.id: report for report in _pending((*plan.steps, *plan.on_failure))}

    def scope(self) -> Scope:
        """What expressions may read now."""
        return Scope(
            outputs=self.outputs,
            input=self._input,
            previous=self._previous,
            failure=self.failure.model_dump() if self.failure else None,
            now=self._now,
        )

    def begin(self, step_id: str) -> None:
        """The step has begun."""
        self._change(step_id, status="running", started_at=self._now())

    def take(self, step_id: str, block: Literal["then", "otherwise"], left_out: tuple[Step, ...]) -> None:
        """A `when` took a block, and left the other out."""
        self._change(step_id, taken=block)
        for report in _pending(left_out):
            self._change(report.id, status="skipped")

    def complete(self, step_id: str, output: Json = None) -> None:
        """The step has ended well."""
        self._change(step_id, status="completed", ended_at=self._now(), output=output)

    def fail(self, step_id: str, error: NodeFailedError | None) -> None:
        """The step has failed, itself or by a step in it."""
        found: dict[str, Any] = {"failure": failure_of(error), "trace": error.trace} if error else {}
        self._change(step_id, status="failed", ended_at=self._now(), **found)

    def cancel(self, step_id: str) -> None:
        """The step was given up, itself or what is in it."""
        self._change(step_id, status="cancelled", ended_at=self._now())

    def warn(self, warnings: Iterable[str]) -> None:
        """Something that does not fail the run, and that somebody should know; said once."""
        self.warnings += [warning for warning in warnings if warning not in self.warnings]

    def report(self) -> RunReport:
        """The state as a value. The status of the run as a whole is the engine's to say."""
        return RunReport(
            flow=self.plan.name,
            fingerprint=self.plan.fingerprint,
            steps=tuple(self._steps.values()),
            failure=self.failure,
            compensation_failures=tuple(self.compensation_failures),
            warnings=tuple(self.warnings),
        )

    def _change(self, step_id: str, **changes: Any) -> None:
        self._steps[step_id] = self._steps[step_id].model_copy(update=changes)


def failure_of(error: NodeFailedError) -> Failure:
    """An error as a value that steps and people can read."""
    return Failure(step=error.step, node=error.node, error_type=error.error_type, message=error.reason)


def _pending(steps: tuple[Step, ...]) -> list[StepReport]:
    return [
        StepReport(id=step.id, kind=step.kind, node=step.node if isinstance(step, Call) else None)
        for step in walk(steps)
    ]
