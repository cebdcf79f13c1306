"""What has to be undone when a run fails: the undo steps of completed steps, last step first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, cast

from resolute.plan.kinds.call import Call
from resolute.plan.step import Step
from resolute.plan.values import Json, JsonObject
from resolute.running.evaluate import close_over
from resolute.running.frame import Frame, Kept
from resolute.running.state import RunState

KEEPS_PARTS: Final = 5
"""The first interpreter by which an undo step of an item goes on in the next history from what a switch has stopped.

What older ones did must come again in a replay.
"""


@dataclass(frozen=True)
class Undo:
    """The undo steps of one step that has completed, `step` by its id in the run, and the frame that they read."""

    step: str
    calls: tuple[Call, ...]
    frame: Frame


class Saga:
    """Collects the undo steps of a run, in the order in which their steps completed.

    With `keeps_parts`, what those know so far that have begun is written down as well.
    """

    def __init__(self, *, keeps_parts: bool) -> None:
        self._keeps_parts = keeps_parts
        self._undo: list[Undo] = []

    def completed(self, step: Step, frame: Frame) -> None:
        """A step completed; whatever undoes it is due if the run fails from now on."""
        if undo := undo_of(step):
            self._undo.append(Undo(frame.path + step.id, undo, frame))

    def due(self) -> list[tuple[Call, Frame]]:
        """The undo steps to run, last step first; the undo steps of one step in their own order."""
        return [(call, undo.frame.alone_again()) for undo in reversed(self._undo) for call in undo.calls]

    def as_json(self, state: RunState) -> list[Json]:
        """As plain data, each argument with the values that it reads of the run."""
        return [
            {
                "step": undo.step,
                "path": undo.frame.path,
                "calls": [
                    cast("Json", {**call.model_dump(mode="json"), "arguments": _closed(call, undo.frame, state)})
                    for call in undo.calls
                ],
                **({"parts": parts} if (parts := self._parts(undo)) else {}),
            }
            for undo in self._undo
        ]

    def _parts(self, undo: Undo) -> JsonObject:
        """What undo steps know so far; those at the top of the flow have it kept with all else that is there."""
        if not (self._keeps_parts and undo.frame.path):
            return {}
        known = undo.frame.kept.parts
        return {call.id: known[call.id] for call in undo.calls if call.id in known}

    def restore(self, data: list[Json], top: Frame, path: str = "") -> None:
        """Takes up what `as_json` wrote; what another run wrote, below the path of the step that ran it.

        The arguments hold all that they need of their items and turns.
        """
        for each in data:
            held = cast("JsonObject", each)
            at = path + str(held["path"])
            kept = Kept(parts=dict(cast("JsonObject", held.get("parts", {}))))
            frame = replace(top, kept=kept, path=at) if at else top
            calls = tuple(Call.model_validate(call) for call in cast("list[Json]", held["calls"]))
            self._undo.append(Undo(path + str(held["step"]), calls, frame))


def undo_of(step: Step) -> tuple[Call, ...]:
    """The undo steps of a step; only those of a kind that has some are any."""
    return cast("tuple[Call, ...]", getattr(step, "undo", ()))


def _closed(call: Call, frame: Frame, state: RunState) -> Json:
    return close_over(cast("Json", call.arguments), state.scope(frame))
