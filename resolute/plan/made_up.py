"""Values that nothing in the world stands behind: what a dry run goes on with in place of the output of a write."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, cast

from resolute.plan.shapes import Shape
from resolute.plan.values import Json

MADE_UP: Final = "made-up-by-a-dry-run"
"""The text that stands in made-up values, so that whoever meets it knows, and nobody is asked for it."""

_DEEPEST: Final = 12

_TEXTS: Final[Mapping[str, str]] = {
    "uri": f"https://{MADE_UP}.invalid/",
    "email": f"{MADE_UP}@example.invalid",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "duration": "PT0S",
    "time": "00:00:00Z",
}


def made_up(shape: Shape, now: datetime, deep: int = 0) -> Json:
    """The simplest value of a type: required fields and defaults; null where nothing is known, or nothing fits simply.

    A truth is true, a number as small as it may be, a list empty, a time now, a choice its first one, and text is
    `MADE_UP`.

    >>> from datetime import UTC
    >>> made_up(Shape({"type": "object", "properties": {"id": {"type": "string"}}}), datetime(2026, 1, 1, tzinfo=UTC))
    {'id': 'made-up-by-a-dry-run'}
    """
    if deep > _DEEPEST or shape.is_any:
        return None
    first = next((each for each in shape.alternatives if each.schema.get("type") != "null"), None)
    if first is None:
        return None
    schema = first.schema
    if "const" in schema:
        return cast("Json", schema["const"])
    if schema.get("enum"):
        return cast("Json", schema["enum"][0])
    match schema.get("type"):
        case "boolean":
            return True
        case "integer":
            return math.floor(_smallest(schema, 1))
        case "number":
            return float(_smallest(schema, 0.5))
        case "string":
            return _text(schema, now)
        case "array":
            return _items(first, now, deep)
        case _:
            return _fields(first, now, deep)


def is_made_up(value: Json) -> bool:
    """Whether something in a value was made up by `made_up`, as far as its texts tell."""
    waiting: list[Json] = [value]
    while waiting:
        match waiting.pop():
            case str() as text if MADE_UP in text:
                return True
            case Mapping() as held:
                waiting += [*held.keys(), *held.values()]
            case list() | tuple() as items:
                waiting += items
            case _:
                pass
    return False


def _smallest(schema: Mapping[str, Any], step: float) -> float:
    if "exclusiveMinimum" in schema:
        return float(schema["exclusiveMinimum"]) + step
    lowest = float(schema.get("minimum", 0))
    highest = float(schema.get("maximum", schema.get("exclusiveMaximum", math.inf)))
    return lowest if lowest <= highest else highest - step


def _text(schema: Mapping[str, Any], now: datetime) -> str:
    form = str(schema.get("format", ""))
    if form in ("date-time", "date"):
        return now.isoformat() if form == "date-time" else now.date().isoformat()
    return _TEXTS.get(form, MADE_UP)[: schema.get("maxLength")]


def _items(shape: Shape, now: datetime, deep: int) -> list[Json]:
    first = [Shape(each, shape.definitions) for each in shape.schema.get("prefixItems", [])]
    rest = [shape.item or Shape()] * max(0, int(shape.schema.get("minItems", 0)) - len(first))
    return [made_up(each, now, deep + 1) for each in (*first, *rest)]


def _fields(shape: Shape, now: datetime, deep: int) -> dict[str, Json]:
    fields = cast("Mapping[str, Mapping[str, Any]]", shape.schema.get("properties", {}))
    return {
        name: cast("Json", field["default"])
        if "default" in field
        else made_up(Shape(field, shape.definitions), now, deep + 1)
        for name, field in fields.items()
    }
