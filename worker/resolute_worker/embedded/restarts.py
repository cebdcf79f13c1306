"""How often a server that dies is started again, and after how long."""

from __future__ import annotations

from typing import Final

PAUSES: Final = (0.0, 0.2, 0.4, 0.8, 1.6, 3.0, 3.0, 3.0)
"""Seconds before each start of a server that dies again and again."""

STEADY: Final = 3.0
"""Seconds of service after which a server counts as well: its death is a new one, not one more of a row."""


class Restarts:
    """The deaths of one server, as long as they come in a row."""

    def __init__(self) -> None:
        self._deaths = 0

    def pause(self, served: float) -> float | None:
        """How long to wait before the next start, for a server that served so many seconds; None: give up."""
        if served >= STEADY:
            self._deaths = 0
        self._deaths += 1
        return PAUSES[self._deaths - 1] if self._deaths <= len(PAUSES) else None
