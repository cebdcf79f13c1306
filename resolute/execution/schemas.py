"""Checks values against a JSON Schema where there is no model: arguments of tools, input of flows that are data."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from itertools import islice
from typing import Any

from pydantic_core import from_json, to_json

from resolute.plan.values import Json

Schema = Mapping[str, Any]


def mistakes_in(schema: Schema, value: Json) -> list[str]:
    """What is wrong with a value, by field, without the value: it may be a secret. At most ten mistakes."""
    # Stops after the first ten: finding all in a large value would take many seconds.
    errors: list[Any] = sorted(islice(_validator(to_json(schema)).iter_errors(value), 10), key=_where)
    return [f"{_where(error)}: {_what(error)}" for error in errors]


@lru_cache(maxsize=256)
def _validator(schema: bytes) -> Any:
    # Loaded with the first input to check: it takes as long to load as the rest of the command line.
    from jsonschema import Draft202012Validator

    return Draft202012Validator(from_json(schema))


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
            return f"has unknown fields: {', '.join(unknown)}"
        case "anyOf" | "oneOf":
            return "has none of the allowed forms"
        case _:
            return f"breaks {error.validator} {wanted!r}"
