"""A flow as it was written, before it is checked: what the builder hands to the compiler."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from resolute.plan.errors import Problem
from resolute.plan.keyed import NOT_KEYED, KeyedSpec
from resolute.plan.plan import Mode, WhenStuck
from resolute.plan.provider import Provider
from resolute.plan.triggers import TriggerSpec
from resolute.writing.step import Draft


@dataclass(frozen=True, kw_only=True)
class FlowDraft:
    """Everything that was said of a flow.

    `result` is empty, or holds the one value that `returns` was given; `providers` are those whose grants the flow is
    held against. `ids` are the ids of steps that are not the compiler's to choose, by the identity of their drafts.
    """

    name: str
    description: str = ""
    triggers: tuple[TriggerSpec, ...] = ()
    steps: tuple[Draft, ...] = ()
    failure_steps: tuple[Draft, ...] = ()
    result: tuple[object, ...] = ()
    mistakes: tuple[Problem, ...] = ()
    providers: tuple[Provider, ...] = ()
    when_stuck: WhenStuck = "fail"
    within: timedelta | None = None
    mode: Mode = "live"
    ids: Mapping[int, str] = field(default_factory=dict[int, str])
    keyed: KeyedSpec = NOT_KEYED


def nested(drafts: tuple[Draft, ...]) -> int:
    """How deep blocks are nested, found without nesting calls."""
    depth = 0
    level: list[Draft] = list(drafts)
    while level:
        inner = [each for draft in level for block in draft.blocks() for each in block]
        depth, level = depth + bool(inner), inner
    return depth


def fresh(drafts: Sequence[Draft]) -> tuple[Draft, ...]:
    """The same drafts as new objects, since a draft is one place in one flow."""
    return tuple(draft.fresh() for draft in drafts)


def walk_drafts(drafts: Sequence[Draft]) -> Iterator[Draft]:
    """Every draft at any depth, in the order of the flow: a block before what is in it."""
    for draft in drafts:
        yield draft
        for block in draft.blocks():
            yield from walk_drafts(block)
