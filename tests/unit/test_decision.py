"""Plain functions as conditions: each has a name that is its own, and the same in every process."""

from collections.abc import Callable
from typing import Any

import pytest

from resolute import State, flow, manual, node
from resolute.testing import FlowTester
from resolute.writing.decision import DecisionError, decision_node


@node
async def note(words: str) -> str:
    return words


def is_three(state: State) -> bool:
    return state.input == 3


def more_than(limit: object) -> Callable[[State], bool]:
    return lambda state: state.input > limit  # type: ignore[operator]  # any JSON


def above(limit: int) -> Callable[[Any], bool]:
    return lambda state, limit=limit: state.input > limit


def name_of(function: Callable[[Any], object]) -> str:
    return decision_node(function).name


def test_a_named_function_is_known_by_its_name() -> None:
    """Its module and name, so that its body can be mended."""
    assert f"decision.{__name__}.is_three" == name_of(is_three)


def test_different_lambdas_are_different_decisions() -> None:
    """By their code, by what they close over and by their defaults."""
    by_default: list[Callable[[Any], object]] = [lambda state, most=most: state.input > most for most in (1, 2)]
    names = [
        name_of(lambda state: state.input > 1),
        name_of(lambda state: state.input > 2),
        name_of(lambda state: state.input < 1),
        name_of(lambda state: state.result > 1),
        name_of(lambda state: state.input in {"a", "b"}),
        name_of(lambda state: state.input in {"a", "c"}),
        name_of(more_than(1)),
        name_of(more_than(2)),
        *map(name_of, by_default),
    ]

    assert len(names) == len(set(names))


def test_the_same_lambda_is_the_same_decision() -> None:
    """A flow that is built again runs by the same names."""
    assert name_of(more_than(1)) == name_of(more_than(1))


def test_the_same_words_in_another_module_are_another_decision() -> None:
    """The names in it may mean something else there."""
    there: dict[str, Any] = {"__name__": "there"}
    exec("decide = lambda state: state.input > LIMIT", there)
    elsewhere: dict[str, Any] = {"__name__": "elsewhere"}
    exec("decide = lambda state: state.input > LIMIT", elsewhere)

    assert name_of(there["decide"]) != name_of(elsewhere["decide"])


@pytest.mark.parametrize("value", [[1], {"a": 1}, object()])
def test_what_cannot_be_told_apart_is_refused(value: object) -> None:
    """A function over an object is not the same in another process."""
    with pytest.raises(DecisionError, match=r"it closes over a (list|dict|object); name the function at module level"):
        name_of(more_than(value))


def test_a_callable_object_is_refused() -> None:
    """It has no code to know it by."""
    with pytest.raises(DecisionError, match="give a plain function or a lambda"):
        name_of(print)


async def waits(state: State) -> bool:
    return state.get("note") == "a" and "note" in state


@pytest.mark.parametrize(("words", "taken"), [("a", "then"), ("b", "otherwise")])
async def test_a_decision_looks_at_the_state(words: str, taken: str) -> None:
    """It may wait, and it sees the outputs so far."""
    steps = flow("f").triggered_by(manual("m")).then(note(words)).when(waits).then(note("x")).end_when()
    run = await FlowTester(steps.build()).run()

    assert taken == run.step("when").taken
    assert {"state": {"outputs": {"note": words}, "input": None, "previous": None}} == run.calls_of("when_decision")[
        0
    ].arguments


async def test_decisions_made_in_a_loop_keep_their_own_limits() -> None:
    """Two lambdas of the same words do not take each other's place."""
    builder = flow("f").triggered_by(manual("m"))
    for limit in (1, 5):
        builder = builder.when(above(limit)).then(note("x")).end_when()
    run = await FlowTester(builder.build()).run(3)

    assert ["then", "otherwise"] == [run.step(name).taken for name in ("when", "when_2")]
