"""Checks a node's input and output against what its function declares."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, cast

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from resolute.execution.secrets import Environment
from resolute.plan.errors import InvalidArgumentsError, InvalidResultError, ResultTooLargeError, SecretInResultError
from resolute.plan.limits import PAYLOAD_LIMIT, problem_of, recorded_size
from resolute.plan.provider import NodeDefinition
from resolute.plan.values import Json


def arguments_for(definition: NodeDefinition, arguments: Mapping[str, Json]) -> dict[str, object]:
    """The arguments as the node's parameters declare them: models, times, texts.

    Raises:
        InvalidArgumentsError: they do not fit; the message lists every mistake, but no values.
    """
    values: dict[str, object] = {}
    mistakes: list[str] = []
    for name, value in arguments.items():
        if not takes(definition, name):
            mistakes.append(
                f"{name}: the node has no such parameter, and the run's plan gives it "
                "(it is of another version of the flow: keep the parameter until such runs have ended)"
            )
            continue
        try:
            values[name] = _argument(definition, name, value)
        except ValidationError as error:
            mistakes += _spoken(name, error)
    mistakes += [f"{name}: is missing" for name in required(definition) if name not in arguments]
    if mistakes:
        raise InvalidArgumentsError(f"node {definition.name!r} does not accept its input: {'; '.join(mistakes)}")
    return values


def takes(definition: NodeDefinition, name: str) -> bool:
    """Whether the node has a parameter of that name, or takes any."""
    known = definition.parameters
    return name in known or any(each.kind is each.VAR_KEYWORD for each in known.values())


def required(definition: NodeDefinition) -> list[str]:
    """The parameters that every call has to give."""
    return [
        name
        for name, parameter in definition.parameters.items()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    ]


def mistakes_in_argument(definition: NodeDefinition, name: str, value: Json) -> list[str]:
    """Why the node's parameter would not take a value, without the value; nothing where it would."""
    try:
        _argument(definition, name, value)
    except ValidationError as error:
        return _spoken(name, error)
    return []


def output_of(definition: NodeDefinition, result: object, environment: Environment) -> Json:
    """The result of a node as a run records it.

    Raises:
        InvalidResultError: it is not what the node declares, or has no JSON form.
        SecretInResultError: it contains a secret of the environment.
        ResultTooLargeError: Temporal would not accept it.
    """
    output = _dumped(definition, result)
    if problem := problem_of(output):
        raise InvalidResultError(f"node {definition.name!r} returned a value that cannot be recorded: {problem}")
    if place := environment.secret_in(output):
        raise SecretInResultError(
            f"node {definition.name!r} returned a secret at {place}, which would stay in the history of the run: "
            "return what later steps need of it (an id, a yes or no), and let them read secret('NAME') themselves"
        )
    size = recorded_size(output)
    if size > PAYLOAD_LIMIT:
        raise ResultTooLargeError(
            f"node {definition.name!r} returned {size:,} bytes, Temporal accepts {PAYLOAD_LIMIT:,}: "
            "return a reference to the data (an id, a URL) instead"
        )
    return output


def _argument(definition: NodeDefinition, name: str, value: Json) -> object:
    annotation = definition.types.get(name, Any)
    return value if annotation is Any else _adapter_of(annotation).validate_python(value, by_name=True, by_alias=True)


def _dumped(definition: NodeDefinition, result: object) -> Json:
    annotation = definition.result_type
    adapter = _adapter_of(Any if annotation is None else annotation) if result is not None else _adapter_of(annotation)
    try:
        checked = adapter.validate_python(result, by_name=True, by_alias=True)
        return cast("Json", adapter.dump_python(checked, mode="json", by_alias=False, warnings="error"))
    except ValidationError as error:
        fields = "; ".join(_spoken("", error))
        raise InvalidResultError(
            f"node {definition.name!r} returned a value that does not fit its return type: {fields}"
        ) from None
    except PydanticSerializationError as error:
        raise InvalidResultError(f"node {definition.name!r} returned a value that has no JSON form: {error}") from None


def _spoken(name: str, error: ValidationError) -> list[str]:
    """What pydantic found, by field, without the values: one of them may be a secret."""
    found: list[str] = []
    for detail in error.errors(include_url=False, include_input=False, include_context=False):
        where = ".".join(str(part) for part in ([name] if name else []) + list(detail["loc"]))
        found.append(f"{where or 'value'}: {detail['msg']}")
    return found


@lru_cache(maxsize=4096)
def _adapter(annotation: Any) -> TypeAdapter[Any]:
    return TypeAdapter(annotation)


def _adapter_of(annotation: Any) -> TypeAdapter[Any]:
    try:
        return _adapter(annotation)
    except TypeError:  # an annotation that cannot be hashed
        return TypeAdapter(annotation)
