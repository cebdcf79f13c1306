"""What cannot be done with a value of a run while the flow is written, and what to write instead.

Python would answer each of these with an error about its own types (`can only concatenate str`), or, where it asks for
the truth, decide once and for all runs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any, Final, NoReturn

from resolute.plan.errors import ExpressionError
from resolute.plan.texts import shortened

_UNKNOWN: Final = "is not known while the flow is written"
_COMPUTE: Final = "compute it in a node, and read the node's output"
_SHOWN: Final = 200
"""Characters of a value that a message shows."""


def _shown(value: object) -> str:
    return shortened(repr(value), _SHOWN)


def _as_text(left: object, right: object) -> str:
    """The text(...) that says what an addition of texts was meant to say."""
    template, values = "", list[str]()
    for part in (left, right):
        if isinstance(part, str):
            template += shortened(part, _SHOWN).replace("{", "{{").replace("}", "}}")
        else:
            template += "{}"
            values.append(_shown(part))
    return f"text({', '.join([repr(template), *values])})"


def check_operands(symbol: str, left: object, right: object) -> None:
    """Refuses arithmetic with what is no number, time or duration, and says what to write instead.

    Raises:
        ExpressionError: one operand is neither that nor a value of the run.
    """
    for value in (left, right):
        if isinstance(value, (Unready, date, timedelta)) or (
            isinstance(value, (int, float)) and not isinstance(value, bool)
        ):
            continue
        said = f"{_shown(left)} {symbol} {_shown(right)}"
        if symbol == "+" and isinstance(value, str):
            unready = right if value is left else left
            raise ExpressionError(f"{said}: {_shown(unready)} {_UNKNOWN}; write {_as_text(left, right)}")
        raise ExpressionError(f"{said}: {_shown(value)} is no number, no time and no timedelta; {_COMPUTE}")


def _operator(symbol: str) -> Any:
    def refuse(self: Unready, other: object) -> NoReturn:
        raise ExpressionError(f"{_shown(self)} {symbol} {_shown(other)}: {_shown(self)} {_UNKNOWN}; {_COMPUTE}")

    return refuse


def _reflected(symbol: str) -> Any:
    def refuse(self: Unready, other: object) -> NoReturn:
        raise ExpressionError(f"{_shown(other)} {symbol} {_shown(self)}: {_shown(self)} {_UNKNOWN}; {_COMPUTE}")

    return refuse


def _function(name: str, remedy: str = _COMPUTE) -> Callable[..., NoReturn]:
    def refuse(self: Unready, *_: object) -> NoReturn:
        raise ExpressionError(f"{name.format(_shown(self))}: {_shown(self)} {_UNKNOWN}; {remedy}")

    return refuse


class Unready:
    """A value that is not there yet: it answers whatever would need it now with what to write instead."""

    __slots__ = ()

    def __bool__(self) -> NoReturn:
        raise ExpressionError(
            f"{_shown(self)} {_UNKNOWN}, so Python cannot decide on it: instead of `and`, `or` and `not` write "
            "(a) & (b), (a) | (b) and ~(a); instead of `x in [...]`, one_of(x, [...]); "
            "instead of `if`, .when(condition)"
        )

    def __contains__(self, item: object) -> NoReturn:
        there = f"one_of({_shown(item)}, {_shown(self)})" if isinstance(item, Unready) else ""
        held = f"contains({_shown(self)}, {_shown(item)})"
        remedy = f"{held} or {there}" if there else held
        raise ExpressionError(f"{_shown(item)} in {_shown(self)}: {_shown(self)} {_UNKNOWN}; write {remedy}")

    def __iter__(self) -> NoReturn:
        raise ExpressionError(
            f"{_shown(self)} cannot be iterated: it {_UNKNOWN}; write where(...), first(...), count(...), any_of(...) "
            "or all_of(...), or give it to a node, and iterate there"
        )

    def __str__(self) -> str:
        raise ExpressionError(
            f"{_shown(self)} is not text yet: it {_UNKNOWN}; write text('... {{}} ...', {_shown(self)})"
        )

    def __format__(self, spec: str) -> str:
        return str(self)

    def __hash__(self) -> int:
        # Equality builds a condition, so a lookup could only be wrong.
        raise ExpressionError(
            f"{_shown(self)} cannot be in a set or be a key of a dict: it {_UNKNOWN}; "
            "instead of `x in {...}` write one_of(x, [...]), and make a dict with such a key in a node"
        )

    __pow__, __rpow__ = _operator("**"), _reflected("**")
    __pos__ = _function("+{}")
    __abs__, __round__ = _function("abs({})"), _function("round({})")
    __int__, __float__, __index__ = _function("int({})"), _function("float({})"), _function("int({})")
    __len__ = _function("len({})", "write count(...), or is_empty(...)")


def meant_value(error: BaseException) -> str:
    """What to do about an error of Python's own about the type of a value of a run; empty for every other error.

    Functions written in C refuse the value without asking it anything: `",".join([...])`, `json.dumps(...)`.
    """
    if type(error) is not TypeError or not {kind.__name__ for kind in _kinds(Unready)} & {*_WORD.findall(str(error))}:
        return ""
    return (
        f"a value of the run, such as health.output, {_UNKNOWN}: join and convert such values in a node, "
        "or put them into a text with text('... {} ...', health.output)"
    )


def _kinds(of: type[Unready]) -> Iterator[type[Unready]]:
    for kind in of.__subclasses__():
        yield kind
        yield from _kinds(kind)


_WORD: Final = re.compile(r"\w+")

_METHODS: Final = {
    "format": "write text('... {{}} ...', {0})",
    "join": "join in a node, or write text('{{}}, {{}}', ...)",
    "startswith": "write matches({0}, '^...')",
    "endswith": "write matches({0}, '...$')",
    "get": "write {0}['key']",
}


def no_method(value: object, name: str) -> ExpressionError:
    """The error of calling a method of a value of a run: `health.output.message.upper()`."""
    said = f"{_shown(value)}.{name}(...): {_shown(value)} {_UNKNOWN} and has no methods"
    if name in _METHODS:
        return ExpressionError(f"{said}; {_METHODS[name].format(_shown(value))}")
    hint = (
        f"call .{name}(...) in a node that takes it; to put it into a text, write text('... {{}} ...', {_shown(value)})"
    )
    return ExpressionError(f"{said}; {hint}")
