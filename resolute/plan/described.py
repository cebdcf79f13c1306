"""Expressions of a plan as a person reads them: `health.status == 'critical'`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

from resolute.plan.language import ARITHMETIC, BINDERS, TABLE, operands, operator_of
from resolute.plan.times import duration_of, spoken_duration
from resolute.plan.values import Json, JsonObject

_LOOSEST, _OR, _AND, _NOT, _COMPARED, _SUM, _PRODUCT, _WHOLE = range(8)
"""How tightly the parts of a text hold together; a looser part is put in brackets."""

_BINDING: Final[Mapping[str, int]] = {
    "$default": _LOOSEST,
    "$where": _LOOSEST,
    "$or": _OR,
    "$and": _AND,
    "$not": _NOT,
    "$empty": _COMPARED,
    **{name: _COMPARED for name, operator in TABLE.items() if operator.symbol and operator.role == "condition"},
    "$add": _SUM,
    "$sub": _SUM,
    "$mul": _PRODUCT,
    "$div": _PRODUCT,
    "$floordiv": _PRODUCT,
    "$mod": _PRODUCT,
}
_CALLED: Final[Mapping[str, str]] = {"$first": "first", "$count": "count", "$any": "any_of", "$all": "all_of"}


def describe(value: Json) -> str:
    """A value as a person reads it, for diagrams and messages."""
    match value:
        case Mapping():
            operator = operator_of(value)
            if operator is None:
                return "{" + ", ".join(f"{key}: {describe(item)}" for key, item in value.items()) + "}"
            return _describe_expression(operator, operands(value))
        case list() | tuple():
            return "[" + ", ".join(describe(item) for item in value) + "]"
        case str():
            return repr(value)
        case None | bool():
            return {None: "null", True: "true", False: "false"}[value]
        case _:
            return str(value)


def dotted(path: list[Json]) -> str:
    """A path as it is written: `health.items[0].name`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f"{'.' if text else ''}{part}"
    return text


def _describe_expression(operator: str, inner: list[Json]) -> str:
    match operator:
        case "$output" | "$item":
            return dotted(inner)
        case "$input" | "$failure" | "$state":
            return dotted([operator[1:], *inner])
        case "$scheduled":
            return "scheduled_for"
        case "$link":
            return "link"
        case "$button":
            return "button"
        case "$during":
            return _describe_hours(inner[0])
        case "$cursor":
            return f"cursor({inner[0]!r})"
        case "$previous":
            return f"previous({dotted(inner)})"
        case "$last":
            return f"last_turn({dotted(inner)})"
        case "$env" | "$secret":
            name = inner[0]["name"] if isinstance(inner[0], Mapping) else inner[0]
            return f"{operator[1:]}({name!r})"
        case "$now":
            return _describe_now(float(cast("float", inner[0])))
        case "$text":
            return f"text({', '.join(describe(item) for item in inner)})"
        case "$at":
            return dotted([_part(inner[0], _WHOLE), *inner[1:]])
        case "$default":
            return f"{describe(inner[0])} or else {describe(inner[1])}"
        case "$and" | "$or":
            return f" {operator[1:]} ".join(_part(item, _BINDING[operator]) for item in inner)
        case "$not":
            return f"not {_part(inner[0], _NOT)}"
        case "$empty":
            return f"{_part(inner[0], _SUM)} is empty"
        case "$neg":
            return f"-{_part(inner[0], _WHOLE)}"
        case _ if operator in BINDERS:
            return _describe_items(operator, inner)
        case _:
            return _describe_pair(operator, inner)


def _describe_hours(window: Json) -> str:
    said: JsonObject = window if isinstance(window, Mapping) else {}
    return f"during({', '.join(repr(said.get(name)) for name in ('hours', 'days', 'timezone'))})"


def _describe_items(operator: str, inner: list[Json]) -> str:
    listed, _, condition = inner
    if operator in {"$any", "$all"}:
        return f"{_CALLED[operator]}({describe(listed)}, {describe(condition)})"
    said = describe(listed) if condition is True else f"{_part(listed, _OR)} where {describe(condition)}"
    return f"{_CALLED[operator]}({said})" if operator in _CALLED else said


def _describe_pair(operator: str, inner: list[Json]) -> str:
    tightness = _BINDING.get(operator, _COMPARED)
    # What stands to the right of `-` or `/` is put in brackets where it is a sum or a product itself, and so is a
    # comparison that is compared.
    left, right = (tightness, tightness + 1) if operator in ARITHMETIC else (_SUM, _SUM)
    one, other = inner
    timed = operator in ARITHMETIC or any(_is_timed(item) for item in inner)
    symbol = TABLE[operator].symbol if operator in TABLE else operator
    return f"{_part(one, left, timed=timed)} {symbol} {_part(other, right, timed=timed)}"


def _part(value: Json, tightness: int, *, timed: bool = False) -> str:
    """A part of a text, in brackets where it holds together less than what is around it."""
    if timed and isinstance(value, str) and (length := duration_of(value)) is not None:
        return spoken_duration(length.total_seconds())
    operator = operator_of(value) if isinstance(value, Mapping) else None
    text = describe(value)
    loose = operator is not None and _BINDING.get(operator, _WHOLE) < tightness
    if operator == "$now" and text != "now" and tightness > _SUM:
        loose = True
    return f"({text})" if loose else text


def _is_timed(value: Json) -> bool:
    """Whether a value is computed, so that a duration beside it is meant as one."""
    return isinstance(value, Mapping) and operator_of(value) in ARITHMETIC


def _describe_now(shift: float) -> str:
    if shift == 0:
        return "now"
    return f"now {'-' if shift < 0 else '+'} {spoken_duration(abs(shift))}"
