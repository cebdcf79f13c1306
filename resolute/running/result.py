"""A run's result, as it is recorded and as it is read.

Recorded is what `returns` said, or the named outputs. Where the flow reads values of earlier runs, what it hands on to
the next (see `recall`) is recorded beside it, and told apart here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from resolute.plan.values import Json, JsonObject

RETURNS: Final = "$returns"
OUTPUTS: Final = "$outputs"
RUN: Final = "$run"
UNDO: Final = "$undo"


def recorded_of(result: Json, memory: JsonObject | None = None, run: int = 0, beside: JsonObject | None = None) -> Json:
    """What a run records: its result, and its memory where it hands one on, with what stands `beside` that.

    Data that itself looks like both is recorded as both, so that it is never taken for them.
    """
    ambiguous = isinstance(result, Mapping) and holds_both(result)
    if memory is None:
        return {RETURNS: result, OUTPUTS: {}} if ambiguous else result
    return {RETURNS: result, OUTPUTS: memory, RUN: run, **(beside or {})}


def result_of(recorded: Json) -> Json:
    """What the run gives to whoever asked for its result."""
    return recorded[RETURNS] if isinstance(recorded, Mapping) and holds_both(recorded) else recorded


def with_undo(recorded: Json, undo: list[Json]) -> Json:
    """What a run records that was started by a step of another run: that one has to undo its work, if it fails."""
    if not undo:
        return recorded
    if isinstance(recorded, Mapping) and holds_both(recorded):
        return {**recorded, UNDO: undo}
    return {RETURNS: recorded, OUTPUTS: dict[str, Json](), UNDO: undo}


def undo_of(recorded: Json) -> list[Json]:
    """What is due for a run that was started by a step, if the run of that step fails."""
    held = recorded.get(UNDO) if isinstance(recorded, Mapping) and holds_both(recorded) else None
    return list(held) if isinstance(held, (list, tuple)) else []


def holds_both(recorded: JsonObject) -> bool:
    """Whether what is recorded is a result beside a memory."""
    return RETURNS in recorded and OUTPUTS in recorded
