"""What an author writes where a value is not there yet: references, conditions and deferred values.

Each is an `Expression`: it stands in for its value while the flow is written, and becomes JSON (see
`resolute.plan.language`) when the flow is built. Functions are typed as the value they stand for, so that type checkers
follow an author's references: `health.output.message` is a `str` to them.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NoReturn, TypeVar, cast, overload

from pydantic import BaseModel, ValidatorFunctionWrapHandler, field_validator

from resolute.plan.errors import ExpressionError
from resolute.plan.failing import Failure
from resolute.plan.language import describe, escape
from resolute.plan.patterns import check_pattern
from resolute.plan.shapes import Shape, shape_of_type
from resolute.plan.templates import template_problem
from resolute.plan.texts import shortened
from resolute.plan.unready import Unready, no_method
from resolute.plan.values import Json, jsonable

T = TypeVar("T")

NameOf = Callable[[object], str]

NAMED: Final = frozenset({"$output", "$previous", "$item"})
"""Operators whose first operand is what they read from: a name, or an object that `NameOf` gives the name of."""


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


class Reference(Expression):
    """A field of a value of the run; attributes and indexes lead deeper."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Reference:
        if name.startswith("__"):
            raise AttributeError(name)
        return Reference(self._operator, *self._operands, name)

    def __getitem__(self, key: str | int) -> Reference:
        return Reference(self._operator, *self._operands, key)

    def __dir__(self) -> list[str]:
        """The fields of the value, where its type is known: what completion in a shell offers."""
        path = list(self._operands)
        source = path.pop(0) if path and self._operator != "$failure" else None
        known = Failure if self._operator == "$failure" else getattr(source, "model", Any)
        shape: Shape | None = shape_of_type(known, "serialization")
        for key in path:
            shape = shape.at(cast("str | int", key)) if shape else None
        return shape.fields if shape else []

    def __call__(self, *arguments: object, **named: object) -> NoReturn:
        """Refuses `health.output.message.upper()`: the last name is a method of what stands before it."""
        *path, name = self._operands
        if not isinstance(name, str) or (not path and self._operator in NAMED):
            raise ExpressionError(f"{self!r} is a value of the run and cannot be called; call it in a node")
        raise no_method(Reference(self._operator, *path), name)


@dataclasses.dataclass(frozen=True)
class InputModel:
    """What an author takes the run's input for. No part of the plan: `build()` asks if a trigger reads it so."""

    model: Any


class Now(Expression):
    """The run's clock, which can be moved by a timedelta."""

    __slots__ = ()

    def __init__(self, shift: float = 0.0) -> None:
        super().__init__("$now", shift)

    def __add__(self, delta: timedelta) -> Now:
        return Now(self._operands[0] + self._seconds(delta, "+"))

    def __sub__(self, delta: timedelta) -> Now:
        return Now(self._operands[0] - self._seconds(delta, "-"))

    def _seconds(self, delta: object, sign: str) -> float:
        if isinstance(delta, timedelta):
            return delta.total_seconds()
        raise ExpressionError(
            f"{self!r} {sign} {delta!r}: the clock of a run is moved by a timedelta, as in "
            "now() - timedelta(hours=24); other arithmetic with times is for a node"
        )


