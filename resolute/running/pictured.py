"""The picture of a run: its plan, with how each step stands."""

from __future__ import annotations

from resolute.plan.picture import Picture, picture
from resolute.plan.plan import Plan
from resolute.plan.step import walk
from resolute.running.report import RunReport


def pictured(plan: Plan, report: RunReport) -> Picture:
    """The picture of a run of a plan."""
    return picture(plan, states_of(plan, report))


def states_of(plan: Plan, report: RunReport) -> dict[str, str]:
    """The status of each step; a condition without a matching block does not count as a completed step."""
    known = {step.id: step for step in report.steps}
    found: dict[str, str] = {step.id: step.status for step in report.steps}
    for step in walk((*plan.steps, *plan.on_failure)):
        told = known.get(step.id)
        if told is not None and told.taken and told.status == "completed":
            then, otherwise = step.blocks()
            found[step.id] = "completed" if (then if told.taken == "then" else otherwise).steps else "skipped"
    return found
