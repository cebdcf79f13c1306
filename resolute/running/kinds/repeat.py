"""Runs steps in turns. What a turn came to is let go of when the next one has ended: only the last is kept."""

from __future__ import annotations

from collections import ChainMap
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias, cast

from resolute.plan.described import describe
from resolute.plan.errors import ExhaustedError
from resolute.plan.kinds.repeat import Repeat
from resolute.plan.values import Json, JsonObject
from resolute.running.evaluate import is_true
from resolute.running.frame import Frame
from resolute.running.run import Run

IDLE: Final = 100
"""Turns in a row in which nothing was called or waited for, after which the loop waits: it must not hold its worker."""

_A_MOMENT: Final = timedelta(milliseconds=1)

Stage: TypeAlias = Literal["ask", "wait", "work"]


@dataclass(frozen=True)
class _At:
    """Where a repeat stands: at which turn and stage of it, when that is due, and what the turn before came to."""

    turn: int
    due: datetime
    stage: Stage = "ask"
    last: JsonObject | None = None

    def as_json(self) -> Json:
        return {"turn": self.turn, "due": self.due.isoformat(), "stage": self.stage, "last": self.last}


def _at(kept: Json) -> _At:
    held = cast("JsonObject", kept)
    return _At(
        turn=int(cast("int", held["turn"])),
        due=datetime.fromisoformat(str(held["due"])),
        stage=cast("Stage", held["stage"]),
        last=cast("JsonObject | None", held["last"]),
    )


async def run_repeat(repeat: Repeat, frame: Frame, run: Run) -> Json:
    """Gives how many turns there were, why there were no more, and what the last one came to.

    Raises:
        ExhaustedError: the last turn that may be has not brought the end, and the flow counts that as a failure.
    """
    parts, idle = frame.kept.parts, 0
    at = _at(parts[repeat.id]) if repeat.id in parts else _At(1, run.runtime.now())
    while True:
        parts[repeat.id] = at.as_json()
        place, moves = f"{repeat.id}#{at.turn}", run.moves
        turn = frame.inside(place, last={**frame.last, **(at.last or {})}, alone=frame.alone)
        if at.stage == "ask":
            if repeat.test == "while" and not await _holds(repeat, _looking_back(turn, frame, at), frame, run):
                return _ended(at.turn - 1, "while", at, frame, place)
            if at.turn > repeat.at_most:
                return _exhausted(repeat, at, frame, place)
            at = replace(at, stage="wait")
            parts[repeat.id] = at.as_json()
        if at.stage == "wait":
            if at.due > run.runtime.now() or idle >= IDLE:
                await run.wait(turn.path.removesuffix("."), max(at.due, run.runtime.now() + _A_MOMENT))
            at = replace(at, stage="work", due=max(at.due, run.runtime.now()))
            parts[repeat.id] = at.as_json()
        await run.block(repeat.body, turn)
        holds = repeat.test == "until" and await _holds(repeat, turn, frame, run)
        asked = {step.id for step in repeat.decision}
        came_to = {name: value for name, value in turn.kept.outputs.items() if name not in asked}
        at = _At(at.turn + 1, at.due + timedelta(seconds=repeat.every), last=came_to)
        frame.forget(place)
        if holds:
            return _ended(at.turn - 1, "until", at, frame, place)
        idle = idle + 1 if run.moves == moves else 0


async def _holds(repeat: Repeat, reads: Frame, frame: Frame, run: Run) -> bool:
    await run.block(repeat.decision, reads)
    condition = cast("Json", repeat.condition)
    run.state.look(repeat, frame, condition, reads)
    return is_true(condition, run.state.scope(reads))


def _looking_back(turn: Frame, frame: Frame, at: _At) -> Frame:
    """The frame of a turn that has not begun, whose condition looks at what the turn before came to."""
    return replace(turn, outputs=ChainMap(turn.kept.outputs, dict(at.last or {}), frame.outputs))


def _ended(turns: int, by: str, at: _At, frame: Frame, place: str) -> Json:
    frame.forget(place)
    return {"turns": turns, "ended_by": by, "last": at.last or {}}


def _exhausted(repeat: Repeat, at: _At, frame: Frame, place: str) -> Json:
    if repeat.on_exhausted == "continue":
        return _ended(repeat.at_most, "at_most", at, frame, place)
    turns = "1 turn" if repeat.at_most == 1 else f"{repeat.at_most:,} turns"
    still = "did not hold" if repeat.test == "until" else "still held"
    raise ExhaustedError(f"after {turns} its condition {still}: {describe(cast('Json', repeat.condition))}")
