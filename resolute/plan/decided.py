"""What a gate gives: who decided, how, and what they filled in."""

from __future__ import annotations

from datetime import datetime
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict

F_co = TypeVar("F_co", covariant=True)


class Decided(BaseModel, Generic[F_co]):
    """The decision of a gate.

    `by` are the people whose decisions counted: all who approved, or the one who rejected; nobody where the gate's time
    was up. `form` is what the person filled in whose decision was the last, `at` when the gate was decided.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    approved: bool
    by: list[str]
    reason: str
    form: F_co
    at: datetime
