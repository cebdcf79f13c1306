"""What expressions of a plan mean, and that it does not matter where they are evaluated."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolute.plan.described import describe
from resolute.plan.errors import FlowError, TextError
from resolute.plan.language import escape, expressions_in, has_holes, operator_of
from resolute.plan.values import Json
from resolute.running.evaluate import Scope, evaluate, is_true, prepare

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
KEYS = st.text("$ab", max_size=4) | st.sampled_from(["$output", "$secret", "$$env", "$", "plain"])
LEAVES = st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from([0.5, "2026-01-01", "x", "", "$now"])
DATA: st.SearchStrategy[Any] = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)
SOURCES: st.SearchStrategy[Any] = st.sampled_from(
    [
        {"$output": ["a"]},
        {"$output": ["a", "deep", 0]},
        {"$output": ["missing", "field"]},
        {"$input": ["x"]},
        {"$previous": ["a", "deep"]},
        {"$failure": ["step"]},
        {"$now": -60.0},
        {"$env": "REGION"},
        {"$env": {"name": "PORT", "type": "int", "default": 1}},
        {"$secret": "KEY"},
    ]
)
BINARY = ["$default", "$eq", "$ne", "$lt", "$le", "$gt", "$ge", "$in", "$contains", "$and", "$or"]


def operation(operator: str, *inner: Any) -> dict[str, Any]:
    return {operator: list(inner)}


EXPRESSIONS: st.SearchStrategy[Any] = st.recursive(
    SOURCES | DATA.map(escape),
    lambda inner: st.one_of(
        st.builds(operation, st.sampled_from(BINARY), inner, inner),
        st.builds(operation, st.sampled_from(["$not", "$empty"]), inner),
        inner.map(lambda a: {"$text": ["it is {}", a]}),
        st.lists(inner, max_size=2),
        st.dictionaries(st.sampled_from(["k", "$$k", "l"]), inner, max_size=2),
    ),
    max_leaves=8,
)


def read(operator: str, operand: Json) -> Json:
    return f"{operator} {operand}" if isinstance(operand, str) else 8080


def scope(output: Json, *, reads: bool) -> Scope:
    return Scope(
        outputs={"a": output},
        input={"x": output},
        previous={"a": {"deep": output}},
        failure={"step": "a"},
        now=lambda: NOW,
        read=read if reads else None,
    )


@given(DATA)
def test_data_means_itself(data: Json) -> None:
    """Whatever its keys are, data that was escaped comes out as it went in."""
    assert data == evaluate(escape(data), Scope())
    assert [] == list(expressions_in(escape(data)))


@given(EXPRESSIONS, DATA)
def test_two_halves_make_one_whole(value: Json, output: Json) -> None:
    """What the workflow prepares and the worker finishes is what one place would have evaluated at once."""
    at_once = evaluate(value, scope(output, reads=True))
    prepared = prepare(value, scope(output, reads=False))

    assert at_once == evaluate(prepared, Scope(read=read))


@given(EXPRESSIONS, DATA)
def test_what_comes_later_can_be_filled_in_later(value: Json, output: Json) -> None:
    """What is prepared before an output is known, and again with it, is what is prepared when all is known."""
    known = scope(output, reads=False)
    before = prepare(value, replace(known, outputs={}), later=["a"])

    assert prepare(value, known) == prepare(before, Scope(outputs={"a": output}))


@given(EXPRESSIONS.filter(has_holes), DATA)
def test_only_holes_are_left_by_the_workflow(value: Json, output: Json) -> None:
    """Prepared arguments need nothing of the run any more: no output, no input, no clock."""
    left = {operator for operator, _ in expressions_in(prepare(value, scope(output, reads=False)))}

    assert not left & {"$output", "$input", "$previous", "$failure", "$state", "$now"}


@given(EXPRESSIONS)
def test_every_expression_can_be_said(value: Json) -> None:
    """Diagrams and messages describe whatever a plan may hold."""
    assert describe(value)


TABLE: list[tuple[str, Json, Json, bool]] = [
    ("$eq", None, None, True),
    ("$eq", None, 0, False),
    ("$eq", None, False, False),
    ("$eq", True, 1, False),
    ("$eq", [True], [1], False),
    ("$eq", {"a": False}, {"a": 0}, False),
    ("$eq", {"a": 1, "b": [2]}, {"b": [2], "a": 1.0}, True),
    ("$eq", 1, 1.0, True),
    ("$eq", "1", 1, False),
    ("$eq", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00+01:00", True),
    ("$eq", "2026-01-01", "2026-01-01T00:00:00+00:00", True),
    ("$eq", "20260101110", "20260101210", False),
    ("$eq", "2026-01-01 and so on", "2026-01-01 and so on", True),
    ("$ne", None, "x", True),
    ("$ne", True, 1, True),
    ("$lt", 1, 2, True),
    ("$lt", 1, 1.5, True),
    ("$lt", None, 2, False),
    ("$ge", None, None, False),
    ("$lt", False, 2, False),
    ("$le", True, True, False),
    ("$lt", "1", 2, False),
    ("$gt", [2], [1], False),
    ("$lt", "a", "b", True),
    ("$lt", "2026-01-01T00:30:00+01:00", "2026-01-01T00:00:00Z", True),
    ("$gt", "2026-01-01T00:30:00+01:00", "2026-01-01T00:00:00Z", False),
    ("$le", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00+00:00", True),
    ("$in", 1, [True], False),
    ("$in", "a", ["a", None], True),
    ("$in", None, [None], True),
    ("$in", "ell", "hello", True),
    ("$in", 1, "1", False),
    ("$in", 1, None, False),
    ("$contains", {"key": 0}, "key", True),
    ("$contains", {"1": 0}, 1, False),
    ("$contains", ["2026-01-01T00:00:00Z"], "2026-01-01T00:00:00+00:00", True),
    ("$search", "db-7 is down", "db-[0-9]", True),
    ("$search", None, ".*", False),
    ("$search", "half of a character: \ud800", "r: .$", True),
    ("$matches", "db-7 is down", "db-[0-9]", True),
    ("$matches", None, ".*", False),
    ("$matches", 7, "7", False),
    ("$and", True, 1, False),
    ("$or", None, "yes", False),
    ("$or", False, True, True),
]


@pytest.mark.parametrize(("operator", "left", "right", "holds"), TABLE)
def test_conditions_compare_json(operator: str, left: Json, right: Json, holds: bool) -> None:
    """JSON's own kinds: true is no number, null has no order, times are compared as times, unlike kinds never fit."""
    assert holds is is_true({operator: [left, right]}, Scope())


