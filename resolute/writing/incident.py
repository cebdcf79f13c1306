"""What an alarm opens when it is raised, and closes when it is cleared: a provider's steps for both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeAlias

from resolute.writing.kinds.call import Node

Calls: TypeAlias = "Node[Any] | Sequence[Node[Any]]"


@dataclass(frozen=True)
class Incident:
    """The steps that open and close what an alarm stands for, as in `alarm(..., incident=Incident(...))`.

    Both run again in later runs until they have succeeded once, and may then have been done already: they have to be
    safe to repeat. Where the last node of `clears` gives an output whose `kept_open` is true, it has left the incident
    to a person.

    `known_by` is what the incident is known by, such as a deduplication key. It belongs to one alarm. An alarm that is
    renamed is still known by it.

    With `reopen_after`, `raises` runs once more that long after it ran last, while it is still bad. Where the last node
    of `raises` gives an output whose `already_open` is false, somebody had resolved the incident, and people are paged.
    """

    raises: Calls
    clears: Calls
    known_by: str
    reopen_after: timedelta | None = None
