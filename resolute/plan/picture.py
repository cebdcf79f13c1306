"""The picture of a plan: its steps as nested blocks, each with how it stands.

Whoever draws a plan (as text, as a chart, as a page) walks this and nothing else, so all drawings show the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from resolute.plan.step import Block, Role, Step
from resolute.plan.whole import Plan


@dataclass(frozen=True)
class DrawnBlock:
    """Steps inside a step; see `resolute.plan.step.Block`."""

    role: Role
    steps: tuple[Drawn, ...]
    heading: str = ""
    arrow: str = ""


@dataclass(frozen=True)
class Drawn:
    """A step in a picture. `state` is empty where the picture is one of the plan alone."""

    step: Step
    state: str = ""
    blocks: tuple[DrawnBlock, ...] = ()


@dataclass(frozen=True)
class Picture:
    """A whole plan: what starts it, its steps, and what runs when it has failed."""

    name: str
    triggers: tuple[str, ...]
    steps: tuple[Drawn, ...]
    on_failure: tuple[Drawn, ...] = ()

    def walk(self) -> Iterator[Drawn]:
        """Every step, in the order of the plan: a step before what is in it."""
        waiting = [*reversed((*self.steps, *self.on_failure))]
        while waiting:
            drawn = waiting.pop()
            yield drawn
            waiting += reversed([inner for block in drawn.blocks for inner in block.steps])


def picture(plan: Plan, states: Mapping[str, str] | None = None) -> Picture:
    """The picture of a plan; with `states` (by step id) that of a run, in which a step without one is pending."""
    return Picture(
        name=plan.name,
        triggers=tuple(trigger.text for trigger in plan.triggers),
        steps=_drawn(plan.steps, states),
        on_failure=_drawn(plan.on_failure, states),
    )


def _drawn(steps: tuple[Step, ...], states: Mapping[str, str] | None) -> tuple[Drawn, ...]:
    return tuple(
        Drawn(
            step,
            "" if states is None else states.get(step.id, "pending"),
            tuple(_block(block, states) for block in step.blocks()),
        )
        for step in steps
    )


def _block(block: Block, states: Mapping[str, str] | None) -> DrawnBlock:
    return DrawnBlock(block.role, _drawn(block.steps, states), block.heading, block.arrow)
