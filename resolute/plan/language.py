"""The expression language of plans, as JSON.

A value in a plan is plain JSON, except that an object with exactly one key that begins with `$` is an expression:

    {"$output": ["health", "message"]}      a field of an earlier step's output
    {"$input": ["channel"]}                 a field of the run's input
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
from typing import Final, cast

from resolute.plan.values import Json, JsonObject

SOURCES: Final = frozenset({"$output", "$input", "$previous", "$failure", "$state", "$now"})
HOLES: Final = frozenset({"$env", "$secret"})
COMPARISONS: Final[Mapping[str, str]] = {
    "$eq": "==", "$ne": "!=", "$lt": "<", "$le": "<=", "$gt": ">", "$ge": ">=",
    "$in": "in", "$contains": "contains", "$search": "matches", "$matches": "matches",
}  # fmt: skip
CONDITIONS: Final = frozenset({*COMPARISONS, "$empty", "$and", "$or", "$not"})
OPERATORS: Final = SOURCES | HOLES | CONDITIONS | {"$text", "$default"}


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
        case "$output":
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
