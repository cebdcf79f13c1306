"""A run on its plan as the board shows it: nested blocks, how each step stands, and one step in detail."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from resolute.plan.picture import Drawn, Picture, picture
from resolute.plan.plan import Plan
from resolute.plan.step import Role, plan_name, walk
from resolute.running.pictured import pictured, states_of
from resolute.running.report import RunReport, StepReport

MOST_INNER: Final = 200
"""Items or turns of a step that are listed at a time."""

UNREAD: Final = "unread"
"""How a step stands of which nothing was read yet."""

_SETTLED: Final = frozenset({"completed", "failed", "skipped"})
_LEADS: Final[Mapping[str, str]] = {"diamond": "when "}


@dataclass(frozen=True, kw_only=True)
class Inner:
    """A block inside a step."""

    role: Role
    heading: str
    steps: Sequence[Row]


@dataclass(frozen=True, kw_only=True)
class Row:
    """A step in its place."""

    id: str
    title: str
    state: str
    blocks: Sequence[Inner] = ()
    told: StepReport | None = None
    counts: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One step in detail. `inner` are its items or turns, of `inner_in_all`."""

    told: StepReport
    title: str
    place: str
    inner: Sequence[StepReport] = ()
    inner_in_all: int = 0
    gate: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, kw_only=True)
class Outline:
    """A whole plan, or a run of it."""

    triggers: Sequence[str]
    steps: Sequence[Row]
    on_failure: Sequence[Row]


def outline_of(plan: Plan, report: RunReport) -> Outline:
    """A run as nested rows."""
    return _outlined(pictured(plan, report), report)


def settled_in(report: RunReport) -> RunReport:
    """Of a run whose history is still being read only what stays true of it: the steps that have come to their end."""
    settled = tuple(step for step in report.steps if step.status in _SETTLED and not step.counts)
    return report.model_copy(update={"steps": settled, "result": None})


def outline_so_far(plan: Plan, settled: RunReport | None) -> Outline:
    """A run whose history is still being read as nested rows; see `settled_in`."""
    known = {} if settled is None else states_of(plan, settled)
    states = {step.id: known.get(step.id, UNREAD) for step in walk((*plan.steps, *plan.on_failure))}
    return _outlined(picture(plan, states), settled)


def _outlined(drawn: Picture, report: RunReport | None) -> Outline:
    told = {} if report is None else {step.id: step for step in report.steps}
    return Outline(
        triggers=drawn.triggers,
        steps=[*_rows(drawn.steps, told)],
        on_failure=[*_rows(drawn.on_failure, told)],
    )


def rows_of(steps: Sequence[Drawn]) -> list[Row]:
    """The steps of a plan alone, as nested rows."""
    return [*_rows(steps, {})]


def _rows(steps: Sequence[Drawn], told: Mapping[str, StepReport]) -> Iterator[Row]:
    for drawn in steps:
        step = drawn.step
        report = told.get(step.id)
        yield Row(
            id=step.id,
            title=_LEADS.get(step.figure, "") + step.title,
            state=drawn.state,
            told=report,
            counts=_counts(report),
            note=_note(report),
            blocks=[
                Inner(role=block.role, heading=block.heading, steps=[*_rows(block.steps, told)])
                for block in drawn.blocks
                if block.steps
            ],
        )


def _counts(report: StepReport | None) -> str:
    if report is None or not report.counts:
        return ""
    return ", ".join(f"{count:,} {status}" for status, count in sorted(report.counts.items()))


def _note(report: StepReport | None) -> str:
    """What stands behind a step in its row: the attempt it is at, or what a condition took."""
    if report is None:
        return ""
    if report.taken:
        return "yes" if report.taken == "then" else "no"
    if report.not_done:
        return f"not done: {report.not_done}"
    if report.attempt is not None and report.attempt > 1:
        return f"attempt {report.attempt}"
    failed = len(report.attempts)
    return f"{failed + 1} attempts" if failed and report.status == "completed" else ""


def shown_step(plan: Plan, report: RunReport, step_id: str, skip: int = 0) -> Shown | None:
    """One step of a run in detail; None where the run has none of that name."""
    told = next((step for step in report.steps if step.id == step_id), None)
    if told is None:
        return None
    inner = [step for step in report.steps if step.id != step_id and _is_inside(step.id, step_id)]
    title = next((row.step.title for row in pictured(plan, report).walk() if row.step.id == plan_name(step_id)), "")
    return Shown(
        told=told,
        title=title,
        place=plan.places.get(plan_name(step_id), ""),
        inner=inner[skip : skip + MOST_INNER],
        inner_in_all=len(inner),
        gate=told.details if told.kind == "gate" else {},
    )


def _is_inside(step_id: str, name: str) -> bool:
    """Whether a step of a run is one of the items or turns of a name: of the step itself, or of the loop around it."""
    return plan_name(step_id) == name or step_id.startswith((f"{name}[", f"{name}#"))
