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
    scheduled_for,
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


UNKNOWN = "is not known while the flow is written"
COMPUTE = f"{UNKNOWN}; compute it in a node, and read the node's output"
UNDECIDED = (
    f"health.status == 'x' {UNKNOWN}, so Python cannot decide on it: instead of `and`, `or` and `not` write (a) & (b), "
    "(a) | (b) and ~(a); instead of `x in [...]`, one_of(x, [...]); instead of `if`, .when(condition)"
)
TEXT = "write text('... {} ...', health.status)"
NO_NUMBER = "is no number, no time and no timedelta; compute it in a node, and read the node's output"
TIMES = "the clock of a run is moved by a timedelta, as in now() - timedelta(hours=24), and compared with other times"
ANSWERS: list[tuple[Callable[[], object], str]] = [
    (lambda: "x" + STATUS, f"'x' + health.status: health.status {UNKNOWN}; write text('x{{}}', health.status)"),
    (lambda: STATUS + " {now}", f"health.status + ' {{now}}': health.status {UNKNOWN}; "
     "write text('{} {{now}}', health.status)"),
    (lambda: STATUS * "x", f"health.status * 'x': 'x' {NO_NUMBER}"),
    (lambda: STATUS + True, f"health.status + True: True {NO_NUMBER}"),
    (lambda: STATUS / None, f"health.status / None: None {NO_NUMBER}"),
    (lambda: [1] + STATUS,  # noqa: RUF005  # the addition is what is tested
     f"[1] + health.status: [1] {NO_NUMBER}"),
    (lambda: STATUS**2, f"health.status ** 2: health.status {COMPUTE}"),
    (lambda: +STATUS, f"+health.status: health.status {COMPUTE}"),
    (lambda: int(STATUS), f"int(health.status): health.status {COMPUTE}"),
    (lambda: round(STATUS), f"round(health.status): health.status {COMPUTE}"),
    (lambda: len(STATUS), f"len(health.status): health.status {UNKNOWN}; "
     "write count(...), or is_empty(...)"),
    (lambda: STATUS.upper(), f"health.status.upper(...): health.status {UNKNOWN} and has no methods; "
     f"call .upper(...) in a node that takes it; to put it into a text, {TEXT}"),
    (lambda: STATUS.startswith("x"), f"health.status.startswith(...): health.status {UNKNOWN} and has no methods; "
     "write matches(health.status, '^...')"),
    (lambda: STATUS.get("x"), f"health.status.get(...): health.status {UNKNOWN} and has no methods; "
     "write health.status['key']"),
    (lambda: output("health")(), "health is a value of the run and cannot be called; call it in a node"),
    (lambda: STATUS == "x" and STATUS, UNDECIDED),
    (lambda: STATUS == "x" or STATUS, UNDECIDED),
    (lambda: not (STATUS == "x" or STATUS), UNDECIDED),
    (lambda: STATUS in ["x", "y"], UNDECIDED),
    (lambda: 1 if STATUS == "x" else 2, UNDECIDED),
    (lambda: "x" in STATUS, f"'x' in health.status: health.status {UNKNOWN}; write contains(health.status, 'x')"),
    (lambda: STATUS in output("known"), f"health.status in known: known {UNKNOWN}; "
     "write contains(known, health.status) or one_of(health.status, known)"),
    (iterate, f"health.status cannot be iterated: it {UNKNOWN}; write where(...), first(...), count(...), any_of(...) "
     "or all_of(...), or give it to a node, and iterate there"),
    (lambda: str(STATUS), f"health.status is not text yet: it {UNKNOWN}; {TEXT}"),
    (lambda: f"{STATUS} is down", f"health.status is not text yet: it {UNKNOWN}; {TEXT}"),
    (lambda: f"{STATUS:>10}", f"health.status is not text yet: it {UNKNOWN}; {TEXT}"),
    (lambda: f"%s {'is'}" % STATUS, f"health.status is not text yet: it {UNKNOWN}; {TEXT}"),
    (lambda: now() + cast("timedelta", 5), f"now + 5: {TIMES}"),
    (lambda: now() - cast("datetime", "noon"), f"now - 'noon': {TIMES}"),
]  # fmt: skip


@pytest.mark.parametrize(("misuse", "answer"), ANSWERS)
def test_python_on_a_value_of_the_run_is_answered_with_what_to_write(misuse: Callable[[], object], answer: str) -> None:
    """Whatever would need the value now says what was written, why it cannot be, and what to write instead."""
    with pytest.raises(ExpressionError) as caught:
        misuse()

    assert answer == str(caught.value)


MISUSES: list[tuple[Callable[[], object], str]] = [
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
    """Equality builds a condition, so a lookup could only be wrong; a `try` that waits for a TypeError gets one."""
    assert issubclass(ExpressionError, TypeError)
    for lookup in (lambda: hash(STATUS), lambda: {STATUS}, lambda: {STATUS: 1}, lambda: STATUS in {"x"}):
        with pytest.raises(ExpressionError) as caught:
            lookup()

        assert (
            f"health.status cannot be in a set or be a key of a dict: it {UNKNOWN}; instead of `x in {{...}}` write "
            "one_of(x, [...]), and make a dict with such a key in a node"
        ) == str(caught.value)


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
    (timedelta(hours=1) + now(), {"$now": 3600.0}),
    (now() - output("a.at"), {"$sub": [{"$now": 0.0}, {"$output": ["a", "at"]}]}),
    (scheduled_for() - timedelta(minutes=5), {"$sub": [{"$scheduled": []}, "PT5M"]}),
    (datetime(2026, 1, 1, tzinfo=UTC) - STATUS, {"$sub": ["2026-01-01T00:00:00Z", {"$output": ["health", "status"]}]}),
    (1 + STATUS * 2.5, {"$add": [1, {"$mul": [{"$output": ["health", "status"]}, 2.5]}]}),
    (-STATUS / 3, {"$div": [{"$neg": [{"$output": ["health", "status"]}]}, 3]}),
    (7 // STATUS % 2, {"$mod": [{"$floordiv": [7, {"$output": ["health", "status"]}]}, 2]}),
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


def test_completion_offers_the_fields_that_are_known() -> None:
    """In a shell, a reference offers what its node returns, at any depth; and nothing where that is not known."""
    found = check_link().output

    assert ["count", "href"] == dir(found)
    assert ["count", "href"] == dir(cast("Any", links().output)[0])
    assert ["error_type", "message", "node", "step"] == dir(failure())
    assert [] == dir(STATUS)


@node
async def check_link() -> Link:
    raise OSError


@node
async def links() -> list[Link]:
    raise OSError