@pytest.mark.parametrize(
    ("value", "empty"), [(None, True), ("", True), ([], True), ({}, True), (0, False), (False, False), ([None], False)]
)
def test_emptiness_is_of_null_and_containers(value: Json, empty: bool) -> None:
    """Zero and false are values; null, no text, no items and no fields are none."""
    assert empty is is_true({"$empty": [value]}, Scope())


@pytest.mark.parametrize("value", [1, "true", None, [True], {"a": 1}])
def test_only_true_is_true(value: Json) -> None:
    """Nothing is taken for true but true itself, so the opposite of anything else holds."""
    assert not is_true(escape(value), Scope())
    assert is_true({"$not": [escape(value)]}, Scope())


@pytest.mark.parametrize(
    "path", [["a", "no"], ["a", 9], ["a", "list", 5], ["a", "list", -4], ["nobody"], ["a", "n", "m"]]
)
def test_what_is_not_there_is_null(path: list[str | int]) -> None:
    """A path that leads nowhere gives null, as a missing field of JSON does."""
    found = evaluate({"$output": path}, Scope(outputs={"a": {"list": [1, 2, 3], "n": None}}))

    assert found is None


def test_a_path_leads_to_any_depth() -> None:
    """Fields and positions, in any order."""
    outputs: dict[str, Json] = {"a": {"items": [{"name": "x"}, {"name": "y"}]}}

    assert "y" == evaluate({"$output": ["a", "items", 1, "name"]}, Scope(outputs=outputs))


def test_now_is_the_clock_of_the_run() -> None:
    """A shift moves it, and a scope without a clock has no time of its own."""
    assert "2026-03-03T12:00:00+00:00" == evaluate({"$now": -86400.0}, Scope(now=lambda: NOW))
    with pytest.raises(FlowError, match="needs the clock of a run"):
        evaluate({"$now": 0.0}, Scope())


def test_text_is_filled_with_what_people_read() -> None:
    """Texts and numbers as they are, everything else as JSON."""
    value: Json = {"$text": ["{} {} {} {:.1f}", "a", None, escape({"$k": [True]}), 0.25]}

    assert 'a null {"$k": [true]} 0.2' == evaluate(value, Scope())


def test_a_text_that_cannot_hold_its_values_fails_the_run() -> None:
    """The error shows the template."""
    with pytest.raises(TextError, match=r"text\('\{:d\}'\) cannot be filled with"):
        evaluate({"$text": ["{:d}", "x"]}, Scope())


@pytest.mark.parametrize("operator", ["$env", "$secret"])
def test_the_workflow_cannot_read_the_environment(operator: str) -> None:
    """What is the worker's stays a hole, and asking for it at once is an error."""
    assert {operator: "X"} == prepare({operator: "X"}, Scope())
    with pytest.raises(FlowError, match="read on the worker"):
        evaluate({operator: "X"}, Scope())


def test_an_operator_of_a_newer_plan_is_no_data() -> None:
    """A worker that does not know an operator says so instead of passing it on as an object."""
    with pytest.raises(FlowError, match=r"does not know: \$sum"):
        evaluate({"$sum": [1]}, Scope())


@pytest.mark.parametrize(
    ("value", "operator"), [({"$eq": []}, "$eq"), ({"$$eq": []}, None), ({"$eq": [], "b": 1}, None), ({}, None)]
)
def test_an_expression_is_an_object_with_one_marked_key(value: dict[str, Json], operator: str | None) -> None:
    """Exactly one key that begins with one dollar."""
    assert operator == operator_of(value)


SAID: list[tuple[Json, str]] = [
    ({"$eq": [{"$output": ["health", "status"]}, "critical"]}, "health.status == 'critical'"),
    ({"$and": [{"$or": [True, False]}, {"$not": [{"$empty": [{"$input": []}]}]}]},
 "(true or false) and not input is empty"),
    ({"$previous": ["a", "items", 0, "n"]}, "previous(a.items[0].n)"),
    ({"$now": 0}, "now"),
    ({"$now": -86400.0}, "now - 1d"),
    ({"$now": 5400.0}, "now + 90m"),
    ({"$now": -1.5}, "now - 1.5s"),
    ({"$env": {"name": "PORT", "type": "int", "default": None}}, "env('PORT')"),
    ({"$secret": "KEY"}, "secret('KEY')"),
    ({"a": [None, 1]}, "{a: [null, 1]}"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "said"), SAID)
def test_expressions_read_as_their_authors_wrote_them(value: Json, said: str) -> None:
    """In the words of the author's Python."""
    assert said == describe(value)
