"""How steps are named, and that builders, branches and nodes can be shared."""

from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest
from pydantic import BaseModel

import resolute.writing.values
from resolute import Flow, FlowBuilder, branch, flow, input_data, manual, node, output
from resolute.plan.kinds.call import calls_in
from resolute.plan.kinds.when import When
from resolute.plan.step import walk
from resolute.writing.node import provider_node


class Reply(BaseModel):
    text: str = ""


@node
async def say(words: str = "") -> Reply:
    return Reply(text=words)


@provider_node("chat", "PostMessage")
async def post_message(provider: object) -> None:
    raise OSError(provider)


def begun(name: str = "talk") -> FlowBuilder:
    return flow(name).triggered_by(manual("talk"))


def ids(built: Flow) -> list[str]:
    return [step.id for step in walk(built.plan.steps)]


def test_a_step_is_named_after_its_node() -> None:
    """The documented name of an operation becomes a word of Python; the second use gets a number."""
    built = begun().then(post_message()).then(say()).then(post_message()).then(post_message()).build()

    assert ["post_message", "say", "post_message_2", "post_message_3"] == ids(built)
    assert "chat.PostMessage" == calls_in(built.plan.steps)[0].node


def test_a_name_of_ones_own_goes_first() -> None:
    """Explicit names keep their words wherever they stand; derived names go round them."""
    built = begun().then(say()).then(post_message().as_("say")).then(say().as_("say_2")).then(say()).build()

    assert ["say_3", "say", "say_2", "say_4"] == ids(built)
    assert ("say", "say_2") == built.plan.outputs


def test_blocks_decisions_and_undo_steps_are_named_too() -> None:
    """Whatever can be seen of a run has a name, and no two have the same."""
    built = (
        begun()
        .when(lambda state: True)
        .then_parallel(say().on_failure(say(), say()), say())
        .end_when()
        .when(input_data("x") == 1)
        .then(say())
        .end_when()
        .build()
    )

    assert [
        "when_decision", "when", "parallel", "say", "say_undo", "say_undo_2", "say_2", "when_2", "say_3",
    ] == ids(built)  # fmt: skip


def test_a_later_edit_keeps_the_names_of_the_steps_before_it() -> None:
    """A step that is added at the end does not rename what stands before it."""
    prefix = begun().then(say()).then(post_message()).then(say())

    assert ids(prefix.build()) == ids(prefix.then(say()).build())[:3]


def test_a_builder_is_frozen() -> None:
    """Every call gives a new builder, so a beginning can be shared."""
    prefix = begun().then(say("a").as_("a"))
    one, other = prefix.then(say("b")).build(), prefix.then(post_message()).build()

    assert ["a", "say"] == ids(one)
    assert ["a", "post_message"] == ids(other)
    assert ["a"] == ids(prefix.build())
    with pytest.raises(FrozenInstanceError):
        prefix.__setattr__("_open", ())


def test_a_node_is_frozen_and_each_change_is_a_copy() -> None:
    """Naming, retrying and placing leave the node as it was."""
    first = say("a")
    changed = first.as_("b").retry(3).lane("local").on_failure(say())

    assert (None, "activity", 10, ()) == (first.name, first.placement, first.policy.retry.attempts, first.undo)
    assert ("b", "local", 3) == (changed.name, changed.placement, changed.policy.retry.attempts)
    with pytest.raises(FrozenInstanceError):
        replace(first).__setattr__("name", "x")


def test_one_node_in_two_flows_shares_nothing() -> None:
    """Each flow names it by its own steps, and references mean the step of their own flow."""
    heard = say("a")
    one = begun("one").then(say()).then(heard).then(say(heard.output.text)).build()
    other = begun("other").then(heard).then(say(heard.output.text)).build()

    assert {"words": {"$output": ["say_2", "text"]}} == calls_in(one.plan.steps)[2].arguments
    assert {"words": {"$output": ["say", "text"]}} == calls_in(other.plan.steps)[1].arguments


def test_a_reference_means_the_node_that_it_was_taken_from() -> None:
    """Two calls of one function are two nodes; naming a node afterwards does not lose it."""
    first, second = say("a"), say("b")
    built = begun().then(first).then(second.as_("second")).then(say(second.output.text)).build()

    assert {"words": {"$output": ["second", "text"]}} == calls_in(built.plan.steps)[2].arguments


def test_a_branch_can_be_used_twice() -> None:
    """Each use is a place of its own with names of its own."""
    twice = branch().when(input_data("x") == 1).then(say()).otherwise().then_parallel(say(), post_message()).end_when()
    built = begun().then_parallel(twice, twice).then_parallel(twice).build()

    assert len(ids(built)) == len(set(ids(built))) == 2 + 3 * 5


def test_branches_are_written_as_one_likes() -> None:
    """A node, a list of nodes and a branch are the same thing."""
    step = say("a").as_("a")
    plans = [begun().then_parallel(written).build().plan for written in (step, [step], branch().then(step))]

    assert plans[0] == plans[1] == plans[2]


def test_what_every_branch_did_is_known_afterwards() -> None:
    """Steps behind a parallel block read all branches; steps of a branch read those before it in the branch."""
    first, second = say("a").as_("first"), say("b").as_("second")
    inner = branch().then(first).then(say(first.output.text))

    assert begun().then_parallel(inner, second).then(say(output("first.text"))).then(say(output("second.text"))).build()


def test_an_otherwise_belongs_to_its_own_when() -> None:
    """Blocks nest, and each word is of the innermost open one."""
    built = (
        begun()
        .when(input_data("x") == 1)
        .when(input_data("y") == 1)
        .then(say().as_("both"))
        .otherwise()
        .then(say().as_("only_x"))
        .end_when()
        .otherwise()
        .then(say().as_("no_x"))
        .end_when()
        .build()
    )
    outer = built.plan.steps[0]

    assert isinstance(outer, When)
    assert ["no_x"] == [step.id for step in outer.otherwise]
    assert ["when", "both", "only_x"] != ids(built)
    assert [("both",), ("only_x",)] == [
        tuple(step.id for step in block)
        for inner in outer.then
        if isinstance(inner, When)
        for block in (inner.then, inner.otherwise)
    ]


@pytest.mark.parametrize("steps", [50, 100])
def test_a_long_flow_is_checked_in_one_pass(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each argument is looked at once, however many steps there are and read each other."""
    looks: list[object] = []
    check_fit = resolute.writing.values.check_fit

    def counting(*arguments: Any) -> None:
        looks.append(arguments)
        check_fit(*arguments)

    monkeypatch.setattr(resolute.writing.values, "check_fit", counting)
    builder, last = begun(), say("a").as_("s0")
    for number in range(1, steps + 1):
        builder, last = builder.then(last), say(last.output.text).as_(f"s{number}")
    builder.then(last).build()

    assert steps == len(looks)


def test_completion_offers_the_words_of_authors_alone() -> None:
    """Whoever types a dot after a flow is offered what a flow can say, and nothing that holds it together."""
    offered = [name for name in dir(flow("talk")) if not name.startswith("_")]

    assert [
        "build", "end_when", "on_failure", "otherwise", "returns", "then", "then_parallel", "triggered_by", "when",
    ] == offered  # fmt: skip
