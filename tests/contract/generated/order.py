"""The order of calls as far as a plan says it: what runs at the same time is told apart, not put in a row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from resolute.plan.kinds.each import Each
from resolute.plan.kinds.parallel import Parallel
from resolute.plan.plan import Plan
from resolute.plan.step import Step

Ordered: TypeAlias = "list[str | dict[str, Ordered]]"
"""Calls in a row; where some of them run at the same time, what each of those at work calls."""


@dataclass(frozen=True)
class _Lane:
    """One of those that are at work at the same time: a branch, or an item of a list."""

    region: str
    name: str


class Order:
    """The order of one plan."""

    def __init__(self, plan: Plan) -> None:
        self._around = dict(_steps((*plan.steps, *plan.on_failure), ()))

    def of(self, calls: Iterable[str]) -> Ordered:
        """Calls, by their ids in the run, as far as their order is the plan's."""
        return _ordered([(self._lanes(call), call) for call in calls])

    def _lanes(self, call: str) -> list[_Lane]:
        """Where a call runs, the outermost first."""
        parts = call.split(".")
        # The steps of another flow, which a step has run, are where that step is.
        name = next(part for part in reversed(parts) if part in self._around)
        places = {part.partition("[")[0].partition("#")[0]: part for part in parts}
        lanes: list[_Lane] = []
        path = ""
        for step, branch, at_once in self._around.get(name, ()):
            if branch is not None:
                lanes.append(_Lane(path + step, f"branch {branch}"))
                continue
            if at_once > 1:
                lanes.append(_Lane(path + step, places[step]))
            path += f"{places[step]}."
        return lanes


_Around: TypeAlias = tuple[tuple[str, int | None, int], ...]
"""What stands around a step: its id, which of its branches the step is in, and how many at once."""


def _steps(steps: Sequence[Step], around: _Around) -> Iterator[tuple[str, _Around]]:
    for step in steps:
        yield step.id, around
        for number, block in enumerate(step.blocks()):
            inside = around
            if isinstance(step, Parallel):
                inside = (*around, (step.id, number, 1))
            elif block.role == "loop":
                inside = (*around, (step.id, None, step.at_once if isinstance(step, Each) else 1))
            yield from _steps(block.steps, inside)


def _ordered(calls: Sequence[tuple[Sequence[_Lane], str]], depth: int = 0) -> Ordered:
    row: Ordered = []
    region, inside = "", dict[str, list[tuple[Sequence[_Lane], str]]]()

    def close() -> None:
        if inside:
            row.append({lane: _ordered(inside[lane], depth + 1) for lane in sorted(inside)})
        inside.clear()

    for lanes, call in calls:
        if len(lanes) <= depth:
            close()
            row.append(call)
            continue
        if lanes[depth].region != region:
            close()
            region = lanes[depth].region
        inside.setdefault(lanes[depth].name, []).append((lanes, call))
    close()
    return row
