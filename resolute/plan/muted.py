"""Whether nobody is to be called now, as a node says it: a maintenance window, a freeze, a holiday."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict


class Muted(BaseModel):
    """What a node gives that says whether an alarm is muted, as in `alarm(..., mute_during=...)`.

    `until` is when the mute ends, as far as that is known, and `reason` what the ledger says of it.

    >>> Muted(muted=True, reason="the database is being moved").text
    'muted: the database is being moved'
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    muted: bool
    until: datetime | None = None
    reason: str = ""

    @property
    def text(self) -> str:
        """As people read it; empty where nothing is muted."""
        if not self.muted:
            return ""
        until = f" until {self.until:%Y-%m-%d %H:%M} UTC" if self.until else ""
        return f"muted{until}" + (f": {self.reason}" if self.reason else "")
