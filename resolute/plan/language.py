"""The expression language of plans, as JSON.

A value in a plan is plain JSON, except that an object with exactly one key that begins with `$` is an expression:

    {"$output": ["health", "message"]}      a field of an earlier step's output
    {"$input": ["channel"]}                 a field of the run's input
    {"$item": ["certs", "host"]}            a field of the current item of what is called "certs"
    {"$last": ["look", "cursor"]}           the same field in the turn before, inside a repeat
    {"$previous": ["health", "status"]}     the same field in the last completed run
    {"$cursor": ["incidents", type]}        what the cursor is at; the type is a JSON Schema, and may be left out
    {"$failure": ["message"]}               what went wrong, in an on_failure step
    {"$state": []}                          everything a decision may look at
    {"$now": -86400.0}                      the run's clock, moved by seconds
    {"$scheduled": []}                      the time that the run was due
    {"$default": [a, b]}                    b where a is null
    {"$at": [a, "part", 0]}                 a part of a value that is computed
    {"$add": [a, b]}  $sub $mul $div $floordiv $mod $neg
    {"$where": [list, "item", condition]}   the items for which the condition holds; inside it {"$item": ["item", ...]}
    {"$first": [list, "item", condition]}   the first of them, or null
    {"$count": [list, "item", condition]}   how many they are
    {"$any": [list, "item", condition]}     whether there is one; $all whether there is no other
    {"$text": ["{} is down", ...]}          str.format with positional fields
    {"$env": "HEALTH_URL"}                  read on the worker
    {"$secret": "PAGERDUTY_ROUTING_KEY"}    read on the worker, never recorded
    {"$link": [{"$item": [...]}]}           where a person decides a gate; made on the worker, never recorded
    {"$button": [{"$item": [...]}]}         what a button carries to decide it, whoever presses; made on the worker
    {"$during": [{"hours": ..., "at": a}]}  whether a time is in these hours of these days; the worker knows time zones
    {"$eq": [a, b]}  $ne $lt $le $gt $ge $in $contains $search $empty $and $or $not

Plans of earlier releases hold `$matches` for `$search`. It is evaluated by Python's engine, as it was then, because a
run in flight has to come to the same answers in every replay; `build()` no longer writes it.

A key of data that begins with `$` is written with a second `$` in front.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, cast

from resolute.plan.values import Json, JsonObject

Kind: TypeAlias = Literal["value", "name", "key", "number", "variable", "template", "pattern", "old pattern"]
"""What an operand has to be; only a `value` may hold expressions itself."""


@dataclass(frozen=True, kw_only=True)
class Operator:
    """What is known of an operator: the kind of each operand, and how many it takes at least and at most.

    The kind of the last operand is that of all further ones. `role` says where its value comes from, `symbol` how a
    comparison or an operation is written. One that `binds` evaluates its third operand for each item of its first one,
    which is called there what the second one says.
    """

    role: Literal["source", "hole", "value", "condition"]
    operands: tuple[Kind, ...] = ("value",)
    least: int = 1
    most: int | None = 1
    symbol: str = ""
    binds: bool = False


def _comparison(symbol: str, second: Kind = "value") -> Operator:
    return Operator(role="condition", operands=("value", second), least=2, most=2, symbol=symbol)


def _operation(symbol: str) -> Operator:
    return Operator(role="value", least=2, most=2, symbol=symbol)


def _over_items(role: Literal["value", "condition"]) -> Operator:
    return Operator(role=role, operands=("value", "name", "value"), least=3, most=3, binds=True)


TABLE: Final[Mapping[str, Operator]] = {
    "$output": Operator(role="source", operands=("name", "key"), most=None),
    "$previous": Operator(role="source", operands=("name", "key"), most=None),
    "$last": Operator(role="source", operands=("name", "key"), most=None),
    "$item": Operator(role="source", operands=("name", "key"), most=None),
    "$input": Operator(role="source", operands=("key",), least=0, most=None),
    "$failure": Operator(role="source", operands=("key",), least=0, most=None),
    "$cursor": Operator(role="source", operands=("name", "value"), most=2),
    "$state": Operator(role="source", least=0, most=0),
    "$now": Operator(role="source", operands=("number",)),
    "$scheduled": Operator(role="source", least=0, most=0),
    "$env": Operator(role="hole", operands=("variable",)),
    "$secret": Operator(role="hole", operands=("name",)),
    "$link": Operator(role="hole"),
    "$button": Operator(role="hole"),
    "$during": Operator(role="hole"),
    "$text": Operator(role="value", operands=("template", "value"), most=None),
    "$default": Operator(role="value", least=2, most=2),
    "$at": Operator(role="value", operands=("value", "key"), most=None),
    "$add": _operation("+"),
    "$sub": _operation("-"),
    "$mul": _operation("*"),
    "$div": _operation("/"),
    "$floordiv": _operation("//"),
    "$mod": _operation("%"),
    "$neg": Operator(role="value", symbol="-"),
    "$where": _over_items("value"),
    "$first": _over_items("value"),
    "$count": _over_items("value"),
    "$any": _over_items("condition"),
    "$all": _over_items("condition"),
    "$eq": _comparison("=="),
    "$ne": _comparison("!="),
    "$lt": _comparison("<"),
    "$le": _comparison("<="),
    "$gt": _comparison(">"),
    "$ge": _comparison(">="),
    "$in": _comparison("in"),
    "$contains": _comparison("contains"),
    "$search": _comparison("matches", "pattern"),
    "$matches": _comparison("matches", "old pattern"),
    "$empty": Operator(role="condition"),
    "$and": Operator(role="condition", most=None),
    "$or": Operator(role="condition", most=None),
    "$not": Operator(role="condition"),
}
"""Every operator there is: what reads, checks or describes an expression asks here."""


def _of_role(role: str) -> frozenset[str]:
    return frozenset(name for name, operator in TABLE.items() if operator.role == role)


SOURCES: Final = _of_role("source")
HOLES: Final = _of_role("hole")
CONDITIONS: Final = _of_role("condition")
BINDERS: Final = frozenset(name for name, operator in TABLE.items() if operator.binds)
FACTS: Final = frozenset(name for name in HOLES if TABLE[name].operands == ("value",))
"""Holes whose operand is a value of the run, which is known before the worker fills them."""
ARITHMETIC: Final[Mapping[str, str]] = {
    name: operator.symbol for name, operator in TABLE.items() if operator.symbol and operator.role == "value"
}
OPERATORS: Final = frozenset(TABLE)


def operator_of(value: JsonObject) -> str | None:
    """The operator if the object is an expression, else None."""
    if len(value) == 1:
        (key,) = value
        if key.startswith("$") and not key.startswith("$$"):
            return key
    return None


def operands(value: JsonObject) -> list[Json]:
    """The operands of an expression as a list."""
    (inner,) = value.values()
    return list(cast("list[Json]", inner)) if isinstance(inner, (list, tuple)) else [inner]


def escape(value: Json) -> Json:
    """Data as it stands in a plan or in arguments: keys that begin with `$` get a second one."""
    match value:
        case Mapping():
            return {("$" + key if key.startswith("$") else key): escape(item) for key, item in value.items()}
        case list() | tuple():
            return [escape(item) for item in value]
        case _:
            return value


def expressions_in(value: Json) -> Iterator[tuple[str, list[Json]]]:
    """Every expression in a value, outermost first, with its operands."""
    match value:
        case Mapping():
            operator = operator_of(value)
            if operator is not None:
                inner = operands(value)
                yield operator, inner
                if operator not in SOURCES and operator not in HOLES:
                    for item in inner:
                        yield from expressions_in(item)
            else:
                for item in value.values():
                    yield from expressions_in(item)
        case list() | tuple():
            for item in value:
                yield from expressions_in(item)
        case _:
            return


def has_holes(value: Json) -> bool:
    """Whether a part of the value can be known on the worker only."""
    return any(operator in HOLES for operator, _ in expressions_in(value))
