"""What an author writes where a value is not there yet: references and deferred values.

Functions are typed as the value they stand for, so that type checkers follow an author's references:
`health.output.message` is a `str` to them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, TypeVar, cast, overload

from pydantic import BaseModel, ValidatorFunctionWrapHandler, field_validator

from resolute.plan.errors import ExpressionError
from resolute.plan.expressions import Expression, InputModel, Reference, holds_expression, operator_and_operands
from resolute.plan.failing import Failure
from resolute.plan.templates import template_problem
from resolute.plan.texts import shortened

T = TypeVar("T")


class Record(BaseModel, defer_build=True):
    """A model whose fields take references while a flow is written: `EventLink(href=health.output.url)`."""

    @field_validator("*", mode="wrap")
    @classmethod
    def _let_expressions_pass(cls, value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        return value if holds_expression(value) else handler(value)


del Record.model_config["defer_build"]  # authors' own models are built where they stand: there a mistake is seen


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

    The input of a webhook run is the JSON body of the request; that of a manual run is what `resolute run` was given.
    """
    return Reference(
        "$input", *(_split(of) if isinstance(of, str) and of else () if isinstance(of, str) else (InputModel(of),))
    )


@overload
def previous(reference: T) -> T | None: ...
@overload
def previous(reference: T, *, default: T) -> T: ...
def previous(reference: Any, *, default: Any = None) -> Any:
    """The same value in the latest run in which its step completed; null, or `default`, if there was none.

    Null has no order, so a comparison like `previous(load.output.percent, default=0) > 90` needs a default.

    >>> previous(output("load.percent"), default=0) > 90
    (previous(load.percent) or else 0) > 90
    """
    return _earlier("$previous", reference, default)


@overload
def last_turn(reference: T) -> T | None: ...
@overload
def last_turn(reference: T, *, default: T) -> T: ...
def last_turn(reference: Any, *, default: Any = None) -> Any:
    """The same value in the turn before, inside a `repeat(...)`; null, or `default`, in the first turn.

    This is how a cursor or a counter gets from one turn to the next. If the step did not run in the turn before, the
    value is null too.

    >>> last_turn(output("page.next"), default="first")
    last_turn(page.next) or else 'first'
    """
    return _earlier("$last", reference, default)


def _earlier(operator: str, reference: object, default: object) -> Expression:
    if not isinstance(reference, Reference) or operator_and_operands(reference)[0] != "$output":
        word = {"$previous": "previous", "$last": "last_turn"}[operator]
        raise ExpressionError(f"{word}(...) takes a reference to a step's output, not {reference!r}")
    before = Reference(operator, *operator_and_operands(reference)[1])
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


def text(template: str, *values: object) -> str:
    """Text that contains values of the run, in the syntax of `str.format` with positional fields.

    >>> text("{} is down since {}", output("health.component"), output("health.since"))
    text('{} is down since {}', health.component, health.since)
    """
    problem = template_problem(template, len(values))
    if problem:
        raise ExpressionError(f"text({shortened(template, 200)!r}){problem}")
    return cast("str", Expression("$text", template, *values))


def _split(path: str) -> list[str | int]:
    parts: list[str | int] = []
    for index, name in re.findall(r"\[(-?\d+)\]|([^.\[\]]+)", path):
        parts.append(int(index) if index else name)
    return parts or [path]
