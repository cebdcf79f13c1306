"""Checks a run's input against the JSON Schema in its flow's trigger, which is all that a plan knows of the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from resolute.plan.errors import InvalidInputError
from resolute.plan.values import Json

Schema = Mapping[str, Any]


def checked_input(flow: str, schema: Schema | None, value: Json) -> Json:
    """The input with the model's defaults filled in.

    Raises:
        InvalidInputError: the input is not what the flow wants; names every field, and no value.
    """
    if schema is None:
        return value
    filled = _with_defaults(schema, value, schema.get("$defs", {}))
    if mistakes := mistakes_in(schema, filled):
        raise InvalidInputError(f"the input of flow {flow!r} does not fit: {'; '.join(mistakes)}")
    return filled


def mistakes_in(schema: Schema, value: Json) -> list[str]:
    """What is wrong with a value, by field, and without the value: it may be a secret. At most ten mistakes."""
    # Loaded with the first input that has to be checked: it costs as much as the rest of the command line.
    from jsonschema import Draft202012Validator

    validator: Any = Draft202012Validator(schema)
    errors: list[Any] = sorted(validator.iter_errors(value), key=_where)
    return [f"{_where(error)}: {_what(error)}" for error in errors[:10]]


def _where(error: Any) -> str:
    return ".".join(str(part) for part in error.absolute_path) or "input"


def _what(error: Any) -> str:
    """What is wrong, without the value: it may be a secret."""
    wanted = error.validator_value
    match error.validator:
        case "required":
            missing = [name for name in wanted if name not in error.instance]
            return f"is missing {', '.join(missing)}"
        case "type":
            return f"is not of type {wanted if isinstance(wanted, str) else ' or '.join(wanted)}"
        case "enum":
            return f"is none of {', '.join(map(repr, wanted))}"
        case "const":
            return f"is not {wanted!r}"
        case "additionalProperties":
            unknown = sorted(set(error.instance) - set(error.schema.get("properties", {})))
            return f"has fields that are not known: {', '.join(unknown)}"
        case "anyOf" | "oneOf":
            return "has none of the allowed forms"
        case _:
            return f"breaks {error.validator} {wanted!r}"


def _with_defaults(schema: Schema, value: Json, definitions: Schema) -> Json:
    if "$ref" in schema:
        name = str(schema["$ref"]).rsplit("/", 1)[-1]
        return _with_defaults(definitions.get(name, {}), value, definitions)
    if isinstance(value, Mapping) and "properties" in schema:
        filled = dict(value)
        for name, field in cast("Mapping[str, Schema]", schema["properties"]).items():
            if name in filled:
                filled[name] = _with_defaults(field, filled[name], definitions)
            elif "default" in field:
                filled[name] = cast("Json", field["default"])
        return filled
    if isinstance(value, (list, tuple)) and isinstance(schema.get("items"), Mapping):
        return [_with_defaults(schema["items"], item, definitions) for item in value]
    return value
