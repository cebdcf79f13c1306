"""What has to be undone when a run fails: the undo steps of completed steps, last step first."""

from __future__ import annotations

from resolute.plan.plan import Call


class Saga:
    """Collects the undo steps of a run, in the order in which their steps completed."""

    def __init__(self) -> None:
        self._undo: list[tuple[Call, ...]] = []

    def completed(self, call: Call) -> None:
        """A step completed; whatever undoes it is due if the run fails from now on."""
        if call.undo:
            self._undo.append(call.undo)

    def due(self) -> list[Call]:
        """The undo steps to run, last step first; the undo steps of one step in their own order."""
        return [call for undo in reversed(self._undo) for call in undo]
