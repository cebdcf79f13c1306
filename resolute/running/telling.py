"""How one step of a run stands, while it changes: as cheap to change as a step is to run."""

from __future__ import annotations

from typing import Any, Final, cast

from resolute.plan.step import Step
from resolute.running.report import StepReport, StepStatus


class Telling:
    """What is told of one step: the fields of its report that are not as in the beginning."""

    __slots__ = ("facts", "id", "kind", "node")

    def __init__(self, step_id: str, kind: str, node: str | None, facts: dict[str, Any] | None = None) -> None:
        self.id = step_id
        self.kind = kind
        self.node = node
        self.facts: dict[str, Any] = {} if facts is None else facts

    @property
    def status(self) -> StepStatus:
        """How the step stands."""
        return cast("StepStatus", self.facts.get("status", "pending"))

    @property
    def counts(self) -> dict[str, int]:
        """How many items or turns have come to which status."""
        return cast("dict[str, int]", self.facts.get("counts", {}))

    def change(self, **facts: Any) -> None:
        """Tells something new of the step."""
        self.facts.update(facts)

    def count(self, before: StepStatus, after: StepStatus) -> None:
        """One item or turn has come to another status, and the step as a whole to what is told of it first."""
        counts: dict[str, int] = self.facts.setdefault("counts", {})
        counts[after] = counts.get(after, 0) + 1
        if before != "pending":
            counts[before] -= 1
            if not counts[before]:
                del counts[before]
        self.facts["status"] = next((each for each in _FIRST_OF if each in counts), "pending")

    def report(self) -> StepReport:
        """The step as a value."""
        facts = {**self.facts, "counts": {**self.counts}, "id": self.id, "kind": self.kind, "node": self.node}
        return _BLANK.model_copy(update=facts)


_BLANK: Final = StepReport(id="", kind="")
"""What a report says of a step of which nothing is told: to copy it costs a tenth of making one."""


def telling_of(step: Step, step_id: str | None = None) -> Telling:
    """A step that has not begun, by its id in the plan or in the run."""
    return Telling(step.id if step_id is None else step_id, step.kind, step.node_name)


def telling_from(report: StepReport) -> Telling:
    """A step as another part of the run told it."""
    facts = {name: value for name, value in report if name not in ("id", "kind", "node")}
    return Telling(report.id, report.kind, report.node, {**facts, "counts": {**report.counts}})


_FIRST_OF: Final[tuple[StepStatus, ...]] = ("held", "running", "failed", "cancelled", "completed", "skipped")
