"""The expression language of plans, as JSON.

A value in a plan is plain JSON, except that an object with exactly one key that begins with `$` is an expression:

    {"$output": ["health", "message"]}      a field of an earlier step's output
    {"$input": ["channel"]}                 a field of the run's input
    {"$item": ["certs", "host"]}            a field of the current item of what is called "certs"
    {"$previous": ["health", "status"]}     the same field in the last completed run
    {"$failure": ["message"]}               what went wrong, in an on_failure step
    {"$state": []}                          everything a decision may look at
    {"$now": -86400.0}                      the run's clock, moved by seconds
    {"$default": [a, b]}                    b where a is null
    {"$text": ["{} is down", ...]}          str.format with positional fields
    {"$env": "HEALTH_URL"}                  read on the worker
    {"$secret": "PAGERDUTY_ROUTING_KEY"}    read on the worker, never recorded
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
    comparison is written.
    """

    role: Literal["source", "hole", "value", "condition"]
    operands: tuple[Kind, ...] = ("value",)
    least: int = 1
    most: int | None = 1
    symbol: str = ""


def _comparison(symbol: str, second: Kind = "value") -> Operator:
    return Operator(role="condition", operands=("value", second), least=2, most=2, symbol=symbol)


TABLE: Final[Mapping[str, Operator]] = {
    "$output": Operator(role="source", operands=("name", "key"), most=None),
    "$previous": Operator(role="source", operands=("name", "key"), most=None),
    "$item": Operator(role="source", operands=("name", "key"), most=None),
    "$input": Operator(role="source", operands=("key",), least=0, most=None),
    "$failure": Operator(role="source", operands=("key",), least=0, most=None),
    "$state": Operator(role="source", least=0, most=0),
    "$now": Operator(role="source", operands=("number",)),
    "$env": Operator(role="hole", operands=("variable",)),
    "$secret": Operator(role="hole", operands=("name",)),
    "$text": Operator(role="value", operands=("template", "value"), most=None),
    "$default": Operator(role="value", least=2, most=2),
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
COMPARISONS: Final[Mapping[str, str]] = {name: operator.symbol for name, operator in TABLE.items() if operator.symbol}
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


def describe(value: Json) -> str:
    """A value as a person reads it, for diagrams and messages: `health.status == 'critical'`."""
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
        case "$previous":
            return f"previous({dotted(inner)})"
        case "$env" | "$secret":
            name = inner[0]["name"] if isinstance(inner[0], Mapping) else inner[0]
            return f"{operator[1:]}({name!r})"
        case "$now":
            return _describe_now(float(cast("float", inner[0])))
        case "$text":
            return f"text({', '.join(describe(item) for item in inner)})"
        case "$default":
            return f"{describe(inner[0])} or else {describe(inner[1])}"
        case "$and" | "$or":
            return f" {operator[1:]} ".join(_grouped(item) for item in inner)
        case "$not":
            return f"not {_grouped(inner[0])}"
        case "$empty":
            return f"{describe(inner[0])} is empty"
        case _:
            return f"{_bracketed(inner[0])} {COMPARISONS.get(operator, operator)} {_bracketed(inner[1])}"


def _bracketed(value: Json) -> str:
    text = describe(value)
    return f"({text})" if isinstance(value, Mapping) and operator_of(value) == "$default" else text


def _grouped(value: Json) -> str:
    text = describe(value)
    return f"({text})" if isinstance(value, Mapping) and operator_of(value) in {"$and", "$or"} else text


def _describe_now(shift: float) -> str:
    if shift == 0:
        return "now"
    size, sign = abs(shift), "-" if shift < 0 else "+"
    for unit, seconds in (("d", 86400), ("h", 3600), ("m", 60)):
        if size % seconds == 0:
            return f"now {sign} {size / seconds:g}{unit}"
    return f"now {sign} {size:g}s"
