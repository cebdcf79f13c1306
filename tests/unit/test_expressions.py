"""What an author writes where a value is not there yet, and how its misuse is answered."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from pydantic import ValidationError

from resolute import (
    ExpressionError,
    Record,
    contains,
    env,
    failure,
    input_data,
    is_empty,
    matches,
    node,
    not_,
    now,
    one_of,
    output,
    previous,
    secret,
    text,
)
from resolute.plan.expressions import encode, holds_expression

STATUS: Any = output("health.status")


def iterate() -> None:
    for _ in STATUS:
        break


def set_field() -> None:
    STATUS.colour = "red"


MISUSES: list[tuple[Callable[[], object], str]] = [
    (lambda: bool(STATUS == "x"), "has no truth value while the flow is written; combine conditions with & | and not_"),
    (lambda: not STATUS, "has no truth value"),
    (lambda: STATUS and True, "has no truth value"),
    (lambda: "x" in STATUS, r"write contains\(health.status, item\) or one_of\(item, health.status\)"),
    (iterate, "cannot be iterated while the flow is written; do it inside a node"),
    (lambda: str(STATUS), r"is not text yet; write text\('... \{\} ...', health.status\)"),
    (lambda: f"{STATUS} is down", "is not text yet"),
    (lambda: f"{STATUS:>10}", "is not text yet"),
    (set_field, "cannot be changed: it stands for a value of a run"),
    (lambda: text("{name} is down", STATUS), "fields are positional"),
    (lambda: text("{} {0}", STATUS), "fields are positional"),
    (lambda: text("{0.name}", STATUS), "fields are positional"),
    (lambda: text("{:{}}", STATUS, 3), "fields are positional"),
    (lambda: text("{", STATUS), "Single '{' encountered in format string"),
    (lambda: text("{} {}", STATUS), r"has 2 field\(s\) and was given 1 value\(s\)"),
    (lambda: text("{1}", STATUS), r"has 2 field\(s\) and was given 1 value\(s\)"),
    (lambda: text("down", STATUS), r"has 0 field\(s\) and was given 1 value\(s\)"),
    (lambda: matches(STATUS, "(") , "not a regular expression"),
    (lambda: matches(STATUS, r"(\w)\1") , "linear time.*decide in a function"),
    (lambda: matches(STATUS, "(?=down)") , "linear time.*decide in a function"),
    (lambda: matches(STATUS, STATUS), "takes its pattern as text, not health.status"),
    (lambda: previous("critical"), "takes a reference to a step's output, not 'critical'"),
    (lambda: previous(previous(STATUS)), r"takes a reference to a step's output, not previous\(health.status\)"),
    (lambda: previous(input_data("x")), "takes a reference to a step's output, not input.x"),
    (lambda: env("HOSTS", cast("type[str]", list)), r"env\('HOSTS'\) can be read as str, int, float or bool, not list"),
    (lambda: env("KEY", default=secret("KEY")), r"takes a plain value, not secret\('KEY'\)"),
]  # fmt: skip


@pytest.mark.parametrize(("misuse", "remedy"), MISUSES)
def test_a_misuse_is_answered_with_its_remedy(misuse: Callable[[], object], remedy: str) -> None:
    """Using a value of the run as if it were there is said at once, with what to write instead."""
    with pytest.raises(ExpressionError, match=remedy):
        misuse()


def test_no_set_or_dict_holds_an_expression() -> None:
    """Equality builds a condition, so a lookup could only be wrong."""
    with pytest.raises(TypeError, match="unhashable"):
        hash(STATUS)


@node
async def check() -> str:
    return "fine"


ENCODED: list[tuple[object, object]] = [
    (output("a.b[2].c-d"), {"$output": ["a", "b", 2, "c-d"]}),
    (check().output, {"$output": ["check"]}),
    (check().as_("health").output, {"$output": ["health"]}),
    (output("a").b["$odd"][0], {"$output": ["a", "b", "$odd", 0]}),
    (input_data(), {"$input": []}),
    (input_data("a.b"), {"$input": ["a", "b"]}),
    (previous(output("a.b")), {"$previous": ["a", "b"]}),
    (failure().step, {"$failure": ["step"]}),
    (env("A"), {"$env": "A"}),
    (env("A", default="b"), {"$env": {"name": "A", "type": "text", "default": "b"}}),
    (env("A", int), {"$env": {"name": "A", "type": "int", "default": None}}),
    (env("A", bool, default=False), {"$env": {"name": "A", "type": "bool", "default": False}}),
    (secret("A"), {"$secret": "A"}),
    (now() - timedelta(hours=24) + timedelta(hours=1), {"$now": -82800.0}),
    (text("{} {{}}", STATUS), {"$text": ["{} {{}}", {"$output": ["health", "status"]}]}),
    ((STATUS == "a") & ~(STATUS != "b"), {"$and": [
        {"$eq": [{"$output": ["health", "status"]}, "a"]},
        {"$not": [{"$ne": [{"$output": ["health", "status"]}, "b"]}]}]}),
    (True & (STATUS < 3), {"$and": [True, {"$lt": [{"$output": ["health", "status"]}, 3]}]}),
    (False | (STATUS >= 3), {"$or": [False, {"$ge": [{"$output": ["health", "status"]}, 3]}]}),
    (3 < STATUS, {"$gt": [{"$output": ["health", "status"]}, 3]}),
    (contains(output("a"), 1), {"$contains": [{"$output": ["a"]}, 1]}),
    (one_of(output("a"), [1]), {"$in": [{"$output": ["a"]}, [1]]}),
    (is_empty(output("a")), {"$empty": [{"$output": ["a"]}]}),
    (not_(output("a")), {"$not": [{"$output": ["a"]}]}),
    (matches(output("a"), "^x"), {"$search": [{"$output": ["a"]}, "^x"]}),
    ({"$k": STATUS, 1: "$v"}, {"$$k": {"$output": ["health", "status"]}, "1": "$v"}),
    ((1, [datetime(2026, 1, 1, tzinfo=UTC)]), [1, ["2026-01-01T00:00:00Z"]]),
]  # fmt: skip


@pytest.mark.parametrize(("written", "expected"), ENCODED)
def test_what_is_written_becomes_json(written: object, expected: object) -> None:
    """Every word of the language has one form in the plan."""
    assert expected == encode(written)


class Link(Record):
    href: str
    count: int = 0


@dataclass
class Pair:
    left: object
    right: object


def test_a_record_takes_references_in_its_fields() -> None:
    """A field that is not there yet is checked by `build()`; one that is there is checked at once."""
    assert {"href": {"$output": ["a"]}, "count": 1} == encode(Link(href=output("a"), count=1))
    with pytest.raises(ValidationError):
        Link(href=output("a"), count=cast("int", "many"))


def test_references_are_found_at_any_depth() -> None:
    """In lists, objects, dataclasses and records alike."""
    assert holds_expression({"a": [Pair(1, Link(href=STATUS))]})
    assert not holds_expression({"a": [Pair(1, Link(href="x"))]})
    assert {"a": [{"left": 1, "right": {"href": {"$output": ["health", "status"]}, "count": 0}}]} == encode(
        {"a": [Pair(1, Link(href=STATUS))]}
    )


def test_copying_tools_find_no_fields() -> None:
    """A reference answers no dunder attribute, so that libraries do not take it for something that it is not."""
    assert not hasattr(STATUS, "__fspath__")
