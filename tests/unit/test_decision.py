"""Plain functions as conditions: a run in flight finds them again by flow, step and name, whatever was edited."""

import functools
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from resolute import FlowBuilder, FlowBuildError, State, flow, manual, node
from resolute.execution.decisions import decision_for
from resolute.execution.executor import NodeExecutor
from resolute.memory.runtime import run_in_memory
from resolute.plan.context import CallContext
from resolute.plan.errors import UnknownNodeError
from resolute.plan.kinds.call import calls_in
from resolute.plan.provider import NodeDefinition
from resolute.testing import FlowTester
from resolute.writing.decision import DecisionError, decision_node, kept_decision

Function = Callable[[Any], object]


@node
async def note(words: str) -> str:
    return words


def is_three(state: State) -> bool:
    return state.input == 3


def is_four(state: State) -> bool:
    return state.input == 4


def above(limit: int) -> Callable[[Any], bool]:
    return lambda state: state.input > limit


class Rules:
    def __init__(self, limit: int) -> None:
        self.limit = limit

    def is_bad(self, state: State) -> bool:
        return state.input == self.limit

    @classmethod
    def is_good(cls, state: State) -> bool:
        return state.input is None

    @staticmethod
    def is_urgent(state: State) -> bool:
        return state.input == "urgent"

    def __call__(self, state: State) -> bool:
        return True


def deciding(*functions: Function, name: str = "watch") -> FlowBuilder:
    """A flow with a block for each function."""
    builder = flow(name).triggered_by(manual("m"))
    for function in functions:
        builder = builder.when(cast("Any", function)).then(note("x")).end_when()
    return builder


def names(builder: FlowBuilder) -> list[str]:
    """The names of the decisions in a flow."""
    return [call.node for call in calls_in(builder.build().plan.steps) if call.node != "note"]


def edited(function: Function) -> Function:
    """Another function of the same name, as after an edit."""
    changed: Function = lambda state: not function(state)  # noqa: E731  # it gets a name below
    changed.__qualname__, changed.__module__ = getattr(function, "__qualname__", ""), function.__module__
    return changed


def test_a_decision_is_named_by_flow_and_step() -> None:
    """And by its function where that has a name; never by code, which another Python writes in another way."""
    assert [
        "decision.watch.when_decision:is_three",
        "decision.watch.when_2_decision",
        "decision.watch.when_3_decision:Rules.is_urgent",
    ] == names(deciding(is_three, lambda state: state.input > 1, Rules.is_urgent))


def test_another_body_is_the_same_decision() -> None:
    """An edit of a lambda or a function changes neither the plan nor its fingerprint."""
    before = deciding(above(1), is_three).build().plan
    after = deciding(lambda state: state.input is None, edited(is_three)).build().plan

    assert before == after
    assert before.fingerprint == after.fingerprint


def found(recorded: str, *definitions: NodeDefinition, step: str = "when_decision", flow: str = "watch") -> object:
    """What a decision that a run recorded finds; its origin, or None."""
    call = CallContext(flow=flow, run_id="r", step=step, node=recorded)
    decision = decision_for(call, {each.name: each for each in definitions})
    return None if decision is None else decision.origin.rpartition(".")[2]


THREE = decision_node(is_three, flow="watch", step="when_decision")
FOUR = decision_node(is_four, flow="watch", step="when_2_decision")
LAMBDA = decision_node(lambda state: state.input == 5, flow="watch", step="when_decision")
ELSEWHERE = NodeDefinition(name="decision.:elsewhere:is_three", function=above(1))


@pytest.mark.parametrize(
    ("recorded", "definitions", "expected"),
    [
        # The block moved to another place.
        ("decision.watch.when_decision:is_four", (THREE, FOUR), "is_four"),
        # The flow no longer uses it, and it stands in the file.
        ("decision.watch.when_decision:is_three", (FOUR, kept_decision(is_three)), "is_three"),
        # It has another name now: what decides at that step.
        ("decision.watch.when_decision:is_3", (THREE, FOUR), "is_three"),
        # A lambda that became a function, and a function that became a lambda.
        ("decision.watch.when_decision", (THREE, FOUR), "is_three"),
        ("decision.watch.when_decision:is_three", (LAMBDA, FOUR), "<lambda>"),
        # As plans were written before: by module and name, by a digest of the code.
        ("decision.tests.unit.test_decision.is_four", (THREE, FOUR), "is_four"),
        ("decision.0123456789abcdef", (LAMBDA, FOUR), "<lambda>"),
        # The flow was renamed: by the function alone.
        ("decision.old.when_decision:is_four", (THREE, FOUR), "is_four"),
        # Two modules have a function of that name: the flow's own.
        ("decision.watch.when_7_decision:is_three", (ELSEWHERE, THREE), "is_three"),
        # Nothing is left of it, or it could be either.
        ("decision.watch.when_7_decision:gone", (FOUR,), None),
        ("decision.old.when_decision:is_three", (ELSEWHERE, kept_decision(is_three)), None),
        ("gone", (THREE, FOUR), None),
    ],
)
def test_a_run_in_flight_finds_its_decision(
    recorded: str, definitions: tuple[NodeDefinition, ...], expected: str | None
) -> None:
    """By its function wherever that stands now, else by flow and step; and by the names that older plans hold."""
    step, name = ("when_7_decision", "watch") if "when_7" in recorded else ("when_decision", "watch")

    assert expected == found(recorded, *definitions, step=step, flow="old" if ".old." in recorded else name)


