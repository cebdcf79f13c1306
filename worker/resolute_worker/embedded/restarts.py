"""How often, and after how long, a server that dies is restarted."""

from __future__ import annotations

from typing import Final

PAUSES: Final = (0.0, 0.2, 0.4, 0.8, 1.6, 3.0, 3.0, 3.0)
"""Seconds before each restart of a server that keeps dying."""

STEADY: Final = 3.0
"""Seconds of service after which a server counts as healthy: a later death starts a new series."""


class Restarts:
    """The deaths of one server in a row."""

    def __init__(self) -> None:
        self._deaths = 0

    def pause(self, served: float) -> float | None:
        """How long to wait before restarting a server that ran for so many seconds; None to give up."""
        if served >= STEADY:
            self._deaths = 0
        self._deaths += 1
        return PAUSES[self._deaths - 1] if self._deaths <= len(PAUSES) else None
