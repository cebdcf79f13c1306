"""Small values of a run: results, reports, undo steps, JSON."""

from typing import Any

import pytest

from resolute.plan.plan import Call
from resolute.plan.values import digest, size_of
from resolute.running.report import RunReport, StepReport
from resolute.running.result import OUTPUTS, RETURNS, recorded_of, remembered, result_of
from resolute.running.saga import Saga


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


@pytest.mark.parametrize("remembers", [True, False])
@pytest.mark.parametrize("returned", [3, None, {"a": 1}, {RETURNS: 1, OUTPUTS: {"a": 2}}])
def test_a_result_is_never_mistaken_for_another(returned: Any, remembers: bool) -> None:
    """Whatever data a flow returns, its caller gets exactly that."""
    assert returned == result_of(recorded_of(returned, {"a": 1}, remembers=remembers))


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
