"""Small values of a run: results, reports, undo steps, JSON."""

from typing import Any

import pytest

from resolute.plan.kinds.call import Call
from resolute.plan.values import digest, size_of
from resolute.running.frame import Kept, top_frame
from resolute.running.recall import Memory, memory_in_result
from resolute.running.report import RunReport, StepReport
from resolute.running.result import OUTPUTS, RETURNS, RUN, recorded_of, result_of
from resolute.running.saga import Saga


@pytest.mark.parametrize(
    ("recorded", "result", "memory"),
    [
        ({"a": 1}, {"a": 1}, Memory({"a": 1})),
        ({RETURNS: 3, OUTPUTS: {"a": 1}}, 3, Memory({"a": 1})),
        ({RETURNS: 3, OUTPUTS: {"a": 1}, RUN: 7}, 3, Memory({"a": 1}, 7)),
        ({RETURNS: 3}, {RETURNS: 3}, Memory({RETURNS: 3})),
        (3, 3, None),
        (None, None, None),
    ],
)
def test_result_and_memory_are_told_apart(recorded: Any, result: Any, memory: Any) -> None:
    """Its caller gets the result, the next run its memory; also of what earlier releases recorded."""
    assert result == result_of(recorded)
    assert memory == memory_in_result(recorded)


@pytest.mark.parametrize("memory", [{"a": 1}, {}, None])
@pytest.mark.parametrize("returned", [3, None, {"a": 1}, {RETURNS: 1, OUTPUTS: {"a": 2}}])
def test_a_result_is_never_mistaken_for_another(returned: Any, memory: Any) -> None:
    """Whatever data a flow returns, its caller gets exactly that."""
    assert returned == result_of(recorded_of(returned, memory))


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

    saga = Saga(keeps_parts=True)
    for step in (call("a", "a1", "a2"), call("b"), call("c", "c1")):
        saga.completed(step, top_frame(Kept()))

    assert ["c1", "a1", "a2"] == [step.id for step, _ in saga.due()]


def test_values_have_one_size_and_one_name() -> None:
    """Bytes as JSON, and a digest that does not depend on the order of fields."""
    assert len('{"a":"é"}'.encode()) == size_of({"a": "é"})
    assert digest({"a": 1, "b": [True]}) == digest({"b": [True], "a": 1})
    assert digest({"a": 1}) != digest({"a": True})
