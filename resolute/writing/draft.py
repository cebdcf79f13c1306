"""A flow as it was written, before it is checked: what the builder hands to the compiler."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from resolute.plan.errors import Problem
from resolute.plan.provider import Provider
from resolute.plan.triggers import TriggerSpec


@dataclass(frozen=True)
class DraftCall:
    """A node in its place."""

    node: object


@dataclass(frozen=True)
class DraftWhen:
    """A condition with its two blocks."""

    condition: object
    then: tuple[Draft, ...]
    otherwise: tuple[Draft, ...]
    written_at: str = ""


@dataclass(frozen=True)
class DraftParallel:
    """Branches that run at the same time."""

    branches: tuple[tuple[Draft, ...], ...]


Draft: TypeAlias = DraftCall | DraftWhen | DraftParallel


@dataclass(frozen=True, kw_only=True)
class FlowDraft:
    """Everything that was said of a flow.

    `result` is empty, or holds the one value that `returns` was given; `providers` are those whose grants the flow is
    held against.
    """

    name: str
    description: str = ""
    triggers: tuple[TriggerSpec, ...] = ()
    steps: tuple[Draft, ...] = ()
    failure_steps: tuple[Draft, ...] = ()
    result: tuple[object, ...] = ()
    mistakes: tuple[Problem, ...] = ()
    providers: tuple[Provider, ...] = ()


def nested(drafts: tuple[Draft, ...]) -> int:
    """How deep blocks are nested, found without nesting calls."""
    depth, level = 0, list(drafts)
    while level:
        inner: list[Draft] = []
        for draft in level:
            match draft:
                case DraftCall():
                    pass
                case DraftWhen():
                    inner += [*draft.then, *draft.otherwise]
                case DraftParallel():
                    inner += [each for branch in draft.branches for each in branch]
        depth, level = depth + bool(inner), inner
    return depth


def fresh(drafts: tuple[Draft, ...]) -> tuple[Draft, ...]:
    """The same drafts as new objects, since a draft is one place in one flow."""
    copies: list[Draft] = []
    for draft in drafts:
        match draft:
            case DraftCall():
                copies.append(DraftCall(draft.node))
            case DraftWhen():
                copies.append(replace(draft, then=fresh(draft.then), otherwise=fresh(draft.otherwise)))
            case DraftParallel():
                copies.append(DraftParallel(tuple(fresh(branch) for branch in draft.branches)))
    return tuple(copies)


def calls_and_blocks(drafts: Sequence[Draft]) -> tuple[list[DraftCall], list[tuple[Draft, str]]]:
    """Every call at any depth, and every block with its kind, each in the order of the flow."""
    calls: list[DraftCall] = []
    blocks: list[tuple[Draft, str]] = []
    _collect(drafts, calls, blocks)
    return calls, blocks


def _collect(drafts: Sequence[Draft], calls: list[DraftCall], blocks: list[tuple[Draft, str]]) -> None:
    for draft in drafts:
        match draft:
            case DraftCall():
                calls.append(draft)
            case DraftWhen():
                blocks.append((draft, "when"))
                _collect([*draft.then, *draft.otherwise], calls, blocks)
            case DraftParallel():
                blocks.append((draft, "parallel"))
                _collect([inner for branch in draft.branches for inner in branch], calls, blocks)
