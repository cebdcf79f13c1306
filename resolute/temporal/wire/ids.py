"""The activity id of a step: the step's own id, so that a history maps onto its plan.

Temporal takes ids of up to 1,000 bytes. Steps nested in loops may have longer ones, which get a digest instead.
"""

from __future__ import annotations

from typing import Final

from resolute.plan.values import digest

_LONGEST_ACTIVITY: Final = 1_000
"""Bytes of an activity id that Temporal takes; what fits is never shortened, so that histories keep replaying."""

_SHOWN: Final = 400
"""Bytes of a long activity id's beginning, and of its end, that stand around the digest, for people."""


def activity_id(step: str) -> str:
    """The activity id of a step: the step's own id, or a digest of it between its beginning and its end.

    What is short enough is left as it is, so an activity id is its own activity id.

    >>> activity_id("certs[3].check")
    'certs[3].check'
    """
    name = step.encode()
    if len(name) <= _LONGEST_ACTIVITY:
        return step
    first, last = (part.decode(errors="ignore") for part in (name[:_SHOWN], name[-_SHOWN:]))
    return f"{first}~{digest(step)}~{last}"


def summary_of(step: str) -> str | None:
    """What stands beside the id of an activity, where Temporal's page shows it at once: the step.

    Items and turns of a loop, of which there can be thousands, are told by their ids alone: a summary is one more
    value to write, send and store, about 4 % of all that an activity costs.

    >>> summary_of("check")
    'check'
    >>> summary_of("certs[3].check")
    """
    in_loop = "[" in step or "#" in step
    return None if in_loop and activity_id(step) == step else step


def step_of(known: str, summary: str) -> str:
    """The step of an activity, by its id and its summary, which names the step where the id had to be shortened."""
    return summary if activity_id(summary) == known else known


def is_whole(known: str) -> bool:
    """Whether an activity id is too short to have been shortened."""
    return len(known.encode()) <= 2 * _SHOWN
