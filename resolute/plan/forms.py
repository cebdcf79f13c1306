"""Checks what a person filled in against a form's JSON Schema, field by field.

A run does it itself, in the workflow: the model is the author's code, which runs on workers only. So the check knows
what JSON Schema says, and nothing of the validators that a model has beyond it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, time
from typing import Any, Final, TypeAlias, cast
from uuid import UUID

from resolute.plan.errors import ExpressionError
from resolute.plan.patterns import check_pattern, is_found
from resolute.plan.shapes import Schema, Shape, kind_of, spoken
from resolute.plan.times import duration_of, time_of
from resolute.plan.values import Json

Mistake: TypeAlias = tuple[str, str]
"""A field, as `hosts[0].name`, and what is wrong with it; an empty field means the form as a whole."""

MOST: Final = 20
"""Mistakes of one form that are told."""

CHECKED: Final = frozenset(
    {
        "$ref", "$defs", "type", "enum", "const", "properties", "required", "additionalProperties", "items",
        "prefixItems", "minItems", "maxItems", "uniqueItems", "minimum", "maximum", "exclusiveMinimum",
        "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "pattern", "format", "anyOf", "oneOf", "allOf",
        "discriminator",
    }
)  # fmt: skip
"""What of JSON Schema is checked."""

_SAID_ONLY: Final = frozenset(
    {"title", "description", "default", "examples", "deprecated", "readOnly", "$comment", "propertyOrder"}
)
_FORMATS: Final[Mapping[str, str]] = {
    "date-time": "a time in ISO 8601, such as 2026-01-31T12:00:00Z",
    "date": "a day, such as 2026-01-31",
    "time": "a time of day, such as 12:30",
    "duration": "a duration in ISO 8601, such as PT15M",
    "uuid": "a UUID",
}


def filled(value: Json, schema: Schema) -> Json:
    """A form with the defaults of the fields that were left out."""
    return _filled(value, Shape(schema, schema.get("$defs", {})))


def form_mistakes(value: Json, schema: Schema) -> list[Mistake]:
    """What is wrong with a form that has been filled in, at most `MOST` of it.

    >>> form_mistakes({"region": 7}, {"type": "object", "properties": {"region": {"type": "string"}}})
    [('region', 'is an int, not text')]
    """
    found: list[Mistake] = []
    for mistake in _mistakes(value, Shape(schema, schema.get("$defs", {})), ""):
        found.append(mistake)
        if len(found) == MOST:
            break
    return found


def unknown_words(schema: Schema) -> list[str]:
    """What a form's schema says that is not checked: such a form would take what its model refuses."""
    return sorted(dict.fromkeys(_unknown(schema)))


def _unknown(schema: Schema) -> Iterator[str]:
    for word, inner in schema.items():
        if word not in CHECKED and word not in _SAID_ONLY:
            yield word
        match word:
            case "properties" | "$defs":
                for each in cast("Mapping[str, Schema]", inner).values():
                    yield from _unknown(each)
            case "items" | "additionalProperties" if isinstance(inner, Mapping):
                yield from _unknown(cast("Schema", inner))
            case "anyOf" | "oneOf" | "allOf" | "prefixItems":
                for each in cast("Sequence[Schema]", inner):
                    yield from _unknown(each)
            case "pattern":
                try:
                    check_pattern(str(inner))
                except ExpressionError:
                    yield f"pattern {inner!r}"
            case _:
                pass


def _filled(value: Json, shape: Shape) -> Json:
    alternatives = shape.alternatives
    if isinstance(value, Mapping):
        objects = [each for each in alternatives if "properties" in each.schema]
        if len(objects) != 1:
            return value
        properties = cast("Mapping[str, Schema]", objects[0].schema["properties"])
        given = {name: _filled(item, objects[0].at(name) or Shape()) for name, item in value.items()}
        defaults = {name: field["default"] for name, field in properties.items() if "default" in field}
        return {**{name: cast("Json", item) for name, item in defaults.items() if name not in given}, **given}
    if isinstance(value, (list, tuple)):
        return [_filled(item, shape.at(index) or Shape()) for index, item in enumerate(value)]
    return value


def _mistakes(value: Json, shape: Shape, place: str) -> Iterator[Mistake]:
    alternatives = shape.alternatives
    if len(alternatives) == 1:
        yield from _mistakes_in_one(value, alternatives[0], place)
        return
    tried = [list(_mistakes_in_one(value, each, place)) for each in alternatives]
    if all(tried):
        # Of several types the one that the value looks like says what is wrong with it.
        alike = [found for found, each in zip(tried, alternatives, strict=True) if _is_kind(value, each)]
        if alike:
            yield from min(alike, key=len)
        else:
            yield place, f"is {spoken(frozenset({kind_of(value)}))}, not {spoken(shape.kinds)}"


