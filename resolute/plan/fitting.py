"""Whether a value still fits a type, as far as the type's JSON Schema tells.

Asked of what a flow remembers, whose author may have changed the model since. It leans to "yes": formats, patterns,
bounds and unknown fields are left to whoever reads the value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from resolute.plan.shapes import Schema, Shape, compatible, kind_of
from resolute.plan.values import Json


def fits(value: Json, shape: Shape) -> bool:
    """Whether a value can be one of the type.

    >>> fits({"status": "ok"}, Shape({"type": "object", "required": ["status"]}))
    True
    >>> fits("12", Shape({"type": "integer"}))
    False
    """
    return shape.is_any or any(_fits_one(value, one) for one in shape.alternatives)


def standalone(shape: Shape) -> Schema:
    """The shape as one JSON Schema with every definition that it refers to, and no other."""
    names = dict.fromkeys(_references(shape.schema))
    waiting = list(names)
    while waiting:
        inner = [name for name in _references(shape.definitions.get(waiting.pop(), {})) if name not in names]
        names.update(dict.fromkeys(inner))
        waiting += inner
    schema = {key: value for key, value in shape.schema.items() if key != "$defs"}
    definitions = {name: shape.definitions[name] for name in sorted(names) if name in shape.definitions}
    return {**schema, "$defs": definitions} if definitions else schema


def _fits_one(value: Json, shape: Shape) -> bool:
    schema, kind = shape.schema, kind_of(value)
    allowed = [schema["const"]] if "const" in schema else schema.get("enum")
    if allowed is not None:
        return any(kind == kind_of(one) and value == one for one in allowed)
    kinds = shape.kinds
    if kinds and not compatible(frozenset({kind}), kinds):
        return False
    if isinstance(value, Mapping):
        return all(name in value for name in schema.get("required", ())) and all(
            fits(item, shape.at(name) or Shape()) for name, item in value.items()
        )
    if isinstance(value, (list, tuple)):
        return all(fits(item, shape.at(index) or Shape()) for index, item in enumerate(value))
    return True


def _references(schema: object) -> Iterator[str]:
    match schema:
        case Mapping():
            for key, value in cast("Mapping[str, Any]", schema).items():
                if key == "$ref" and isinstance(value, str):
                    yield value.rsplit("/", 1)[-1]
                elif key != "$defs":
                    yield from _references(value)
        case list():
            for item in cast("list[object]", schema):
                yield from _references(item)
        case _:
            return
