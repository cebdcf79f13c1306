"""`cursor(...)`: how far flows have come with something, as a value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast, overload

from resolute.plan.errors import ExpressionError
from resolute.plan.expressions import Expression, Reference, operator_and_operands
from resolute.plan.fitting import standalone
from resolute.plan.shapes import shape_of_type
from resolute.plan.values import Json

T = TypeVar("T")


@overload
def cursor(name: str) -> Any: ...
@overload
def cursor(name: str, *, default: object) -> Any: ...
@overload
def cursor(name: str, of: type[T]) -> T | None: ...
@overload
def cursor(name: str, of: type[T], *, default: T) -> T: ...
def cursor(name: str, of: Any = Any, *, default: Any = None) -> Any:
    """A value that `move(...)` keeps for later runs: where to go on. Null, or `default`, until it has been moved once.

    All flows of a task queue share it by its name. A run reads it when it begins, and then what it moved it to itself.
    With a type, what is kept has to fit it: what no longer does is null, with a warning in the run's report.

    >>> cursor("incidents", str, default="first page")
    cursor('incidents') or else 'first page'
    """
    if not isinstance(name, str) or not name.strip():  # pyright: ignore[reportUnnecessaryIsInstance]  # authors may not use a type checker
        raise ExpressionError(f"cursor({name!r}) needs a name")
    operands: tuple[object, ...] = () if of is Any else (dict(standalone(shape_of_type(of, "serialization"))),)
    read = Reference("$at", Expression("$cursor", name, *operands))
    return read if default is None else Expression("$default", read, default)


def schema_of(operand: Json) -> dict[str, Any]:
    """The JSON Schema of a cursor's type, as its expression holds it."""
    match operand:
        case Mapping():
            return {key[1:] if key.startswith("$$") else key: _unescaped(item) for key, item in operand.items()}
        case _:
            return {}


def _unescaped(value: Json) -> Any:
    match value:
        case Mapping():
            return schema_of(value)
        case list() | tuple():
            return [_unescaped(item) for item in value]
        case _:
            return value


def cursor_parts(value: object) -> tuple[str, dict[str, Any]] | None:
    """The name of a cursor and the JSON Schema of its type, empty where it has none; None for what is no cursor."""
    while isinstance(value, Expression):
        operator, operands = operator_and_operands(value)
        if operator == "$cursor":
            name, *schema = operands
            return str(name), cast("dict[str, Any]", schema[0]) if schema else {}
        if operator != "$at" or len(operands) != 1:
            return None
        (value,) = operands
    return None
