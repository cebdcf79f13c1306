"""What stands in for a value that is not there yet, while a flow is written.

An `Expression` becomes JSON (see `resolute.plan.language`) when the flow is built. `words`, `conditions`, `clock` and
`lists` are what authors make expressions with.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from typing import Any, Final, NoReturn, TypeVar, cast

from pydantic import BaseModel

from resolute.plan.described import describe
from resolute.plan.errors import ExpressionError
from resolute.plan.failing import Failure
from resolute.plan.language import ARITHMETIC, BINDERS, escape
from resolute.plan.shapes import Shape, shape_of_type
from resolute.plan.unready import Unready, check_operands, no_method
from resolute.plan.values import Json, jsonable

T = TypeVar("T")

NameOf = Callable[[object], str]

NAMED: Final = frozenset({"$output", "$previous", "$last", "$item"})
"""Operators whose first operand is what they read from: a name, or an object whose name `NameOf` returns."""


class Expression(Unready):
    """A value that is known in the run, not while the flow is written."""

    __slots__ = ("_operands", "_operator")

    def __init__(self, operator: str, *operands: object) -> None:
        object.__setattr__(self, "_operator", operator)
        object.__setattr__(self, "_operands", operands)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise ExpressionError(f"{self!r} cannot be changed: it stands for a value of a run")

    def __eq__(self, other: object) -> Expression:  # type: ignore[override]  # a condition, as in every query builder
        return Expression("$eq", self, other)

    def __ne__(self, other: object) -> Expression:  # type: ignore[override]  # see __eq__
        return Expression("$ne", self, other)

    def __lt__(self, other: object) -> Expression:
        return Expression("$lt", self, other)

    def __le__(self, other: object) -> Expression:
        return Expression("$le", self, other)

    def __gt__(self, other: object) -> Expression:
        return Expression("$gt", self, other)

    def __ge__(self, other: object) -> Expression:
        return Expression("$ge", self, other)

    def __add__(self, other: Any) -> Expression:
        return operation("$add", self, other)

    def __radd__(self, other: Any) -> Expression:
        return operation("$add", other, self)

    def __sub__(self, other: Any) -> Expression:
        return operation("$sub", self, other)

    def __rsub__(self, other: Any) -> Expression:
        return operation("$sub", other, self)

    def __mul__(self, other: Any) -> Expression:
        return operation("$mul", self, other)

    def __rmul__(self, other: Any) -> Expression:
        return operation("$mul", other, self)

    def __truediv__(self, other: Any) -> Expression:
        return operation("$div", self, other)

    def __rtruediv__(self, other: Any) -> Expression:
        return operation("$div", other, self)

    def __floordiv__(self, other: Any) -> Expression:
        return operation("$floordiv", self, other)

    def __rfloordiv__(self, other: Any) -> Expression:
        return operation("$floordiv", other, self)

    def __mod__(self, other: Any) -> Expression:
        return operation("$mod", self, other)

    def __rmod__(self, other: Any) -> Expression:
        return operation("$mod", other, self)

    def __neg__(self) -> Expression:
        return Expression("$neg", self)

    def __and__(self, other: object) -> Expression:
        return Expression("$and", self, other)

    def __rand__(self, other: object) -> Expression:
        return Expression("$and", other, self)

    def __or__(self, other: object) -> Expression:
        return Expression("$or", self, other)

    def __ror__(self, other: object) -> Expression:
        return Expression("$or", other, self)

    def __invert__(self) -> Expression:
        return Expression("$not", self)

    __hash__ = Unready.__hash__  # Python drops it where there is an __eq__

    def __repr__(self) -> str:
        try:
            return describe(encode(self))
        except (ValueError, RecursionError):
            return f"<expression {self._operator} that cannot be written as JSON>"


def operation(operator: str, left: object, right: object) -> Expression:
    """Arithmetic on values of the run.

    Raises:
        ExpressionError: an operand is no number, time or duration.
    """
    check_operands(ARITHMETIC[operator], left, right)
    return Expression(operator, left, right)


class Reference(Expression):
    """A field of a value of the run; attributes and indexes lead deeper.

    The first operand says where the value comes from: a step, an item, or (`$at`) an expression that computes it.
    """

    __slots__ = ()

    def __getattr__(self, name: str) -> Reference:
        if name.startswith("__"):
            raise AttributeError(name)
        return Reference(self._operator, *self._operands, name)

    def __getitem__(self, key: str | int) -> Reference:
        return Reference(self._operator, *self._operands, key)

    def __dir__(self) -> list[str]:
        """The fields of the value, if its type is known: for completion in a shell."""
        path = list(self._operands)
        source = path.pop(0) if path and self._operator != "$failure" else None
        known = Failure if self._operator == "$failure" else getattr(source, "model", Any)
        shape: Shape | None = shape_of_type(known, "serialization")
        for key in path:
            shape = shape.at(cast("str | int", key)) if shape else None
        return shape.fields if shape else []

    def __call__(self, *arguments: object, **named: object) -> NoReturn:
        """Refuses `health.output.message.upper()`: the last name is a method of the value before it."""
        *path, name = self._operands
        if not isinstance(name, str) or (not path and self._operator in {*NAMED, "$at"}):
            raise ExpressionError(f"{self!r} is a value of the run and cannot be called; call it in a node")
        raise no_method(Reference(self._operator, *path), name)


@dataclasses.dataclass(frozen=True)
class InputModel:
    """The type that an author expects of the run's input. Not in the plan: `build()` checks it against the triggers."""

    model: Any


