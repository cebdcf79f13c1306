"""What a budget answers, and how large it can be."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from pydantic import BaseModel, ConfigDict

MOST_OF_A_BUDGET: Final = 1_000
"""The highest number that a budget can have: it keeps when each was granted."""

LONGEST_WINDOW: Final = 366 * 24 * 3600.0
"""Seconds of the longest stretch of time that a budget can be for."""


class Allowance(BaseModel):
    """What a `budget(...)` answers.

    `left` is how much is left now. `until` is from when on as much can be granted again: now, if there is room.
    `refused` counts those that were refused since the last grant: at a refusal this one among them, at a grant those
    before it. `first_refused` is true at the first refusal since a grant and at no other: the place for one summary.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    granted: bool
    left: int
    until: datetime
    refused: int
    first_refused: bool
