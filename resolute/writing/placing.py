"""Puts an author's steps into their places in a flow."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import cast

from resolute.plan.errors import Problem
from resolute.writing.draft import FlowDraft, fresh
from resolute.writing.kinds.call import DraftMistake
from resolute.writing.step import Draft, FlowStep


class Chain(ABC):
    """Steps that follow each other, as the builder collects them."""

    @abstractmethod
    def _written(self, prefix: str = "") -> FlowDraft:
        """Everything that has been said so far; the places of its mistakes begin with `prefix`."""


def placed(step: object) -> Draft:
    """A step in a place of its own; what is none is said when the flow is built."""
    return step.draft() if isinstance(step, FlowStep) else DraftMistake(step)


def steps_of(branch: object) -> tuple[Draft, ...]:
    """The steps of a branch or a body: a step, a list of steps, or `branch().then(...)...`."""
    if isinstance(branch, Chain):
        return fresh(branch._written().steps)  # pyright: ignore[reportPrivateUsage]  # not a word for authors
    if isinstance(branch, Sequence) and not isinstance(branch, str):
        return tuple(placed(step) for step in cast("Sequence[object]", branch))
    return (placed(branch),)


def mistakes_of(branch: object, prefix: str) -> list[Problem]:
    """The mistakes of a branch or a body: its own, and what was said in it that only a flow as a whole can have."""
    if not isinstance(branch, Chain):
        return []
    draft = branch._written(prefix)  # pyright: ignore[reportPrivateUsage]  # not a word for authors
    said = {"triggered_by": draft.triggers, "on_failure": draft.failure_steps, "returns": draft.result}
    hint = "say it of the flow"
    outside = [Problem("branch()", f"{name}(...) is not for a branch", hint) for name, value in said.items() if value]
    return [*draft.mistakes, *outside]
