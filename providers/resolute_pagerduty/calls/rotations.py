"""The layers of a schedule as PagerDuty expects them.

PagerDuty never removes a layer: one that a change leaves out stays as it is, and one without an id is a new one. So
layers are identified by name, and a second change finds the layers of the first. Answers list the layers in the
opposite order of requests, so what is read is never sent back as it is.

Source: https://github.com/PagerDuty/public-support-scripts/pull/60
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Literal, TypeAlias

from annotated_types import MinLen
from pydantic import AwareDatetime, Field, StringConstraints

from resolute import Record
from resolute_pagerduty.calls.events import given
from resolute_pagerduty.calls.incidents import reference
from resolute_pagerduty.errors import InvalidRequestError
from resolute_pagerduty.http.exchange import JsonBody
from resolute_pagerduty.models.parameters import Ids, Text


class LayerRestriction(Record):
    """The part of each day or week in which a layer has somebody on call.

    Example:
        >>> nights = LayerRestriction(start_time_of_day="20:00:00", duration_seconds=12 * 3600)
        >>> weekends = LayerRestriction(start_day_of_week=6, start_time_of_day="00:00:00", duration_seconds=48 * 3600)
    """

    start_time_of_day: Annotated[str, StringConstraints(pattern=r"^\d\d:\d\d:\d\d$")]
    duration_seconds: Annotated[int, Field(ge=1)]
    start_day_of_week: Literal[1, 2, 3, 4, 5, 6, 7] | None = None
    """Monday is 1; None for every day."""


class RotationLayer(Record):
    """Users who take turns of equal length.

    Example:
        >>> layer = RotationLayer(name="Weekly", user_ids=["PXPGF42", "PDS4IIV"], turn_length_seconds=7 * 24 * 3600)
    """

    name: Text
    user_ids: Ids
    turn_length_seconds: Annotated[int, Field(ge=1)]
    start: AwareDatetime | None = None
    """When it starts; by default now, or unchanged if the layer exists."""
    end: AwareDatetime | None = None
    rotation_virtual_start: AwareDatetime | None = None
    """When the first user's first turn started; `start` by default."""
    restrictions: Sequence[LayerRestriction] = ()


Layers: TypeAlias = Annotated[Sequence[RotationLayer], MinLen(1)]


def new_layers(layers: Sequence[RotationLayer]) -> list[JsonBody]:
    """The layers of a new schedule.

    Raises:
        InvalidRequestError: two have the same name, or one ends before it starts.
    """
    return changed_layers(layers, [])


def changed_layers(layers: Sequence[RotationLayer], there: Sequence[JsonBody]) -> list[JsonBody]:
    """Layers for a change: those with an existing name change that layer, the others are new.

    Raises:
        InvalidRequestError: two have the same name, or one ends before it starts.
    """
    names = [layer.name for layer in layers]
    if len(set(names)) < len(names):
        raise InvalidRequestError("layers", "occur twice; layers are identified by their names")
    known = {str(each.get("name")): each for each in there}
    return [_layer(number, layer, known.get(layer.name, {})) for number, layer in enumerate(layers)]


def _layer(number: int, layer: RotationLayer, there: JsonBody) -> JsonBody:
    if layer.start is not None and layer.end is not None and layer.end <= layer.start:
        raise InvalidRequestError(f"layers[{number}]", f"{layer.name!r} ends before it starts")
    start = layer.start.isoformat() if layer.start else there.get("start") or datetime.now(UTC).isoformat()
    turns_since = layer.rotation_virtual_start.isoformat() if layer.rotation_virtual_start else None
    return given(
        id=there.get("id"),
        name=layer.name,
        start=start,
        end=layer.end and layer.end.isoformat(),
        rotation_virtual_start=turns_since or (not layer.start and there.get("rotation_virtual_start")) or start,
        rotation_turn_length_seconds=layer.turn_length_seconds,
        users=[{"user": reference(user, "user")} for user in layer.user_ids],
        restrictions=[_restriction(each) for each in layer.restrictions],
    )


def _restriction(found: LayerRestriction) -> JsonBody:
    return given(
        type="daily_restriction" if found.start_day_of_week is None else "weekly_restriction",
        start_time_of_day=found.start_time_of_day,
        duration_seconds=found.duration_seconds,
        start_day_of_week=found.start_day_of_week,
    )