class Record(BaseModel):
    """A model whose fields take references while a flow is written: `EventLink(href=health.output.url)`."""

    @field_validator("*", mode="wrap")
    @classmethod
    def _let_expressions_pass(cls, value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        return value if holds_expression(value) else handler(value)


def operator_and_operands(expression: Expression) -> tuple[str, tuple[object, ...]]:
    """What an expression is made of."""
    return (
        cast("str", object.__getattribute__(expression, "_operator")),
        cast("tuple[object, ...]", object.__getattribute__(expression, "_operands")),
    )


def _own_name(source: object) -> str:
    return source if isinstance(source, str) else str(getattr(source, "step_name", source))


def encode(value: object, name_of: NameOf = _own_name) -> Json:
    """The JSON form of anything an author writes; `name_of` says what a step, or whatever has items, is called.

    Raises:
        ValueError: a value has no JSON form.
    """
    if isinstance(value, Expression):
        operator, operands = operator_and_operands(value)
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
        # Python's own order is another one in each process, and a plan is the same in all.
        items = [encode(item, name_of) for item in cast("frozenset[object]", value)]
        return sorted(items, key=lambda item: json.dumps(item, sort_keys=True))
    if fields_of(value) and _any_part(value, lambda part: isinstance(part, (Expression, set, frozenset))):
        return {name: encode(item, name_of) for name, item in fields_of(value)}
    return escape(jsonable(value))


def _key(key: object) -> str:
    text = cast("str", jsonable(key)) if not isinstance(key, str) else key
    return "$" + text if str(text).startswith("$") else str(text)


def fields_of(value: object) -> list[tuple[str, object]]:
    """The fields of a model or dataclass, by name; nothing for every other value."""
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
        if id(item) in seen:  # also where a list holds itself, which build() will say
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


def output(path: str) -> Any:
    """A step's output by name: `output("health.message")` is `health.output.message` without the node at hand.

    >>> output("health.metrics.load")
    health.metrics.load
    """
    step, *rest = _split(path)
    return Reference("$output", step, *rest)


@overload
def input_data(of: type[T]) -> T: ...
@overload
def input_data(of: str = "") -> Any: ...
def input_data(of: type[Any] | str = "") -> Any:
    """The run's input, or a field of it: `input_data("channel")`, or typed: `input_data(Notice).channel`.

    The input of a webhook run is the JSON body of the request, that of a manual run what `resolute run` was given.
    """
    return Reference(
        "$input", *(_split(of) if isinstance(of, str) and of else () if isinstance(of, str) else (InputModel(of),))
    )


@overload
def previous(reference: T) -> T | None: ...
@overload
def previous(reference: T, *, default: T) -> T: ...
def previous(reference: Any, *, default: Any = None) -> Any:
    """The same value in the latest run in which its step completed; null, or `default`, where there was none.

    Null has no order, so a comparison like `previous(load.output.percent, default=0) > 90` wants a default.

    >>> previous(output("load.percent"), default=0) > 90
    (previous(load.percent) or else 0) > 90
    """
    if not isinstance(reference, Reference) or operator_and_operands(reference)[0] != "$output":
        raise ExpressionError(f"previous(...) takes a reference to a step's output, not {reference!r}")
    before = Reference("$previous", *operator_and_operands(reference)[1])
    return before if default is None else Expression("$default", before, default)


def failure() -> Failure:
    """What went wrong, for steps given to `on_failure`: `.step`, `.node`, `.error_type`, `.message`."""
    return cast("Failure", Reference("$failure"))


@overload
def env(name: str, *, default: str | None = None) -> str: ...
@overload
def env(name: str, as_type: type[T], *, default: T | None = None) -> T: ...
def env(name: str, as_type: type[Any] = str, *, default: Any = None) -> Any:
    """An environment variable, read on the worker whenever the node runs: `env("PORT", int, default=8080)`.

    `as_type` is `str`, `int`, `float` or `bool`. Without a default an unset variable fails the step.
    """
    if as_type not in _ENV_TYPES:
        raise ExpressionError(f"env({name!r}) can be read as str, int, float or bool, not {as_type.__name__}")
    if isinstance(default, Expression):
        raise ExpressionError(f"env({name!r}, default=...) takes a plain value, not {default!r}")
    if as_type is str and default is None:
        return Expression("$env", name)
    return Expression("$env", {"name": name, "type": _ENV_TYPES[as_type], "default": default})


_ENV_TYPES: Final[Mapping[type[Any], str]] = {str: "text", int: "int", float: "number", bool: "bool"}


def secret(name: str) -> str:
    """A secret, read from the worker's environment when the node runs; it never enters a plan, history or log."""
    return cast("str", Expression("$secret", name))


def now() -> datetime:
    """The run's own clock at the moment the step begins: `now() - timedelta(hours=24)`."""
    return cast("datetime", Now())


def text(template: str, *values: object) -> str:
    """Text with values of the run in it, in the syntax of `str.format` with positional fields.

    >>> text("{} is down since {}", output("health.component"), output("health.since"))
    text('{} is down since {}', health.component, health.since)
    """
    problem = template_problem(template, len(values))
    if problem:
        raise ExpressionError(f"text({shortened(template, 200)!r}){problem}")
    return cast("str", Expression("$text", template, *values))


def contains(collection: object, item: object) -> bool:
    """True where a list holds the item, an object the key, or a text the text."""
    return cast("bool", Expression("$contains", collection, item))


def one_of(item: object, collection: object) -> bool:
    """True where the item is one of the collection's: `one_of(incident.output.urgency, ["high"])`."""
    return cast("bool", Expression("$in", item, collection))


def is_empty(value: object) -> bool:
    """True for null, an empty text, an empty list and an empty object."""
    return cast("bool", Expression("$empty", value))


def matches(value: object, pattern: str) -> bool:
    """True where a text has a match of the regular expression anywhere in it.

    The syntax is Python's without looking around and back-references, so that no text can hold the worker. Classes such
    as digits and words mean ASCII, and `$` is the end of the text; see `resolute.plan.patterns`.
    """
    if not isinstance(cast("object", pattern), str):
        raise ExpressionError(f"matches(...) takes its pattern as text, not {pattern!r}")
    try:
        check_pattern(pattern)
    except ExpressionError as error:
        raise ExpressionError(
            f"matches(..., {pattern!r}): not a regular expression that can be matched in linear time: {error}; "
            "instead of (?=...), (?!...) or \\1 combine several matches(...), or decide in a function"
        ) from None
    return cast("bool", Expression("$search", value, pattern))


def not_(condition: object) -> bool:
    """The opposite of a condition; `~condition` is the same, this one is also typed as `bool`."""
    return cast("bool", Expression("$not", condition))


def _split(path: str) -> list[str | int]:
    parts: list[str | int] = []
    for index, name in re.findall(r"\[(-?\d+)\]|([^.\[\]]+)", path):
        parts.append(int(index) if index else name)
    return parts or [path]
