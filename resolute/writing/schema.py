"""The JSON Schema of a flow as data: for editors, and for programs that write flows."""

from __future__ import annotations

from typing import Any, Final, cast

from resolute.plan.plan import Plan
from resolute.plan.step import KINDS, STEP_SCHEMA

_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_LEFT_OUT: Final = ("remembers", "memory", "places", "has_returns")


def flow_schema() -> dict[str, Any]:
    """The schema of what `flow_as_data` gives and `flow_from_data` takes."""
    definitions: dict[str, Any] = {}
    kinds: list[dict[str, str]] = []
    for word, kind in sorted(KINDS.items()):
        schema = kind.model_json_schema()
        definitions |= schema.pop("$defs", {})
        schema.pop("title", None)
        schema["required"] = sorted({"kind", *schema.get("required", [])})
        definitions[f"step-{word}"] = schema
        kinds.append({"$ref": f"#/$defs/step-{word}"})
    definitions["Step"] = {"description": "A step of the flow; its kind says which.", "oneOf": kinds}
    whole = Plan.model_json_schema()
    definitions = {**whole.pop("$defs", {}), **definitions}
    for name in _LEFT_OUT:
        whole["properties"].pop(name, None)
    whole |= {"$schema": _DRAFT, "title": "A flow of Resolute", "required": ["name", "triggers", "steps"]}
    return _with_steps({**whole, "$defs": dict(sorted(definitions.items()))})


def _with_steps(schema: Any) -> Any:
    """The schema with every kind of step in the places of steps."""
    match schema:
        case {"title": title} if title == STEP_SCHEMA:
            return {"$ref": "#/$defs/Step"}
        case dict():
            return {key: _with_steps(value) for key, value in cast("dict[str, Any]", schema).items()}
        case list():
            return [_with_steps(value) for value in cast("list[Any]", schema)]
        case _:
            return schema