def operator_and_operands(expression: Expression) -> tuple[str, tuple[object, ...]]:
    """What an expression is made of."""
    return (
        cast("str", object.__getattribute__(expression, "_operator")),
        cast("tuple[object, ...]", object.__getattribute__(expression, "_operands")),
    )


def _own_name(source: object) -> str:
    return source if isinstance(source, str) else str(getattr(source, "step_name", source))


def encode(value: object, name_of: NameOf = _own_name) -> Json:
    """The JSON form of anything an author writes; `name_of` returns the name of a step, or of anything with items.

    Raises:
        ValueError: a value has no JSON form.
    """
    if isinstance(value, Expression):
        operator, operands = operator_and_operands(value)
        if operator == "$at" and len(operands) == 1:
            return encode(operands[0], name_of)
        if operator in BINDERS and isinstance(operands[1], Bound):  # else its item has its name, as in a plan
            return {operator: _encoded_binder(cast("tuple[object, Bound, object]", operands), name_of)}
        if operator in NAMED:
            return {operator: [name_of(operands[0]), *cast("list[Json]", list(operands[1:]))]}
        if operator == "$input" and operands and isinstance(operands[0], InputModel):
            name_of(operands[0])
            operands = operands[1:]
        if operator in {"$env", "$secret"}:
            return {operator: cast("Json", operands[0])}
        if operator == "$now":
            return {operator: cast("float", operands[0])}
        return {operator: [encode(operand, name_of) for operand in operands]}
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value).items()
        return {_key(key): encode(item, name_of) for key, item in items}
    if isinstance(value, (list, tuple)):
        return [encode(item, name_of) for item in cast("list[object]", value)]
    if isinstance(value, (set, frozenset)):
        # Python's own order differs in each process, but a plan must be the same in all.
        items = [encode(item, name_of) for item in cast("frozenset[object]", value)]
        return sorted(items, key=lambda item: json.dumps(item, sort_keys=True))
    if fields_of(value) and _any_part(value, lambda part: isinstance(part, (Expression, set, frozenset))):
        return {name: encode(item, name_of) for name, item in fields_of(value)}
    return escape(jsonable(value))


def _encoded_binder(operands: tuple[object, Bound, object], name_of: NameOf) -> list[Json]:
    """The list, the name of its item, and the condition in which the item is read by that name.

    An item is called by how deep its list stands in others, and by another name where a step is called so that the
    condition reads as well.
    """
    listed, bound, condition = operands
    depth = name_of.depth + 1 if isinstance(name_of, _Inside) else 1
    while True:
        inside = _Inside(name_of, bound, bound.step_name if depth == 1 else f"{bound.step_name}_{depth}", depth)
        encoded = encode(condition, inside)
        if inside.name not in inside.others:
            return [encode(listed, name_of), inside.name, encoded]
        depth += 1


class Bound:
    """The current item of a list, while its condition is written."""

    step_name: Final = "item"

    def __str__(self) -> str:
        return self.step_name


class _Inside:
    """Names what the condition on an item reads."""

    def __init__(self, around: NameOf, bound: Bound, name: str, depth: int) -> None:
        self.name = name
        self.depth = depth
        self.others: set[str] = set()
        self._around = around
        self._bound = bound

    def __call__(self, source: object) -> str:
        if source is self._bound:
            return self.name
        found = self._around(source)
        self.others.add(found)
        return found


def _key(key: object) -> str:
    text = cast("str", jsonable(key)) if not isinstance(key, str) else key
    return "$" + text if str(text).startswith("$") else str(text)


def fields_of(value: object) -> list[tuple[str, object]]:
    """The fields of a model or dataclass, by name; nothing for any other value."""
    if isinstance(value, BaseModel):
        return [(name, getattr(value, name)) for name in type(value).model_fields]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [(field.name, getattr(value, field.name)) for field in dataclasses.fields(value)]
    return []


def holds_expression(value: object) -> bool:
    """Whether a part of the value is an expression, at any depth."""
    return _any_part(value, lambda part: isinstance(part, Expression))


def _any_part(value: object, wanted: Callable[[object], bool]) -> bool:
    waiting: list[object] = [value]
    seen: set[int] = set()
    while waiting:
        item = waiting.pop()
        if wanted(item):
            return True
        if isinstance(item, Expression):
            continue
        if id(item) in seen:  # even if a list contains itself, which build() reports
            continue
        inner: list[object]
        if isinstance(item, Mapping):
            inner = list(cast("Mapping[object, object]", item).values())
        elif isinstance(item, (list, tuple)):
            inner = list(cast("list[object]", item))
        else:
            inner = [field for _, field in fields_of(item)]
        if inner:
            seen.add(id(cast("object", item)))
            waiting += inner
    return False
