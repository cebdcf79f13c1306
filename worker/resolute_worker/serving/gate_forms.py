"""The form of a gate as HTML, and what a browser sends of it as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from html import escape
from typing import Any, Final, cast

from resolute.plan.shapes import Shape
from resolute.plan.values import Json, JsonObject

FIELD: Final = "field:"
"""How the names of the form's own fields begin, in what a browser sends."""


def fields_of(schema: JsonObject) -> list[tuple[str, Shape]]:
    """The fields of a form, in the order of its model."""
    shape = Shape(cast("Mapping[str, Any]", schema), cast("Mapping[str, Any]", schema.get("$defs", {})))
    names = cast("Sequence[str]", schema.get("propertyOrder") or list(cast("JsonObject", schema.get("properties", {}))))
    return [(name, shape.at(name) or Shape()) for name in names]


def filled_in(schema: JsonObject, sent: Mapping[str, str]) -> dict[str, Json]:
    """What a person filled in. A field that was left empty is left out; what cannot be read stays text."""
    found: dict[str, Json] = {}
    for name, shape in fields_of(schema):
        text = sent.get(FIELD + name)
        kinds = shape.kinds
        if kinds == frozenset({"bool"}):
            found[name] = text is not None
        elif text is not None and text.strip():
            found[name] = _read(text, kinds)
        elif text is not None and "null" in kinds and name in cast("Sequence[str]", schema.get("required", ())):
            found[name] = None
    return found


def _read(text: str, kinds: frozenset[str]) -> Json:
    if kinds and "text" in kinds:
        return text
    with suppress(ValueError, RecursionError):
        value: Json = json.loads(text, parse_constant=_no_number)
        return value
    return text


def _no_number(_: str) -> None:
    raise ValueError


def rows(schema: JsonObject, sent: Mapping[str, str], mistakes: Mapping[str, str]) -> Iterator[str]:
    """A row of HTML for each field, with what was sent before and what was wrong with it."""
    required = cast("Sequence[str]", schema.get("required", ()))
    for name, shape in fields_of(schema):
        outer = cast("Mapping[str, Any]", cast("Mapping[str, Any]", schema["properties"])[name])
        label = escape(str(outer.get("title") or name)) + (" *" if name in required else "")
        hint = escape(str(outer.get("description") or ""))
        wrong = "; ".join(said for place, said in mistakes.items() if _top(place) == name)
        yield (
            f"<label>{label}{_control(name, shape, outer, sent)}</label>"
            + (f'<p class="hint">{hint}</p>' if hint else "")
            + (f'<p class="wrong">{escape(name)} {escape(wrong)}</p>' if wrong else "")
        )


def _top(place: str) -> str:
    return place.split(".", 1)[0].split("[", 1)[0]


def _control(name: str, shape: Shape, outer: Mapping[str, Any], sent: Mapping[str, str]) -> str:
    field = escape(FIELD + name, quote=True)
    default = outer.get("default")
    kinds = shape.kinds
    shown = sent.get(FIELD + name)
    if kinds == frozenset({"bool"}):
        ticked = (shown is not None) if sent else default is True
        return f'<input type="checkbox" name="{field}"{" checked" if ticked else ""}>'
    if shown is None:
        shown = "" if default is None else default if isinstance(default, str) else json.dumps(default)
    if choices := shape.values:
        options = "".join(
            f'<option value="{escape(str(each), quote=True)}"{" selected" if str(each) == shown else ""}>'
            f"{escape(str(each))}</option>"
            for each in ["", *choices]
        )
        return f'<select name="{field}">{options}</select>'
    if kinds & {"object", "list"}:
        return f'<textarea name="{field}" rows="4">{escape(shown)}</textarea>'
    return f'<input type="text" name="{field}" value="{escape(shown, quote=True)}" autocomplete="off">'
