"""Whether a value still fits a type, as far as the type's JSON Schema tells.

Asked of what a flow remembers, whose author may have changed the model since. It leans to "yes": formats, patterns,
bounds and unknown fields are left to whoever reads the value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from resolute.plan.shapes import Schema, Shape, compatible, kind_of, spoken
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


def misfit(value: Json, shape: Shape, place: str) -> str:
    """Why a value does not fit a type, by the first part that does not; empty where it fits. Values are not shown.

    >>> misfit({"version": 1}, Shape({"type": "object", "properties": {"version": {"type": "string"}}}), "event")
    'event.version is an int, not text'
    """
    if fits(value, shape):
        return ""
    found = [one for one in shape.alternatives if kind_of(value) in one.kinds]
    if len(found) != 1:
        wanted = f", not {spoken(shape.kinds)}" if kind_of(value) not in shape.kinds else " of no known form"
        return f"{place} is {spoken(frozenset({kind_of(value)}))}{wanted}"
    (one,) = found
    if isinstance(value, Mapping):
        missing = next((name for name in one.schema.get("required", ()) if name not in value), None)
        if missing is not None:
            return f"{place}.{missing} is missing"
        parts = ((f"{place}.{name}", item, one.at(name)) for name, item in value.items())
    elif isinstance(value, (list, tuple)):
        parts = ((f"{place}[{index}]", item, one.at(index)) for index, item in enumerate(value))
    else:
        return f"{place} is none of the values that it may be"
    return next((why for where, item, inner in parts if (why := misfit(item, inner or Shape(), where))), place)


def with_defaults(value: Json, shape: Shape) -> Json:
    """A value that fits a type, with the fields that it leaves out and whose defaults the type names."""
    one = next((one for one in shape.alternatives if _fits_one(value, one)), Shape())
    if isinstance(value, Mapping):
        properties = cast("Mapping[str, Schema]", one.schema.get("properties", {}))
        left_out = {name: field["default"] for name, field in properties.items() if "default" in field}
        given = {name: with_defaults(item, one.at(name) or Shape()) for name, item in value.items()}
        return {**{name: default for name, default in left_out.items() if name not in given}, **given}
    if isinstance(value, (list, tuple)):
        return [with_defaults(item, one.at(index) or Shape()) for index, item in enumerate(value)]
    return value