def _is_kind(value: Json, shape: Shape) -> bool:
    kinds, kind = shape.kinds, kind_of(value)
    return not kinds or kind in kinds or (kind == "int" and "number" in kinds) or _is_whole(value, kinds)


def _is_whole(value: Json, kinds: frozenset[str]) -> bool:
    return "int" in kinds and isinstance(value, float) and value.is_integer()


def _mistakes_in_one(value: Json, shape: Shape, place: str) -> Iterator[Mistake]:
    schema = shape.schema
    if "const" in schema or "enum" in schema:
        allowed = cast("list[Json]", [schema["const"]] if "const" in schema else schema["enum"])
        if not any(kind_of(value) == kind_of(one) and value == one for one in allowed):
            yield place, f"is none of {', '.join(map(str, allowed))}"
        return
    if not _is_kind(value, shape):
        yield place, f"is {spoken(frozenset({kind_of(value)}))}, not {spoken(shape.kinds)}"
        return
    match value:
        case Mapping():
            yield from _mistakes_in_object(value, shape, place)
        case str():
            yield from ((place, said) for said in _mistakes_in_text(value, schema))
        case bool() | None:
            return
        case int() | float():
            yield from ((place, said) for said in _mistakes_in_number(value, schema))
        case _:
            yield from _mistakes_in_list(value, shape, place)


def _mistakes_in_object(value: Mapping[str, Json], shape: Shape, place: str) -> Iterator[Mistake]:
    schema = shape.schema
    for name in cast("Sequence[str]", schema.get("required", ())):
        if name not in value:
            yield _inside(place, name), "is missing"
    for name, item in sorted(value.items()):  # a run is not told in which order they were filled in
        inner = shape.at(name)
        if inner is None or (name not in schema.get("properties", {}) and schema.get("additionalProperties") is False):
            yield _inside(place, name), "is no field of the form"
        else:
            yield from _mistakes(item, inner, _inside(place, name))


def _mistakes_in_list(value: Sequence[Json], shape: Shape, place: str) -> Iterator[Mistake]:
    schema = shape.schema
    if len(value) < schema.get("minItems", 0):
        yield place, f"has {len(value)} items, {schema['minItems']} is the least"
    if len(value) > schema.get("maxItems", len(value)):
        yield place, f"has {len(value)} items, {schema['maxItems']} is the most"
    if schema.get("uniqueItems") and any(item in value[:index] for index, item in enumerate(value)):
        yield place, "holds an item twice"
    for index, item in enumerate(value):
        yield from _mistakes(item, shape.at(index) or Shape(), f"{place}[{index}]")


def _mistakes_in_number(value: float, schema: Schema) -> Iterator[str]:
    if "minimum" in schema and value < schema["minimum"]:
        yield f"is {value:g}, {schema['minimum']} is the least"
    if "maximum" in schema and value > schema["maximum"]:
        yield f"is {value:g}, {schema['maximum']} is the most"
    if "exclusiveMinimum" in schema and value <= schema["exclusiveMinimum"]:
        yield f"is {value:g}, and must be more than {schema['exclusiveMinimum']}"
    if "exclusiveMaximum" in schema and value >= schema["exclusiveMaximum"]:
        yield f"is {value:g}, and must be less than {schema['exclusiveMaximum']}"
    if "multipleOf" in schema and value % schema["multipleOf"] != 0:
        yield f"is {value:g}, which is no multiple of {schema['multipleOf']}"


def _mistakes_in_text(value: str, schema: Schema) -> Iterator[str]:
    if len(value) < schema.get("minLength", 0):
        yield "is empty" if not value else f"has {len(value)} characters, {schema['minLength']} is the least"
    if len(value) > schema.get("maxLength", len(value)):
        yield f"has {len(value)} characters, {schema['maxLength']} is the most"
    if "pattern" in schema and not is_found(str(schema["pattern"]), value):
        yield f"does not match {schema['pattern']}"
    form = str(schema.get("format", ""))
    if form in _FORMATS and not _has_format(value, form):
        yield f"is not {_FORMATS[form]}"


def _has_format(value: str, form: str) -> bool:
    try:
        match form:
            case "date-time":
                return time_of(value) is not None
            case "date":
                return bool(re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII)) and bool(date.fromisoformat(value))
            case "time":
                time.fromisoformat(value)
            case "uuid":
                UUID(value)
            case _:
                return duration_of(value) is not None
    except ValueError:
        return False
    return True


def _inside(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def secret_fields(schema: Schema) -> list[str]:
    """The fields that hold secrets, which a form may not: what is filled in is recorded."""
    defined = cast("Mapping[str, Any]", schema.get("$defs", {}))
    objects = [schema, *cast("list[Schema]", list(defined.values()))]
    return [
        name
        for each in objects
        for name, field in cast("Mapping[str, Schema]", each.get("properties", {})).items()
        if any(one.schema.get("format") == "password" or one.schema.get("writeOnly") for one in
               Shape(field, defined).alternatives)
    ]  # fmt: skip