@pytest.mark.parametrize(
    ("function", "message", "hint"),
    [
        (Rules(3).is_bad, "Rules.is_bad is bound to an object", "give a function at the top of the module"),
        (Rules.is_good, "Rules.is_good is bound to an object", "give a function at the top of the module"),
        (Rules(3), "a Rules is not a plain function", "give a function or a lambda"),
        (functools.partial(above, 1), "a partial is not a plain function", "give a function or a lambda"),
        (print, "a builtin_function_or_method is not a plain function", "give a function or a lambda"),
        (lambda: True, "cannot be called with the state alone", "def decide(state: State) -> bool"),
    ],
)
def test_what_could_not_be_found_again_is_refused(function: Any, message: str, hint: str) -> None:
    """Objects are others in each process: `build()` says so, and what to write instead."""
    with pytest.raises(DecisionError, match=message) as caught:
        decision_node(function, flow="watch", step="when_decision")
    assert hint in caught.value.hint

    with pytest.raises(FlowBuildError) as built:
        deciding(function).build()
    assert hint in built.value.problems[0].hint


def test_two_functions_of_one_name_are_refused() -> None:
    """A run in flight could not tell them apart; the same function twice is no clash."""
    with pytest.raises(FlowBuildError, match="two different functions are called 'is_three'"):
        deciding(is_three, edited(is_three)).build()

    assert 2 == len(names(deciding(is_three, is_three)))


async def waits(state: State) -> bool:
    return state.get("note") == "a" and "note" in state


def hands_over(state: State) -> Awaitable[bool]:
    return waits(state)


@pytest.mark.parametrize("function", [waits, hands_over])
@pytest.mark.parametrize(("words", "taken"), [("a", "then"), ("b", "otherwise")])
async def test_a_decision_looks_at_the_state(words: str, taken: str, function: Any) -> None:
    """It may wait, and it sees the outputs so far."""
    steps = flow("f").triggered_by(manual("m")).then(note(words)).when(function).then(note("x")).end_when()
    run = await FlowTester(steps.build()).run()

    assert taken == run.step("when").taken
    assert {"state": {"outputs": {"note": words}, "input": None, "previous": None}} == run.calls_of("when_decision")[
        0
    ].arguments


async def test_decisions_made_in_a_loop_keep_their_own_limits() -> None:
    """Two lambdas of the same words, over whatever objects, do not take each other's place."""
    run = await FlowTester(deciding(above(1), above(5), lambda state: state.input in [Rules(3).limit]).build()).run(3)

    assert ["then", "otherwise", "then"] == [run.step(name).taken for name in ("when", "when_2", "when_3")]


def breaks(state: State) -> bool:
    raise LookupError("no such rack")


async def test_a_decision_that_fails_by_itself_is_soon_given_up() -> None:
    """Three attempts with the same state are enough; the failure names what the function raised."""
    run = await FlowTester(deciding(breaks).build()).run()

    assert run.failure is not None
    assert ("LookupError", "no such rack") == (run.failure.error_type, run.failure.message)
    assert 3 == len(run.calls)


async def test_a_decision_that_no_worker_has_waits_as_long_as_other_nodes() -> None:
    """A deployment that brings it back within minutes is in time."""
    built, missing = deciding(is_three).build(), note("x").retry().definition
    run = await run_in_memory(built.plan, NodeExecutor([missing]))

    assert run.report.failure is not None
    assert UnknownNodeError.__name__ == run.report.failure.error_type
    assert missing.policy.retry.attempts == len(run.calls)
    assert 240 < (run.calls[-1].at - run.calls[0].at).total_seconds()
