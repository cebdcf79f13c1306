"""Answers that are known before a step asks for them: those of a recorded run."""

from __future__ import annotations

from typing import Protocol, cast

from resolute.plan.errors import NodeFailedError
from resolute.plan.values import Json
from resolute.running.record import Answer
from resolute.running.runtime import Answered, ChildFailedError


class Played(Protocol):
    """Knows the answers of a run."""

    def next(self, step: str, node: str = "") -> Answer | None:
        """What a step is answered that calls a node, or runs another flow; None where it is to be run.

        Raises:
            FakeError: it is to be answered, and there is no answer.
        """
        ...


def error_in(answer: Answer) -> NodeFailedError | ChildFailedError | None:
    """The failure that was answered, where it was one."""
    if answer.failure is not None:
        return NodeFailedError.from_facts(answer.failure)
    if answer.other is not None:
        other = answer.other
        return ChildFailedError(
            other.failure, trace=other.trace, failed_as_well=other.failed_as_well, given_up=other.given_up
        )
    return None


def known_together(answer: Answer) -> Answered:
    """One of several answers that were given together."""
    error = error_in(answer)
    if answer.ended_at is None or isinstance(error, ChildFailedError):
        return Answered(given_up=True)
    return Answered(output=cast("Json", answer.output), failure=error)
