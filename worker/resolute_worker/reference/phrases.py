"""Says what a value can be, in plain words for the reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

Schema = Mapping[str, Any]

_FORMATS: Final = {"date-time": "time", "date": "date", "uri": "address"}


def phrase(schema: Schema) -> str:
    """A JSON Schema in a few words.

    >>> phrase({"anyOf": [{"type": "string", "maxLength": 255}, {"type": "null"}]})
    'text of at most 255 characters, or null'
    >>> phrase({"type": "array", "items": {"enum": ["high", "low"]}})
    'list of high or low'
    """
    if "$ref" in schema:
        return name_of(schema)
    members = cast("Sequence[Schema] | None", schema.get("anyOf") or schema.get("oneOf"))
    if members:
        said = list(dict.fromkeys(phrase(each) for each in members))
        return ", or ".join(said)
    if "const" in schema:
        return str(schema["const"])
    if "enum" in schema:
        return _one_of([str(value) for value in schema["enum"]])
    match schema.get("type"):
        case "string":
            return _text(schema)
        case "integer" | "number":
            return _number(schema)
        case "boolean":
            return "true or false"
        case "null":
            return "null"
        case "array":
            return f"list of {phrase(cast('Schema', schema.get('items', {})))}"
        case "object":
            return "object"
        case _:
            return "any JSON"


def without_null(schema: Schema) -> Schema:
    """The same without null, which marks an optional parameter."""
    members = [each for each in cast("Sequence[Schema]", schema.get("anyOf", ())) if each.get("type") != "null"]
    if not members:
        return schema
    return members[0] if len(members) == 1 else {**schema, "anyOf": members}


def name_of(reference: Schema) -> str:
    """The name of what a schema refers to."""
    return str(reference["$ref"]).rsplit("/", 1)[-1]


def _one_of(values: Sequence[str]) -> str:
    return values[0] if len(values) == 1 else f"{', '.join(values[:-1])} or {values[-1]}"


def _text(schema: Schema) -> str:
    if "format" in schema:
        return _FORMATS.get(str(schema["format"]), str(schema["format"]))
    return f"text of at most {schema['maxLength']} characters" if "maxLength" in schema else "text"


def _number(schema: Schema) -> str:
    noun = "whole number" if schema["type"] == "integer" else "number"
    match schema.get("minimum"), schema.get("maximum"):
        case None, None:
            return noun
        case low, None:
            return f"{noun} from {low}"
        case None, high:
            return f"{noun} up to {high}"
        case low, high:
            return f"{noun} from {low} to {high}"
