"""A run's result, as it is recorded and as it is read.

Recorded is what `returns` said, or the named outputs. Where a flow says `returns` and reads values of its previous
run, both are recorded, and told apart here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

from resolute.plan.values import Json, JsonObject

RETURNS: Final = "$returns"
OUTPUTS: Final = "$outputs"


def recorded_of(returned: Json, outputs: JsonObject, *, remembers: bool) -> Json:
    """What a run records whose flow says `returns`: the outputs too where the next run reads them.

    Data that itself looks like both is recorded as both, so that it is never taken for them.
    """
    ambiguous = isinstance(returned, Mapping) and _holds_both(returned)
    return {RETURNS: returned, OUTPUTS: outputs} if remembers or ambiguous else returned


def result_of(recorded: Json) -> Json:
    """What the run gives to whoever asked for its result."""
    return recorded[RETURNS] if isinstance(recorded, Mapping) and _holds_both(recorded) else recorded


def remembered(recorded: Json) -> JsonObject | None:
    """What the next run may read as its previous outputs."""
    outputs = recorded[OUTPUTS] if isinstance(recorded, Mapping) and _holds_both(recorded) else recorded
    return cast("JsonObject", outputs) if isinstance(outputs, Mapping) else None


def _holds_both(recorded: JsonObject) -> bool:
    return RETURNS in recorded and OUTPUTS in recorded
