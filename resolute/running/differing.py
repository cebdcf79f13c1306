"""Compares two runs: what they were given, and what their steps came to, in the order of the plan."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias, cast

from resolute.plan.plan import Plan
from resolute.plan.step import Step, plan_name, walk
from resolute.plan.values import Json, JsonObject
from resolute.running.record import RunRecord
from resolute.running.report import StepReport
from resolute.running.result import RUN

MOST_CHANGES: Final = 20
"""Places of one value that are told one by one where two runs differ in it."""

_PART: Final = re.compile(r"([^#\[]*)[#\[]?(\d*)")
_LAST: Final = sys.maxsize
_ONLY_OF_ITS_TIME: Final[Mapping[str, tuple[str, ...]]] = {"gate": ("at",)}
"""What of an output says when it was, by the kind of the step: no two runs have it in common."""

Place: TypeAlias = tuple[tuple[int, int], ...]


@dataclass(frozen=True, kw_only=True)
class Change:
    """A place in a value of which two runs differ; `at` is `output.ready`. What one of them does not have is null."""

    at: str
    first: Json
    second: Json

    def as_json(self) -> Json:
        """As plain data."""
        return {"at": self.at, "first": self.first, "second": self.second}


@dataclass(frozen=True, kw_only=True)
class DifferingStep:
    """A step, by its id in the run, that came to something else in the second run, and in what."""

    step: str
    changes: tuple[Change, ...]

    def as_json(self) -> Json:
        """As plain data."""
        return {"step": self.step, "changes": [change.as_json() for change in self.changes]}


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What two runs differ in.

    `plans` says that they have different ones, `given` what they began with, `steps` what their steps came to, and
    `ends` how they ended.
    """

    plans: bool
    given: tuple[Change, ...]
    steps: tuple[DifferingStep, ...]
    ends: tuple[Change, ...]

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.plans or self.given or self.steps or self.ends)


def difference(first: RunRecord, second: RunRecord) -> Difference:
    """What the second run differs in from the first one."""
    given = [*_changes("input", first.input, second.input), *_changes("memory", _memory(first), _memory(second))]
    return Difference(
        plans=first.plan.fingerprint != second.plan.fingerprint,
        given=tuple(given[:MOST_CHANGES]),
        steps=tuple(_steps(first, second)),
        ends=tuple(_changes("", _end(first), _end(second))),
    )


def _memory(record: RunRecord) -> Json:
    """What was remembered. How many runs there were before is no difference."""
    return {name: value for name, value in cast("JsonObject", record.memory or {}).items() if name != RUN}


def _end(record: RunRecord) -> Json:
    failure = record.report.failure
    told = None if failure is None else f"{failure.error_type}: {failure.message}"
    return {"status": record.report.status, "result": record.report.result, "failure": told}


def _steps(first: RunRecord, second: RunRecord) -> Iterator[DifferingStep]:
    sides = [{step.id: step for step in record.report.steps if not step.counts} for record in (first, second)]
    plans = (first.plan, second.plan)
    positions = [_positions(plan) for plan in plans]
    places = {
        step: _place(step, known) for known, side in zip(positions[::-1], sides[::-1], strict=True) for step in side
    }
    holders = {step.id for plan in plans for step in walk((*plan.steps, *plan.on_failure)) if _holds_others(step)}
    for step in sorted(places, key=lambda each: (places[each], each)):
        told = [_told(side.get(step), plan_name(step) in holders) for side in sides]
        if changes := list(_changes("", told[0], told[1])):
            yield DifferingStep(step=step, changes=tuple(changes[:MOST_CHANGES]))


def _holds_others(step: Step) -> bool:
    """Whether a step comes to nothing but what the steps inside it do, and which of them run."""
    return any(block.role in ("choice", "branch") for block in step.blocks())


def _told(step: StepReport | None, holds_others: bool) -> Json:
    """What a step came to. One that the run never came to has come to nothing, as one that it does not have."""
    if step is None or (step.status == "pending" and not holds_others):
        return {"status": "not reached"}
    if holds_others:
        return {"took": step.taken} if step.taken else {}
    failure = step.failure
    return {
        "input": step.arguments,
        "status": step.status,
        "output": _timeless(step),
        "failure": None if failure is None else f"{failure.error_type}: {failure.message}",
    }


def _timeless(step: StepReport) -> Json:
    output, left_out = cast("Json", step.output), _ONLY_OF_ITS_TIME.get(step.kind, ())
    if isinstance(output, Mapping) and left_out:
        return {name: value for name, value in output.items() if name not in left_out}
    return output


def _positions(plan: Plan) -> Mapping[str, int]:
    """Where each step stands; what undoes others or tells of a failure comes at the end."""
    side = {
        each.id
        for step in walk(plan.steps)
        for block in step.blocks()
        if block.role == "side"
        for each in walk(block.steps)
    }
    steps = [step.id for step in walk(plan.steps)]
    ordered = [*(step for step in steps if step not in side), *(step for step in steps if step in side)]
    return {step: place for place, step in enumerate([*ordered, *(step.id for step in walk(plan.on_failure))])}


def _place(step: str, positions: Mapping[str, int]) -> Place:
    """A turn or an item comes before its loop, whose output is made of what they came to."""
    found: list[tuple[int, int]] = []
    for part in step.split("."):
        name, number = _PART.findall(part)[0]
        found.append((positions.get(name, _LAST), int(number) if number else _LAST))
    return tuple(found)


def _changes(at: str, first: Json, second: Json) -> Iterator[Change]:
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        for name in dict.fromkeys((*first, *second)):
            yield from _changes(f"{at}.{name}" if at else name, first.get(name), second.get(name))
    elif isinstance(first, (list, tuple)) and isinstance(second, (list, tuple)) and len(first) == len(second):
        for index, (one, other) in enumerate(zip(first, second, strict=True)):
            yield from _changes(f"{at}[{index}]", one, other)
    elif first != second:
        yield Change(at=at, first=first, second=second)
