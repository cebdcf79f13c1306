"""Flows that run flows: what they are given, what they give, how they fail, and what is undone."""

from typing import Any

from pydantic import BaseModel

from resolute import child, each, flow, input_data, last_turn, manual, output, repeat
from resolute.plan.failing import Failure
from tests.contract.nodes import count, double, echo, greet, refuse
from tests.contract.scenario import Expected, Scenario

START = manual("start")


class Host(BaseModel):
    """What a drain is given."""

    name: str
    weight: int = 3


class Drained(BaseModel):
    """What a drain gives."""

    host: str
    weight: int


taken = echo(input_data(Host).name).as_("taken")
drain = (
    flow("drain-host")
    .triggered_by(manual("drain", input=Host))
    .then(taken.on_failure(echo(taken.output).as_("put_back")))
    .then(greet(input_data(Host).name).as_("greeting").on_failure(echo(output("greeting")).as_("take_back")))
    .returns({"host": output("taken"), "weight": input_data(Host).weight})
    .build()
)
broken = (
    flow("broken-drain")
    .triggered_by(manual("break"))
    .then(echo("first").as_("first").on_failure(echo("undone").as_("undo_first")))
    .then(refuse("no").as_("refused"))
    .build()
)
both = (
    flow("drain-both")
    .triggered_by(manual("both"))
    .then(child(drain, {"name": "a"}, result=Drained).as_("one"))
    .then(child(drain, {"name": "b"}, result=Drained).as_("other"))
    .build()
)

drained = child(drain, {"name": input_data("host")}, result=Drained).as_("drained")


def _completed(*steps: str) -> dict[str, Any]:
    return dict.fromkeys(steps, "completed")


SCENARIOS = (
    Scenario(
        "A flow is a step: it is given an input, with the defaults of its model, and gives a result.",
        flow("child-result")
        .triggered_by(START)
        .then(drained)
        .then(double(drained.output.weight).as_("weight"))
        .build(),
        (
            Expected(
                calls=["weight"],
                steps=_completed("drained", "weight"),
                result={"drained": {"host": "db-1", "weight": 3}, "weight": 6},
            ),
        ),
        input={"host": "db-1"},
    ),
    Scenario(
        "What a flow has done that ran as a step is undone with the rest, last first, by the run that failed.",
        flow("child-undone")
        .triggered_by(START)
        .then(echo("before").as_("before").on_failure(echo("undo").as_("undo_before")))
        .then(drained)
        .then(refuse("no").as_("refused"))
        .build(),
        (
            Expected(
                calls=["before", "refused", "drained.take_back", "drained.put_back", "undo_before"],
                steps={
                    **_completed("before", "drained", "undo_before", "drained.take_back", "drained.put_back"),
                    "refused": "failed",
                },
                failure=Failure(step="refused", node="refuse", error_type="TerminalError", message="no"),
            ),
        ),
        input={"host": "db-1"},
    ),
    Scenario(
        "A flow that fails fails its step, which tells where and why; it has undone its own work.",
        flow("child-fails")
        .triggered_by(START)
        .then(echo("before").as_("before").on_failure(echo("undo").as_("undo_before")))
        .then(child(broken).as_("broken"))
        .then(echo("never").as_("after"))
        .build(),
        (
            Expected(
                calls=["before", "undo_before"],
                steps={**_completed("before", "undo_before"), "broken": "failed", "after": "pending"},
                failure=Failure(
                    step="broken",
                    node="refuse",
                    error_type="TerminalError",
                    message="in flow 'broken-drain', step 'refused': no",
                ),
            ),
        ),
    ),
    Scenario(
        "Flows run flows: what the inner ones did is undone through both.",
        flow("child-nested")
        .triggered_by(START)
        .then(child(both).as_("pair"))
        .then(refuse("no").as_("refused"))
        .build(),
        (
            Expected(
                calls=[
                    "refused",
                    "pair.other.take_back",
                    "pair.other.put_back",
                    "pair.one.take_back",
                    "pair.one.put_back",
                ],
                steps={
                    **_completed("pair", "pair.one.put_back", "pair.one.take_back"),
                    **_completed("pair.other.put_back", "pair.other.take_back"),
                    "refused": "failed",
                },
                failure=Failure(step="refused", node="refuse", error_type="TerminalError", message="no"),
            ),
        ),
    ),
    Scenario(
        "A flow runs for each item of a list; what those did that completed is undone.",
        flow("child-each")
        .triggered_by(START)
        .then(each(["a", "b"], lambda host: child(drain, {"name": host}).as_("drained"), at_once=1).as_("drains"))
        .then(refuse("no").as_("refused"))
        .build(),
        (
            Expected(
                calls=[
                    "refused",
                    "drains[1].drained.take_back",
                    "drains[1].drained.put_back",
                    "drains[0].drained.take_back",
                    "drains[0].drained.put_back",
                ],
                steps={
                    **_completed("drains", "drained", "drains[0].drained", "drains[1].drained"),
                    **_completed("drains[0].drained.put_back", "drains[0].drained.take_back"),
                    **_completed("drains[1].drained.put_back", "drains[1].drained.take_back"),
                    "refused": "failed",
                },
                failure=Failure(step="refused", node="refuse", error_type="TerminalError", message="no"),
            ),
        ),
    ),
    Scenario(
        "A flow runs in each turn, and beside another one.",
        flow("child-turns")
        .triggered_by(START)
        .then(
            repeat(
                [count(last_turn(output("counted"))).as_("counted"), child(drain, {"name": "a"}).as_("drained")],
                until=output("counted") >= 2,
                at_most=3,
            ).as_("poll")
        )
        .then_parallel(
            child(drain, {"name": "b", "weight": output("poll.turns")}).as_("left"),
            child(drain, {"name": "c"}).as_("right"),
        )
        .returns([output("left"), output("right"), output("poll.turns")])
        .build(),
        (
            Expected(
                calls=["poll#1.counted", "poll#2.counted"],
                steps=_completed(
                    "poll",
                    "counted",
                    "drained",
                    "parallel",
                    "left",
                    "right",
                    "poll#1.counted",
                    "poll#1.drained",
                    "poll#2.counted",
                    "poll#2.drained",
                ),
                result=[{"host": "b", "weight": 2}, {"host": "c", "weight": 3}, 2],
            ),
        ),
    ),
)
"""Each runs, too, with its history continued after every step (see `test_continued`)."""
