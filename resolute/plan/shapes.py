"""The shape of a value as far as its type tells: which fields it has, which kinds of JSON it can be.

Shapes are JSON Schemas as pydantic writes them, so they know models, dataclasses, typed dicts and containers alike.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, Literal, cast

from pydantic import TypeAdapter
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError, PydanticUserError

Schema = Mapping[str, Any]

_KINDS: Final[Mapping[str, frozenset[str]]] = {
    "string": frozenset({"text"}),
    "integer": frozenset({"int"}),
    "number": frozenset({"number"}),
    "boolean": frozenset({"bool"}),
    "null": frozenset({"null"}),
    "array": frozenset({"list"}),
    "object": frozenset({"object"}),
}
_ARTICLES: Final = {"int": "an int", "object": "an object", "text": "text", "null": "null"}


@dataclass(frozen=True)
class Shape:
    """What is known of a value's type. An empty schema is a value of any type."""

    schema: Schema = field(default_factory=dict[str, Any])
    definitions: Schema = field(default_factory=dict[str, Any])

    @property
    def alternatives(self) -> list[Shape]:
        """The members of a union, references followed; a shape that is no union is its own only member."""
        schema = self.schema
        if "$ref" in schema:
            name = str(schema["$ref"]).rsplit("/", 1)[-1]
            return Shape(self.definitions.get(name, {}), self.definitions).alternatives
        members = cast("list[Schema] | None", schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf"))
        if members:
            return [inner for member in members for inner in Shape(member, self.definitions).alternatives]
        return [self]

    @property
    def is_any(self) -> bool:
        """Whether nothing is known of the type."""
        return any(not ({"type", "enum", "const", "properties"} & set(shape.schema)) for shape in self.alternatives)

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of JSON that the value can be; empty where nothing is known."""
        if self.is_any:
            return frozenset()
        found: set[str] = set()
        for shape in self.alternatives:
            kind = shape.schema.get("type")
            if kind is None and "properties" in shape.schema:
                kind = "object"
            values = [shape.schema["const"]] if "const" in shape.schema else shape.schema.get("enum", [])
            found |= _KINDS.get(str(kind), frozenset()) if kind else {kind_of(value) for value in values}
        return frozenset(found)

    @property
    def values(self) -> list[object] | None:
        """Every value that the type allows, where it names them (`Literal`, an enum); else None."""
        found: list[object] = []
        for shape in self.alternatives:
            if "const" in shape.schema:
                found.append(shape.schema["const"])
            elif "enum" in shape.schema:
                found.extend(shape.schema["enum"])
            elif shape.schema.get("type") != "null":
                return None
        return found

    @property
    def title(self) -> str:
        """What the type is called, for messages."""
        names = [str(shape.schema.get("title") or shape.schema.get("type", "value")) for shape in self.alternatives]
        return " | ".join(name for name in names if name != "null")

    @property
    def fields(self) -> list[str]:
        """The names of the fields that are known."""
        return [name for shape in self.alternatives for name in shape.schema.get("properties", {})]

    @property
    def item(self) -> Shape | None:
        """The shape of any item of a list; None where the type is no list."""
        found: list[Schema] = []
        for shape in self.alternatives:
            if not shape.schema or shape.is_any:
                return Shape()
            if shape.schema.get("type") == "array":
                found += cast("list[Schema]", shape.schema.get("prefixItems", []))
                if "items" in shape.schema or not shape.schema.get("prefixItems"):
                    items = shape.schema.get("items", {})
                    found += [cast("Schema", items)] if isinstance(items, Mapping) else []
        if not found:
            return None
        return Shape(found[0] if len(found) == 1 else {"anyOf": found}, self.definitions)

    def at(self, key: str | int) -> Shape | None:
        """The shape of a field or item; None where the type has no such field."""
        found: list[Schema] = []
        for shape in self.alternatives:
            schema = shape.schema
            if not schema or shape.is_any:
                return Shape()
            if isinstance(key, int):
                if schema.get("type") == "array":
                    prefix = cast("list[Schema]", schema.get("prefixItems", []))
                    if 0 <= key < len(prefix):
                        found.append(prefix[key])
                    elif schema.get("maxItems") != len(prefix) or not prefix:
                        found.append(cast("Schema", schema.get("items", {})))
            elif key in schema.get("properties", {}):
                found.append(schema["properties"][key])
            elif schema.get("additionalProperties") or (
                schema.get("type") == "object" and "properties" not in schema and "additionalProperties" not in schema
            ):
                extra = schema.get("additionalProperties", {})
                found.append(cast("Schema", extra) if isinstance(extra, Mapping) else {})
        if not found:
            return None
        return Shape(found[0] if len(found) == 1 else {"anyOf": found}, self.definitions)


ANY: Final = Shape()
TEXT: Final = Shape({"type": "string"})
BOOL: Final = Shape({"type": "boolean"})
TIME: Final = Shape({"type": "string", "format": "date-time"})
ENVIRONMENT: Final[Mapping[str, Shape]] = {
    "text": TEXT,
    "int": Shape({"type": "integer"}),
    "number": Shape({"type": "number"}),
    "bool": BOOL,
}


class Described:
    """In place of a type, where only its JSON Schema is known: the types of a flow that is data."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema

    def __or__(self, other: None) -> Described:
        """The same or null."""
        definitions = self.schema.get("$defs", {})
        own = {key: value for key, value in self.schema.items() if key != "$defs"}
        return Described({"anyOf": [own, {"type": "null"}], "$defs": definitions})


def shape_of_type(annotation: Any, mode: Literal["validation", "serialization"]) -> Shape:
    """The shape of a type, as a parameter takes it (`validation`) or a result has it (`serialization`)."""
    try:
        return _cached_shape(annotation, mode)
    except TypeError:  # an annotation that cannot be hashed
        return _shape(annotation, mode)


def _shape(annotation: Any, mode: Literal["validation", "serialization"]) -> Shape:
    if annotation is Any or annotation is object:
        return ANY
    if isinstance(annotation, Described):
        return Shape(annotation.schema, annotation.schema.get("$defs", {}))
    try:
        schema = TypeAdapter(annotation).json_schema(mode=mode, by_alias=False)
    except (PydanticInvalidForJsonSchema, PydanticSchemaGenerationError, PydanticUserError):
        return ANY
    return Shape(schema, schema.get("$defs", {}))


_cached_shape = lru_cache(maxsize=2048)(_shape)


_FOR_PEOPLE: Final = frozenset({"title", "description", "examples", "default"})
_BY_NAME: Final = frozenset({"properties", "$defs", "patternProperties"})


def plain_schema(schema: Any, *, named: bool = False) -> Any:
    """A JSON Schema without what changes no value's fit: titles, descriptions, examples, the values of defaults."""
    match schema:
        case Mapping():
            return {
                key: plain_schema(value, named=not named and key in _BY_NAME)
                for key, value in cast("Schema", schema).items()
                if named or key not in _FOR_PEOPLE
            }
        case list() | tuple():
            return [plain_schema(each) for each in cast("list[Any]", schema)]
        case _:
            return schema


def object_shape(title: str, fields: Mapping[str, Shape]) -> Shape:
    """The shape of an object with exactly these fields; models of one name in different fields stay apart."""
    definitions = {
        f"{field}:{name}": _renamed(schema, field)
        for field, shape in fields.items()
        for name, schema in shape.definitions.items()
    }
    properties = {field: _renamed(shape.schema, field) for field, shape in fields.items()}
    schema = {"type": "object", "title": title, "properties": properties, "additionalProperties": False}
    return Shape(schema, definitions)


def _renamed(schema: Any, field: str) -> Any:
    """A schema whose definitions begin with the name of the field that they are of."""
    if isinstance(schema, Mapping):
        return {
            key: f"#/$defs/{field}:{str(value).rsplit('/', 1)[-1]}" if key == "$ref" else _renamed(value, field)
            for key, value in cast("Schema", schema).items()
        }
    return [_renamed(each, field) for each in cast("list[Any]", schema)] if isinstance(schema, list) else schema


def list_of(item: Shape) -> Shape:
    """The shape of a list of such items."""
    return Shape({"type": "array", "items": item.schema}, item.definitions)


def shape_of_value(value: object) -> Shape:
    """The shape of one value: what is there is known by its kind, and of what is not there nothing is said."""
    match value:
        case Mapping():
            held = cast("Mapping[str, object]", value)
            fields = {key: shape_of_value(item).schema for key, item in held.items()}
            return Shape({"type": "object", "properties": fields, "additionalProperties": True})
        case list() | tuple():
            items = [shape_of_value(item).schema for item in cast("list[object]", value)]
            return Shape({"type": "array", "prefixItems": items})
        case None:
            return ANY  # a part of what is null is null as well
        case _:
            return Shape({"const": value})


def or_null(shape: Shape) -> Shape:
    """The shape of a value that may be missing."""
    return shape if shape.is_any else Shape({"anyOf": [shape.schema, {"type": "null"}]}, shape.definitions)


def kind_of(value: object) -> str:
    """The kind of a JSON value."""
    match value:
        case None:
            return "null"
        case bool():
            return "bool"
        case int():
            return "int"
        case float():
            return "number"
        case str():
            return "text"
        case Mapping():
            return "object"
        case _:
            return "list"


def compatible(source: frozenset[str], target: frozenset[str]) -> bool:
    """Whether a value of the source's kinds can be one of the target's; an empty set is any kind."""
    if not source or not target:
        return True
    return bool(source & (target | ({"int"} if "number" in target else frozenset())))


def spoken(kinds: frozenset[str]) -> str:
    """Kinds as a person says them: `an int`, `a list or null`."""
    return " or ".join(
        _ARTICLES.get(kind, f"a {kind}") for kind in sorted(kinds, key=lambda kind: (kind == "null", kind))
    )


def did_you_mean(word: object, known: list[str]) -> str:
    """A hint that names the nearest known word, or lists what is known."""
    close = difflib.get_close_matches(str(word), known, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known: {', '.join(sorted(known)[:8])}" if known else ""
