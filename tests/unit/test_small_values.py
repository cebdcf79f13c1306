"""Shapes, policies, results and reports."""

from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from resolute import Policy, Retry
from resolute.plan import Call
from resolute.report import RunReport, StepReport
from resolute.result import OUTPUTS, RETURNS, remembered, result_of
from resolute.saga import Saga
from resolute.shapes import compatible, did_you_mean, or_null, shape_of_type, spoken
from resolute.values import digest, size_of


class Part(BaseModel):
    name: str
    inner: "Part | None" = None


class Whole(BaseModel):
    level: Literal["low", "high"] | None = None
    parts: list[Part] = []
    metrics: dict[str, float] = {}
    pair: tuple[str, int] = ("", 0)
    anything: Any = None


@pytest.mark.parametrize(
    ("path", "kinds"),
    [
        (["level"], {"text", "null"}),
        (["parts"], {"list"}),
        (["parts", 3, "name"], {"text"}),
        (["parts", 0, "inner", "inner", "name"], {"text"}),
        (["metrics", "load"], {"number"}),
        (["pair", 0], {"text"}),
        (["pair", 1], {"int"}),
        (["anything", "at", 0, "all"], set[str]()),
    ],
)
def test_a_shape_knows_the_kinds_at_a_path(path: list[str | int], kinds: set[str]) -> None:
    """Through models, lists, objects, tuples, unions and types that hold themselves."""
    shape = shape_of_type(Whole, "serialization")
    for key in path:
        inner = shape.at(key)
        assert inner is not None
        shape = inner

    assert kinds == shape.kinds


def test_a_shape_knows_what_is_not_there() -> None:
    """A field that no member has, and the values that a type names."""
    shape = shape_of_type(Whole, "serialization")
    level = shape.at("level")

    assert shape.at("colour") is None
    assert shape.at(0) is None
    assert level is not None
    assert ["low", "high"] == level.values
    assert "Whole" == shape.title
    assert {"text", "null"} == or_null(shape_of_type(str, "validation")).kinds


@pytest.mark.parametrize(
    ("source", "target", "fits"),
    [
        ({"int"}, {"number"}, True),
        ({"number"}, {"int"}, False),
        ({"text", "null"}, {"text"}, True),
        ({"bool"}, {"int"}, False),
        (set[str](), {"int"}, True),
        ({"object"}, set[str](), True),
    ],
)
def test_kinds_fit_where_one_value_could(source: set[str], target: set[str], fits: bool) -> None:
    """Only what can never fit is refused; an int is a number, and nothing is known of any."""
    assert fits is compatible(frozenset(source), frozenset(target))


def test_kinds_and_words_are_said_for_people() -> None:
    """With their articles, null last; near words first."""
    assert "a list or text or null" == spoken(frozenset({"null", "text", "list"}))
    assert "did you mean 'message'?" == did_you_mean("mesage", ["status", "message"])
    assert "known: a, b" == did_you_mean("zzz", ["b", "a"])
    assert "" == did_you_mean("zzz", [])


@given(st.integers(1, 10**9), st.floats(0.1, 100), st.floats(1, 10))
def test_pauses_grow_up_to_their_maximum(attempt: int, initial: float, coefficient: float) -> None:
    """No pause is longer than the maximum, and none is shorter than the one before, whatever the attempt."""
    retry = Retry(initial=initial, coefficient=coefficient, maximum=100)

    assert initial == retry.pause(1)
    assert retry.pause(attempt) <= retry.pause(attempt + 1) <= 100


@pytest.mark.parametrize(
    "values", [{"timeout": 0}, {"within": -1}, {"heartbeat": 0}, {"retry": {"attempts": -1}},
               {"retry": {"coefficient": 0.5}}, {"retry": {"initial": 0}}, {"colour": "red"}]
)  # fmt: skip
def test_a_policy_that_means_nothing_is_refused(values: dict[str, Any]) -> None:
    """Lengths are more than nothing, attempts are counted from 0, and there is no other word."""
    with pytest.raises(ValidationError):
        Policy.model_validate(values)


@pytest.mark.parametrize(
    ("recorded", "result", "outputs"),
    [
        ({"a": 1}, {"a": 1}, {"a": 1}),
        ({RETURNS: 3, OUTPUTS: {"a": 1}}, 3, {"a": 1}),
        ({RETURNS: 3}, {RETURNS: 3}, {RETURNS: 3}),
        (3, 3, None),
        (None, None, None),
    ],
)
def test_result_and_memory_are_told_apart(recorded: Any, result: Any, outputs: Any) -> None:
    """What the caller gets is what `returns` said; what the next run reads is the outputs."""
    assert result == result_of(recorded)
    assert outputs == remembered(recorded)


def test_a_report_finds_its_steps() -> None:
    """By name; a name that is not there is a `KeyError`."""
    report = RunReport(flow="f", fingerprint="0", steps=(StepReport(id="a", kind="call"),))

    assert "pending" == report.step("a").status
    with pytest.raises(KeyError, match="b"):
        report.step("b")


def test_a_saga_undoes_in_reverse() -> None:
    """The last step first, the undo steps of one step in their own order, and nothing for steps without any."""

    def call(name: str, *undo: str) -> Call:
        return Call(id=name, node="n", undo=tuple(Call(id=inner, node="n") for inner in undo))

    saga = Saga()
    for step in (call("a", "a1", "a2"), call("b"), call("c", "c1")):
        saga.completed(step)

    assert ["c1", "a1", "a2"] == [step.id for step in saga.due()]


def test_values_have_one_size_and_one_name() -> None:
    """Bytes as JSON, and a digest that does not depend on the order of fields."""
    assert len('{"a":"é"}'.encode()) == size_of({"a": "é"})
    assert digest({"a": 1, "b": [True]}) == digest({"b": [True], "a": 1})
    assert digest({"a": 1}) != digest({"a": True})
