"""How a run stands, for people who look at many runs: what is held, who has paused it, whether the brake stops it."""

from __future__ import annotations

from typing import Final, cast

from resolute.plan.errors import NodeFailedError
from resolute.plan.texts import shortened
from resolute.plan.values import Json, JsonObject

_MOST: Final = 20
"""Held steps that are named; of more, their number is told."""

_LONGEST: Final = 300


class Standing:
    """What keeps a run from going on. `as_json` is small, however large the run is."""

    def __init__(self) -> None:
        self.paused: JsonObject | None = None
        self.stopped: JsonObject | None = None
        """What stops its writes: the brake."""
        self._held: dict[str, JsonObject] = {}

    def hold(self, step_id: str, since: Json, error: NodeFailedError) -> None:
        """A step is held."""
        message = shortened(error.reason, _LONGEST)
        self._held[step_id] = {"step": step_id, "since": since, "error": error.error_type, "message": message}

    def let_go(self, step_id: str) -> None:
        """A step is held no longer."""
        self._held.pop(step_id, None)

    def as_json(self) -> JsonObject:
        """As plain data; empty where nothing keeps the run from going on."""
        found: dict[str, Json] = {}
        if self._held:
            found["held"] = cast("Json", list(self._held.values())[:_MOST])
            found["held_in_all"] = len(self._held)
        if self.paused is not None:
            found["paused"] = self.paused
        if self.stopped is not None:
            found["stopped"] = self.stopped
        return found
