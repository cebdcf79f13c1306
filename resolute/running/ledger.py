"""The ledger: what each run of a flow came to, in one word, with the values that decided it.

It is read from what runs have recorded, so it costs no run anything, and says of a run what its history says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias, cast, get_args

from resolute.plan.plan import Plan
from resolute.plan.step import Step, plan_name, walk
from resolute.plan.texts import shortened
from resolute.plan.values import Json
from resolute.running.report import SAID, RunReport, StepReport

Outcome: TypeAlias = Literal[
    "paged",
    "resolved",
    "broken",
    "held",
    "over budget",
    "muted",
    "dry",
    "damped",
    "pending",
    "skipped",
    "late",
    "quiet",
]
"""What a check came to. Of several things that happened in one run the first of this list is what counts.

- `paged`: somebody was called; `resolved`: an incident was closed.
- `broken`: the run failed, was ended, or a value that decides was missing, so it says nothing.
- `held`: the run waits for a person, or left an incident open because a person has taken it over, or a person has
  skipped the page or the resolve of an alarm.
- `over budget`: the page was not granted; `muted`: it was bad for long enough, and nobody wanted to be called;
  `dry`: the run could write nothing.
- `damped`: bad, and called for already; `pending`: bad, and not for long enough.
- `skipped`: no run started when one was due; `late`: it started more than a minute after it was due, and all was well.
- `quiet`: all was well.
"""

OUTCOMES: Final[tuple[Outcome, ...]] = get_args(Outcome)

LATE: Final = timedelta(minutes=1)
"""How long after its time a run may start before it counts as late."""

_LONGEST: Final = 300

Paging: TypeAlias = Callable[[StepReport], str]
"""What a step that has completed did to somebody's pager: `paged`, `resolved`, or nothing (empty)."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One check of a flow.

    `at` is when it was due, or began where nothing was due; it began `delay` seconds later. `why` are the values that
    decided, by their names in the flow, and `said` what else a person wants to know. `watched` says what each alarm or
    budget came to, by the id of its step in the run.
    """

    flow: str
    outcome: Outcome
    at: datetime
    run: str = ""
    run_id: str = ""
    why: Mapping[str, Json] = field(default_factory=dict[str, Json])
    said: str = ""
    watched: Mapping[str, str] = field(default_factory=dict[str, str])
    delay: float = 0.0
    lasted: float | None = None


def check_of(
    plan: Plan,
    report: RunReport,
    *,
    at: datetime,
    began_at: datetime,
    ended_at: datetime | None = None,
    run: str = "",
    run_id: str = "",
    paging: Paging = lambda _: "",
) -> Check:
    """What a run came to.

    Args:
        plan: the plan that it ran.
        report: what became of its steps.
        at: when it was due, or began.
        began_at: when it began.
        ended_at: when it ended.
        run: its workflow id.
        run_id: Temporal's run id.
        paging: what a step did to somebody's pager, as its provider knows.
    """
    watched = dict(_watched(plan, report))
    completed = [step for step in report.steps if step.status == "completed" and not step.not_done]
    done = {step.id: said for step in completed if (said := paging(step))}
    inside = _inside(plan, watched)
    outcomes = [*watched.values(), *(said for step, said in done.items() if plan_name(step) not in inside)]
    has_failed = report.status not in ("completed", "running")
    if has_failed and not done:
        outcomes = ["broken"]  # what an alarm wanted did not happen: the next run wants it again
    elif has_failed or any(word not in OUTCOMES for word in outcomes):
        outcomes.append("broken")
    if any(step.status == "held" for step in report.steps):
        outcomes.append("held")
    if plan.is_dry and not has_failed:
        outcomes = ["dry"]
    if began_at - at > LATE:
        outcomes.append("late")
    outcome = cast("Outcome", next(filter(outcomes.__contains__, OUTCOMES), "quiet"))
    of_watchers = [name for name, word in watched.items() if word == outcome]
    deciding = of_watchers or [name for name, word in done.items() if word == outcome]
    return Check(
        flow=plan.name,
        outcome=outcome,
        at=at,
        run=run,
        run_id=run_id,
        why=_why(plan, report, deciding),
        said=_said(report, began_at - at),
        watched=watched,
        delay=(began_at - at).total_seconds(),
        lasted=None if ended_at is None else (ended_at - began_at).total_seconds(),
    )


def _watched(plan: Plan, report: RunReport) -> Iterator[tuple[str, str]]:
    """What each step that has a word of its own for the ledger came to."""
    steps = {step.id: step for step in walk(plan.steps)}
    for each in report.steps:
        step = steps.get(plan_name(each.id))
        if step is not None and each.status == "completed" and (word := step.outcome(each.output)):
            yield each.id, word


def _inside(plan: Plan, watched: Mapping[str, str]) -> frozenset[str]:
    """The steps in steps that have a word of their own, which also say what these did."""
    names = {plan_name(name) for name in watched}
    blocks = [block for step in walk(plan.steps) if step.id in names for block in step.blocks()]
    return frozenset(step.id for block in blocks for step in walk(block.steps))


def _why(plan: Plan, report: RunReport, deciding: Sequence[str]) -> dict[str, Json]:
    """The values that were looked at on the way to what decided; where nothing did, all that were."""
    around = {plan_name(name): _around(plan.steps, plan_name(name)) for name in deciding}
    wanted = {name for names in around.values() for name in names} | set(around)
    looked: dict[str, Json] = {}
    for step in report.steps:
        if not deciding or plan_name(step.id) in wanted:
            looked.update(step.compared)
    return looked


def _around(steps: tuple[Step, ...], name: str) -> list[str]:
    """The steps that a step stands in, outermost first."""
    for step in steps:
        for block in step.blocks():
            if any(each.id == name for each in walk(block.steps)):
                return [step.id, *_around(block.steps, name)]
    return []


def _said(report: RunReport, delay: timedelta) -> str:
    parts: list[str] = []
    if report.failure is not None:
        at = f" at {report.failure.step}" if report.failure.step else ""
        parts.append(f"failed{at}: {report.failure.message}")
    elif report.status not in ("completed", "running"):
        parts.append(report.status.replace("_", " "))
    if left := [step.id for step in report.steps if step.not_done]:
        parts.append(f"would have done {', '.join(left)}")
    if held := [step.id for step in report.steps if step.status == "held"]:
        parts.append(f"step {held[0]} waits for a person")
    parts.extend(str(step.details[SAID]) for step in report.steps if SAID in step.details)
    if delay > LATE:
        parts.append(f"started {round(delay.total_seconds())} s late")
    return shortened("; ".join(parts), _LONGEST)
