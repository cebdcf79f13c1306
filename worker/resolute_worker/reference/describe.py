"""A node as its reference shows it."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from resolute.plan.policies import Effect, Policy
from resolute.plan.provider import NodeDefinition
from resolute.plan.shapes import Shape, shape_of_type
from resolute_worker.reference.docstrings import Docstring, docstring_of
from resolute_worker.reference.phrases import phrase, without_null

EFFECTS: Final[Mapping[Effect, str]] = {
    "pure": "pure: it only computes",
    "read": "read: it changes nothing",
    "write": "write: it may change something",
}
"""What a node does to the world, for people."""

FACTS: Final = {
    "operation": "Sends",
    "grant": "Grant",
    "scope": "OAuth scope",
    "from": "From",
    "rate_limit": "Rate limit",
    "repeat": "Safe to repeat",
    "remains": "Remaining risk",
    "page": "Official page",
}
"""The facts that a provider may give about a node, each with its label."""


@dataclass(frozen=True)
class Field:
    """A parameter, or a field of a value. `default` is None if it is required."""

    name: str
    kind: str
    meaning: str = ""
    default: str | None = None


@dataclass(frozen=True)
class Value:
    """A kind of object that nodes take or return."""

    name: str
    meaning: str
    fields: tuple[Field, ...]
    source: str = ""


@dataclass(frozen=True)
class NodeReference:
    """What the reference says about a node.

    Attributes:
        name: Temporal's activity type, such as `pagerduty.TriggerEvent`.
        call: what authors write, such as `trigger_event`.
        topic: the topic of its module.
        facts: the provider's facts by their labels.
        values: the objects among its input and output, by name.
    """

    name: str
    call: str
    topic: str
    docstring: Docstring
    input: tuple[Field, ...]
    input_schema: Mapping[str, Any]
    output: str
    output_schema: Mapping[str, Any]
    values: Mapping[str, Value]
    facts: Mapping[str, str]
    policy: Policy
    effect: Effect

    def paths(self, *, deep: int = 2) -> list[tuple[str, Field]]:
        """The fields of the output and of the objects in it, down to the depth `deep`, by their dotted paths."""
        return list(self._paths(self.output, "", deep))

    def _paths(self, name: str, before: str, deep: int) -> Iterator[tuple[str, Field]]:
        value = self.values.get(name)
        for field in value.fields if value and deep else ():
            yield f"{before}{field.name}", field
            kind = field.kind.removesuffix(", or null")
            inner = kind.removeprefix("list of ")
            yield from self._paths(inner, f"{before}{field.name}{'' if kind == inner else '[]'}.", deep - 1)

    @property
    def tries(self) -> str:
        """How it is retried unless the author says otherwise."""
        policy = self.policy
        limits = [f"up to {policy.retry.attempts} times"] if policy.retry.attempts else ["until it is done"]
        limits += [f"for {_length(policy.within)} at most"] if policy.within else []
        return f"{', '.join(limits)}; {_length(policy.timeout)} each time"

    @property
    def said(self) -> Mapping[str, str]:
        """All that is to be known of it, by label: its effect, the provider's facts, and how it is tried."""
        return {"Effect": EFFECTS[self.effect], **self.facts, "Tried": self.tries}

    @property
    def operations(self) -> Sequence[str]:
        """The requests that it sends, as `METHOD path`: its main one first, then those that help."""
        return [each for each in self.facts.get(FACTS["operation"], "").split(", ") if each]


def describe(definition: NodeDefinition) -> NodeReference:
    """The reference of a node, from its signature, its types and its docstring."""
    docstring = docstring_of(definition.function)
    shapes = {name: shape_of_type(definition.types[name], "validation") for name in definition.parameters}
    output = shape_of_type(definition.result_type, "serialization")
    values = {value.name: value for shape in (output, *shapes.values()) for value in _values(shape)}
    return NodeReference(
        name=definition.name,
        call=definition.function.__name__,
        topic=_topic(definition),
        docstring=docstring,
        input=tuple(
            Field(
                name,
                _said(shapes[name].schema, definition.is_secret(name), parameter),
                docstring.arguments.get(name, ""),
                _default(parameter),
            )
            for name, parameter in definition.parameters.items()
        ),
        input_schema=input_schema(definition),
        output=_title(output),
        output_schema=output.schema,
        values=values,
        facts={said: definition.facts[name] for name, said in FACTS.items() if name in definition.facts},
        policy=definition.policy,
        effect=definition.effect,
    )


def input_schema(definition: NodeDefinition) -> dict[str, Any]:
    """The JSON Schema of a node's arguments as one object."""
    meanings = docstring_of(definition.function).arguments
    properties: dict[str, Any] = {}
    definitions: dict[str, Any] = {}
    for name, parameter in definition.parameters.items():
        shape = shape_of_type(definition.types[name], "validation")
        schema = {key: value for key, value in shape.schema.items() if key != "$defs"}
        definitions |= shape.definitions
        if meanings.get(name):
            schema["description"] = meanings[name]
        if parameter.default is not parameter.empty and parameter.default is not None:
            schema["default"] = parameter.default
        properties[name] = schema
    required = [name for name, each in definition.parameters.items() if each.default is each.empty]
    schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return {**schema, "$defs": definitions} if definitions else schema


def _said(schema: Mapping[str, Any], secret: bool, parameter: inspect.Parameter) -> str:
    if secret:
        return 'secret("NAME")'
    return phrase(without_null(schema) if parameter.default is None else schema)


def _default(parameter: inspect.Parameter) -> str | None:
    if parameter.default is parameter.empty:
        return None
    return "" if parameter.default is None else repr(parameter.default)


def _title(shape: Shape) -> str:
    return str(shape.schema.get("title") or phrase(shape.schema))


def _topic(definition: NodeDefinition) -> str:
    module = sys.modules.get(definition.function.__module__)
    return docstring_of(module).summary.rstrip(".")


def _length(seconds: float) -> str:
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= size and not seconds % size:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"


def _values(shape: Shape) -> Iterator[Value]:
    """The objects with named fields in a shape, outermost first."""
    named = {str(shape.schema.get("title", "")): shape.schema, **shape.definitions}
    for name, schema in named.items():
        if name and "properties" in schema:
            yield _value(name, cast("Mapping[str, Any]", schema))


def _value(name: str, schema: Mapping[str, Any]) -> Value:
    # A description in a schema is the whole docstring of its model.
    said = docstring_of(_Described(str(schema.get("description", ""))))
    required: Sequence[str] = schema.get("required", ())
    fields = tuple(
        Field(each, phrase(field), said.attributes.get(each, ""), None if each in required else "")
        for each, field in cast("Mapping[str, Mapping[str, Any]]", schema["properties"]).items()
    )
    meaning = f"{said.summary} {' '.join(said.body.split())}".strip()
    return Value(name, meaning, fields, said.source)


class _Described:
    """Something with a docstring."""

    def __init__(self, text: str) -> None:
        self.__doc__ = text
