"""Which steps of a run are still to come, and what is known of the values that they will read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, cast

from resolute.plan.kinds.call import Call
from resolute.plan.plan import Plan
from resolute.plan.step import Step, walk
from resolute.plan.values import Json, JsonObject
from resolute.running.report import RunReport, StepReport

When: TypeAlias = Literal["ahead", "if it fails"]
"""A step comes in any case, as far as anybody knows, or where the run fails."""

_OPEN = frozenset({"pending", "running", "held"})


@dataclass(frozen=True)
class Remaining:
    """What of a run is still to come: `steps` by their names in the plan.

    `outputs` are those of steps that have ended, `arguments` those of calls that are at work. `input` is the run's,
    where `has_input` says that it is known. `inner` says of steps that run other flows whether those are still to be
    started (`ahead`), or are runs of their own that this one may have to undo.
    """

    steps: Mapping[str, When]
    outputs: JsonObject = field(default_factory=dict[str, Json])
    arguments: Mapping[str, JsonObject] = field(default_factory=dict[str, JsonObject])
    input: Json = None
    has_input: bool = False
    inner: Mapping[str, When] = field(default_factory=dict[str, When])


def all_of(plan: Plan) -> Remaining:
    """A run that has not begun, and of which nothing is known but its plan."""
    failing = {step.id for step in walk(plan.on_failure)} | _undo_in(plan)
    steps = list(walk((*plan.steps, *plan.on_failure)))
    found: dict[str, When] = {step.id: "if it fails" if step.id in failing else "ahead" for step in steps}
    return Remaining(found, inner={step.id: found[step.id] for step in steps if step.plans()})


def undo_of(plan: Plan) -> Remaining:
    """A run that has ended well, of which only what undoes it may still be called."""
    steps = list(walk(plan.steps))
    found: dict[str, When] = dict.fromkeys(_undo_in(plan), "if it fails")
    return Remaining(found, inner={step.id: "if it fails" for step in steps if step.plans()})


def remaining_of(plan: Plan, report: RunReport, given: Json) -> Remaining:
    """What a run that goes on has still before it; in a loop that goes on, every step of it. `given` is its input."""
    reports = {step.id: step for step in report.steps}
    look = _Look(reports)
    # What has failed comes to its end: nothing ahead of it is begun any more.
    look.block(plan.steps, ahead=report.failure is None, again=False)
    look.failing(plan.on_failure)
    ended = [step for step in walk((*plan.steps, *plan.on_failure)) if _has_output(reports.get(step.id))]
    at_work = [step for step in reports.values() if step.status == "running" and isinstance(step.arguments, Mapping)]
    return Remaining(
        look.steps,
        outputs={step.id: cast("Json", reports[step.id].output) for step in ended if step.id not in look.steps},
        arguments={step.id: cast("JsonObject", step.arguments) for step in at_work},
        input=given,
        has_input=True,
        inner=look.inner,
    )


class _Look:
    """Walks a plan with what is told of its steps."""

    def __init__(self, reports: Mapping[str, StepReport]) -> None:
        self.steps: dict[str, When] = {}
        self.inner: dict[str, When] = {}
        self._reports = reports

    def block(self, steps: tuple[Step, ...], *, ahead: bool, again: bool) -> None:
        """`ahead` says whether steps of the block may still begin, `again` that those which have ended may too."""
        for step in steps:
            told = self._reports.get(step.id)
            open_ = ahead and (again or told is None or told.status in _OPEN)
            if open_:
                self.steps[step.id] = "ahead"
            begun = told is not None and told.status != "pending"
            if step.plans() and (open_ or begun):
                self.inner[step.id] = "ahead" if open_ and (again or not begun) else "if it fails"
            undo = {call.id for call in step.undo} if isinstance(step, Call) else set[str]()
            for block in step.blocks():
                if block.role != "side":
                    self.block(block.steps, ahead=open_, again=again or block.role == "loop")
                elif not undo:
                    self.block(block.steps, ahead=open_, again=True)
                elif open_ or (told is not None and (told.status == "completed" or "completed" in told.counts)):
                    self.failing(block.steps)

    def failing(self, steps: tuple[Step, ...]) -> None:
        """Steps that run where the run fails."""
        for step in walk(steps):
            told = self._reports.get(step.id)
            if told is None or told.status in _OPEN or told.counts:
                self.steps[step.id] = "if it fails"
                if step.plans():
                    self.inner[step.id] = "if it fails"


def _undo_in(plan: Plan) -> set[str]:
    return {undo.id for undo in _undos(plan.steps)}


def _undos(steps: tuple[Step, ...]) -> Iterator[Call]:
    for step in walk(steps):
        if isinstance(step, Call):
            yield from step.undo


def _has_output(told: StepReport | None) -> bool:
    return told is not None and told.status in ("completed", "skipped") and not told.counts
