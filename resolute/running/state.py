"""What a run knows: outputs so far, and how each step stands. Owned by one interpreter, read by everybody."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final, Literal, cast

from resolute.plan.errors import FlowError, NodeFailedError
from resolute.plan.failing import Failure
from resolute.plan.plan import Plan
from resolute.plan.step import Step, is_of_other_flow, plan_name, walk
from resolute.plan.values import Json, JsonObject
from resolute.running.compared import compared
from resolute.running.evaluate import Scope
from resolute.running.frame import Frame, Kept, top_frame
from resolute.running.report import Held, RunReport, StepStatus
from resolute.running.telling import Telling, telling_from, telling_of
from resolute.running.told import taken_up, told_of

_PART: Final = re.compile(r"([^#\[]*)[#\[]?(\d*)")

TOLD: Final = 50
"""Steps of items and turns that have ended and are still told one by one: the latest."""


class RunState:
    """The state of one run.

    `observed` says that somebody wants to know what conditions looked at, and `most` how many steps of items and turns
    that have ended are told one by one: so many of those that ended well, and so many of those that did not.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        input_data: Json,
        previous: JsonObject | None,
        now: Callable[[], datetime],
        scheduled_for: datetime,
        kept: Kept | None = None,
        told: JsonObject | None = None,
        observed: bool = False,
        most: int = TOLD,
    ) -> None:
        self.plan = plan
        self.top = top_frame(kept or Kept())
        self.failure: Failure | None = None
        self.cursors: dict[str, Json] = {}
        """What the run reads of cursors: as they were when it began, and as it has moved them since."""
        self.compensation_failures: list[Failure] = []
        self.warnings: list[str] = []
        self._input = input_data
        self._previous = previous
        self._now = now
        self.scheduled_for = scheduled_for
        self._observed = observed
        self._most = most
        self._unwell: deque[str] = deque()
        self._steps = {step.id: telling_of(step) for step in walk((*plan.steps, *plan.on_failure))}
        self._positions = {step_id: position for position, step_id in enumerate(self._steps)}
        self._inner: dict[str, Telling] = {}
        self._ended: deque[str] = deque()
        for step_id, facts in (told or {}).items():
            self._take_up(step_id, facts)

    @property
    def outputs(self) -> dict[str, Json]:
        """The outputs of the flow's own steps, those in loops left out."""
        return self.top.kept.outputs

    def position(self, step: Step) -> int:
        """Where a step stands in the plan; a step of another plan stands behind it."""
        return self._positions.get(step.id, len(self._positions))

    def scope(self, frame: Frame | None = None) -> Scope:
        """What expressions may read now."""
        frame = frame or self.top
        return Scope(
            outputs=frame.outputs,
            input=self._input,
            previous=self._previous,
            cursors=self.cursors,
            failure=self.failure.model_dump() if self.failure else None,
            items=frame.items,
            last=frame.last,
            now=self._now,
            scheduled_for=self.scheduled_for,
            interpreter=self.plan.interpreter,
        )

    def recall(self, previous: JsonObject | None) -> None:
        """What the run is told of earlier runs, once it has begun."""
        self._previous = previous

    def begin(self, step: Step, frame: Frame) -> None:
        """The step has begun, here or in an earlier part of the run."""
        known = None if frame.path else self._steps.get(step.id)
        goes_on = known is not None and known.status in {"running", "held"}
        since = known.facts.get("started_at") if known and goes_on else self._now()
        self._change(step, frame, status="running", started_at=since)

    def carry(self, step: Step, frame: Frame, *, output: Json = None, failed: NodeFailedError | None = None) -> None:
        """The step had come to its end before this part of the run began: it is told, and not counted again."""
        if failed is None:
            self._change(step, frame, counted=False, status="completed", output=output, carried=True)
        else:
            found: dict[str, Any] = {"failure": failure_of(failed), "trace": failed.trace}
            self._change(step, frame, counted=False, status="failed", carried=True, **found)

    def told(self) -> dict[str, Json]:
        """What the next part of the run is to tell of the plan's steps."""
        unwell = [step.id for step in self._inner.values() if step.status in _ENDED_BADLY][-TOLD:]
        inner = (self._inner[step_id] for step_id in (*unwell, *self._ended))
        told = told_of(each.report() for each in (*self._steps.values(), *inner))
        other = {step_id: self._inner[step_id].node for step_id in told if is_of_other_flow(step_id)}
        return told | {step_id: {**cast("JsonObject", told[step_id]), "node": node} for step_id, node in other.items()}

    def _take_up(self, step_id: str, facts: Json) -> None:
        known = self._steps.get(plan_name(step_id))
        if is_of_other_flow(step_id):
            known = Telling("", "call", None)  # what undoes a run that a step had started
        if known is None:
            return  # of a plan that had another step there
        if known.id == step_id:
            self._steps[step_id] = telling_from(taken_up(known.report(), facts, self.outputs.get(step_id)))
            return
        inner = self._inner[step_id] = telling_from(taken_up(Telling(step_id, known.kind, known.node).report(), facts))
        if inner.status in _ENDED_WELL:
            self._ended.append(step_id)

    def take(self, step: Step, frame: Frame, block: Literal["then", "otherwise"], left_out: tuple[Step, ...]) -> None:
        """A `when` took a block, and left the other out."""
        self._change(step, frame, taken=block)
        self.leave_out(left_out, frame)

    def leave_out(self, steps: Iterable[Step], frame: Frame) -> None:
        """Steps are not run, and nothing is wrong with that."""
        for each in walk(tuple(steps)):
            self._change(each, frame, status="skipped")

    def look(self, step: Step, frame: Frame, condition: Json, reads: Frame | None = None) -> None:
        """A condition is about to be evaluated; `reads` is the frame that it reads, where that is not the step's."""
        if self._observed:
            self._change(step, frame, compared=compared(condition, self.scope(reads or frame)))

    def tell(self, step: Step, frame: Frame, details: dict[str, Json]) -> None:
        """What people may want to know of a step, besides how it stands."""
        self._change(step, frame, details=details)

    def leave_undone(self, step: Step, frame: Frame, why: str, arguments: Json = None) -> None:
        """The run is dry, and the step was not done; `arguments` are what it would have been given."""
        self._change(step, frame, not_done=why, arguments=arguments)

    def start(self, step: Step, frame: Frame, run: str) -> None:
        """The step starts a run of its own."""
        self._change(step, frame, run=run)

    def complete(self, step: Step, frame: Frame, output: Json = None) -> None:
        """The step has ended well."""
        self._change(step, frame, status="completed", ended_at=self._now(), output=output)

    def fail(self, step: Step, frame: Frame, error: NodeFailedError | None) -> None:
        """The step has failed, itself or by a step in it."""
        found: dict[str, Any] = {"failure": failure_of(error), "trace": error.trace} if error else {}
        self._change(step, frame, status="failed", ended_at=self._now(), **found)

    def cancel(self, step: Step, frame: Frame) -> None:
        """The step was given up, itself or what is in it."""
        self._change(step, frame, status="cancelled", ended_at=self._now())

    def hold(self, step: Step, frame: Frame, error: NodeFailedError, held: Held) -> None:
        """The step has failed for good, and waits for a person."""
        self._change(step, frame, status="held", failure=failure_of(error), trace=error.trace, held=held)

    def retry(self, step: Step, frame: Frame, held: Held) -> None:
        """A person has the held step tried again."""
        self._change(step, frame, status="running", failure=None, trace="", held=held)

    def skip(self, step: Step, frame: Frame, output: Json, held: Held) -> None:
        """A person has the held step left out, with a value in place of its output."""
        self._change(step, frame, status="skipped", ended_at=self._now(), output=output, held=held)

    def give_up(self) -> None:
        """The run was cancelled while its steps had let go of it, to be continued: none of them is taken up again."""
        for told in self._steps.values():
            if told.status in {"running", "held"} and not told.counts:
                told.change(status="cancelled", ended_at=self._now())
        for step_id, told in self._inner.items():
            if told.status in {"running", "held"}:
                before = told.status
                told.change(status="cancelled", ended_at=self._now())
                if not is_of_other_flow(step_id):
                    self._count(plan_name(step_id), before, "cancelled")

    def failed_with(self, error: FlowError) -> None:
        """The run has failed, or was cancelled."""
        known = error if isinstance(error, NodeFailedError) else None
        self.failure = failure_of(
            known or NodeFailedError(step="", node="", error_type=type(error).__name__, reason=str(error))
        )

    def warn(self, warnings: Iterable[str]) -> None:
        """Something that does not fail the run, and that somebody should know; said once."""
        self.warnings += [warning for warning in warnings if warning not in self.warnings]

    def failure_at(self, step_id: str) -> Failure | None:
        """The failure of a step, by its id in the run."""
        told = self._inner.get(step_id) or self._steps.get(step_id)
        return told.facts.get("failure") if told else None

    def report(self) -> RunReport:
        """The state as a value. The status of the run as a whole is the engine's to say."""
        return RunReport(
            flow=self.plan.name,
            fingerprint=self.plan.fingerprint,
            mode=self.plan.mode,
            steps=tuple(told.report() for told in (*self._steps.values(), *self._told_of_loops())),
            failure=self.failure,
            compensation_failures=tuple(self.compensation_failures),
            warnings=tuple(self.warnings),
        )

    def _told_of_loops(self) -> list[Telling]:
        """The steps of items and turns, in the order of the plan, whichever of two branches was faster."""
        positions = {step_id: position for position, step_id in enumerate(self._steps)}

        def place(step: Telling) -> list[tuple[int, int, str]]:
            parts = [_PART.match(part) for part in step.id.split(".")]
            # Steps of other flows have no place in this plan, so they are told by their names.
            return [(positions.get(part[1], -1), int(part[2] or 0), part[1]) for part in parts if part]

        return sorted(self._inner.values(), key=place)

    def _change(self, step: Step, frame: Frame, *, counted: bool = True, **changes: Any) -> None:
        if not frame.path:
            told = self._steps.get(step.id)
            if told is None:
                told = self._steps[step.id] = telling_of(step)
            told.change(**changes)
            return
        step_id = frame.path + step.id
        told = self._inner.get(step_id)
        if told is None:
            told = self._inner[step_id] = telling_of(step, step_id)
        before = told.status
        told.change(**changes)
        after = told.status
        if after != before:
            if counted and not is_of_other_flow(step_id):
                self._count(step.id, before, after)
            if after in _ENDED_WELL:
                self._let_go(step_id, self._ended, _ENDED_WELL)
            elif after in _ENDED_BADLY:
                self._let_go(step_id, self._unwell, _ENDED_BADLY)

    def _count(self, step_id: str, before: StepStatus, after: StepStatus) -> None:
        known = self._steps.get(step_id)
        if known is not None:  # else a step of another plan: what it did is undone here
            known.count(before, after)

    def _let_go(self, step_id: str, ended: deque[str], as_these: frozenset[str]) -> None:
        """Of very many items and turns, those are told that still run, and those that have ended last."""
        ended.append(step_id)
        if len(ended) > self._most:
            oldest = ended.popleft()
            if oldest in self._inner and oldest not in ended and self._inner[oldest].status in as_these:
                del self._inner[oldest]


_ENDED_WELL: Final = frozenset({"completed", "skipped"})
_ENDED_BADLY: Final = frozenset({"failed", "cancelled"})


def failure_of(error: NodeFailedError) -> Failure:
    """An error as a value that steps and people can read."""
    return Failure(step=error.step, node=error.node, error_type=error.error_type, message=error.reason)
