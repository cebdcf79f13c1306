"""Steps that run once for each item of a list."""

from datetime import timedelta
from typing import Any

from pydantic import BaseModel

from resolute import Node, branch, each, flow, input_data, manual, secret
from resolute.plan.failing import Failure
from tests.contract.nodes import double, echo, greet, hum, log_in_badly, quick, refuse, refuse_after, settle, stumble
from tests.contract.scenario import CANCELLED, Expected, Scenario

START = manual("start")


class Host(BaseModel):
    """A machine."""

    name: str
    tier: int = 1
    disks: list[str] = []


class Fleet(BaseModel):
    """What a run is given."""

    hosts: list[Host]


HOSTS = input_data(Fleet).hosts
FLEET = manual("start", input=Fleet)


def host(name: str, *disks: str, tier: int = 1) -> dict[str, Any]:
    """A machine as a run is given it."""
    return {"name": name, "tier": tier, "disks": list(disks)}


def _careful(machine: Host) -> Any:
    """Completes and can be undone; then the bad one fails, and the others are at work for ever."""
    return (
        branch()
        .then(greet(machine.name).as_("begin").on_failure(echo(machine.name).as_("undo_begin")))
        .when(machine.name == "bad")
        .then(refuse_after("work[1].hum", "broken").as_("fail"))
        .otherwise()
        .then(hum())
        .end_when()
    )


def _settled(how: str) -> Any:
    settled = settle(how)
    return settled.on_failure(echo(settled.output))


def again(times: int) -> Node[int]:
    """Fails that many times, and is tried twice."""
    return stumble(times).retry(2, initial=timedelta(milliseconds=20)).lane("local")


greeted = each(HOSTS, lambda machine: greet(machine.name), where=lambda machine: machine.tier == 1).as_("greeted")
tried = each(HOSTS, lambda machine: refuse(machine.name), on_error="collect", at_once=1).as_("tried")
inside = each(HOSTS, lambda machine: each(machine.disks, lambda disk: quick([machine.name, disk])).as_("disks"))
alone = each(HOSTS, lambda machine: quick(machine.name)).as_("alone")

SCENARIOS = (
    Scenario(
        "A list of what each chosen item gave, in the order of the items.",
        flow("items").triggered_by(FLEET).then(greeted).then(echo(greeted.output).as_("all")).build(),
        (
            Expected(
                calls=[frozenset({"greeted[0].greet", "greeted[2].greet"}), "all"],
                steps={
                    "greeted": "completed",
                    "greet": "completed",
                    "all": "completed",
                    "greeted[0].greet": "completed",
                    "greeted[2].greet": "completed",
                },
                result={"greeted": ["hello a", "hello c"], "all": ["hello a", "hello c"]},
            ),
        ),
        input={"hosts": [host("a"), host("b", tier=2), host("c")]},
    ),
    Scenario(
        "An empty list is run over in no time.",
        flow("no-items").triggered_by(FLEET).then(greeted).build(),
        (Expected(calls=[], steps={"greeted": "completed", "greet": "pending"}, result={"greeted": []}),),
        input={"hosts": []},
    ),
    Scenario(
        "Null is no list, and fails the step.",
        flow("null-items").triggered_by(START).then(each(input_data("hosts"), lambda value: echo(value))).build(),
        (
            Expected(
                calls=[],
                steps={"each": "failed", "echo": "pending"},
                failure=Failure(
                    step="each",
                    node="",
                    error_type="EvaluationError",
                    message="each(...) runs over a list, and what it was given is null: "
                    "give an empty list where there is none",
                ),
            ),
        ),
        input={"hosts": None},
    ),
    Scenario(
        "With on_error='collect' a failure is what its item came to, and the run goes on.",
        flow("collected").triggered_by(FLEET).then(tried).build(),
        (
            Expected(
                calls=["tried[0].refuse", "tried[1].refuse"],
                steps={
                    "tried": "completed",
                    "refuse": "failed",
                    "tried[0].refuse": "failed",
                    "tried[1].refuse": "failed",
                },
                result={
                    "tried": [
                        {
                            "index": index,
                            "ok": False,
                            "output": None,
                            "failure": {
                                "step": f"tried[{index}].refuse",
                                "node": "refuse",
                                "error_type": "TerminalError",
                                "message": name,
                            },
                        }
                        for index, name in enumerate("ab")
                    ]
                },
            ),
        ),
        input={"hosts": [host("a"), host("b")]},
    ),
    Scenario(
        "A failure gives up the other items, begins no more of them, and undoes what they had done.",
        flow("items-given-up").triggered_by(FLEET).then(each(HOSTS, _careful, at_once=2).as_("work")).build(),
        (
            Expected(
                calls=[
                    frozenset({"work[0].begin", "work[1].begin"}),
                    frozenset({"work[0].fail", "work[1].hum"}),
                    frozenset({"work[0].undo_begin", "work[1].undo_begin"}),
                ],
                steps={
                    "work": "failed",
                    "begin": "completed",
                    "undo_begin": "completed",
                    "when": "failed",
                    "fail": "failed",
                    "hum": "cancelled",
                    "work[0].begin": "completed",
                    "work[1].begin": "completed",
                    "work[0].when": "failed",
                    "work[1].when": "cancelled",
                    "work[0].fail": "failed",
                    "work[0].hum": "skipped",
                    "work[1].fail": "skipped",
                    "work[1].hum": "cancelled",
                    "work[0].undo_begin": "completed",
                    "work[1].undo_begin": "completed",
                },
                taken={"work[0].when": "then", "work[1].when": "otherwise"},
                failure=Failure(step="work[0].fail", node="refuse_after", error_type="TerminalError", message="broken"),
            ),
        ),
        input={"hosts": [host("bad"), host("b"), host("c")]},
    ),
    Scenario(
        "A cancelled run gives up its items and undoes those that completed, also where their each has completed.",
        flow("items-cancelled")
        .triggered_by(FLEET)
        .then(each(HOSTS, lambda machine: greet(machine.name).on_failure(echo(machine.name)), at_once=1).as_("done"))
        .then(each(HOSTS, lambda machine: hum()).as_("at_work"))
        .build(),
        (
            Expected(
                calls=[
                    "done[0].greet",
                    "done[1].greet",
                    frozenset({"at_work[0].hum", "at_work[1].hum"}),
                    "done[1].greet_undo",
                    "done[0].greet_undo",
                ],
                steps={
                    "done": "completed",
                    "greet": "completed",
                    "greet_undo": "completed",
                    "at_work": "cancelled",
                    "hum": "cancelled",
                    "done[0].greet": "completed",
                    "done[1].greet": "completed",
                    "at_work[0].hum": "cancelled",
                    "at_work[1].hum": "cancelled",
                    "done[1].greet_undo": "completed",
                    "done[0].greet_undo": "completed",
                },
                failure=CANCELLED,
                cancelled_at=[["at_work[0].hum", "at_work[1].hum"]],
            ),
        ),
        input={"hosts": [host("a"), host("b")]},
    ),
    Scenario(
        "Each in each: ids say which item of which, and the inner list is an item's output.",
        flow("items-in-items").triggered_by(FLEET).then(inside.as_("hosts")).build(),
        (
            Expected(
                calls=[
                    frozenset({"hosts[0].disks[0].quick", "hosts[0].disks[1].quick", "hosts[1].disks[0].quick"}),
                ],
                steps={
                    "hosts": "completed",
                    "disks": "completed",
                    "quick": "completed",
                    "hosts[0].disks": "completed",
                    "hosts[1].disks": "completed",
                    "hosts[0].disks[0].quick": "completed",
                    "hosts[0].disks[1].quick": "completed",
                    "hosts[1].disks[0].quick": "completed",
                },
                result={"hosts": [[["a", "x"], ["a", "y"]], [["b", "z"]]]},
            ),
        ),
        input={"hosts": [host("a", "x", "y"), host("b", "z")]},
    ),
    Scenario(
        "Items in the local lane, where nothing else is at work.",
        flow("items-nearby").triggered_by(FLEET).then(alone).then(double(3).as_("after")).build(),
        (
            Expected(
                calls=[frozenset({"alone[0].quick", "alone[1].quick", "alone[2].quick"}), "after"],
                steps={
                    "alone": "completed",
                    "quick": "completed",
                    "after": "completed",
                    "alone[0].quick": "completed",
                    "alone[1].quick": "completed",
                    "alone[2].quick": "completed",
                },
                result={"alone": ["a", "b", "c"], "after": 6},
            ),
        ),
        input={"hosts": [host("a"), host("b"), host("c")]},
    ),
    Scenario(
        "Items in the local lane have their own attempts, and what fails for good is collected.",
        flow("items-nearby-tried-again")
        .triggered_by(START)
        .then(each([0, 2, 1], lambda times: again(times), on_error="collect").as_("tried"))
        .build(),
        (
            Expected(
                calls=[frozenset({"tried[0].stumble", "tried[1].stumble", "tried[2].stumble"})],
                attempts={"tried[1].stumble": 2, "tried[2].stumble": 2},
                steps={
                    "tried": "completed",
                    "stumble": "failed",
                    "tried[0].stumble": "completed",
                    "tried[1].stumble": "failed",
                    "tried[2].stumble": "completed",
                },
                result={
                    "tried": [
                        {"index": 0, "ok": True, "output": 1, "failure": None},
                        {
                            "index": 1,
                            "ok": False,
                            "output": None,
                            "failure": {
                                "step": "tried[1].stumble",
                                "node": "stumble",
                                "error_type": "NodeError",
                                "message": "attempt 2",
                            },
                        },
                        {"index": 2, "ok": True, "output": 2, "failure": None},
                    ]
                },
            ),
        ),
    ),
    Scenario(
        "Items in the local lane are given up by a failure as well, and what completed is undone, last first.",
        flow("items-nearby-failed")
        .triggered_by(START)
        .then(each(["a", "b", "stuck", "done", "bad", "never"], _settled, at_once=3).as_("work"))
        .build(),
        (
            Expected(
                calls=[
                    frozenset(f"work[{index}].settle" for index in range(5)),
                    "work[3].settle_undo",
                    "work[1].settle_undo",
                    "work[0].settle_undo",
                ],
                steps={
                    "work": "failed",
                    "settle": "failed",
                    "settle_undo": "completed",
                    "work[0].settle": "completed",
                    "work[1].settle": "completed",
                    "work[2].settle": "cancelled",
                    "work[3].settle": "completed",
                    "work[4].settle": "failed",
                    "work[5].settle": "cancelled",
                    "work[0].settle_undo": "completed",
                    "work[1].settle_undo": "completed",
                    "work[3].settle_undo": "completed",
                },
                failure=Failure(step="work[4].settle", node="settle", error_type="TerminalError", message="bad"),
            ),
        ),
    ),
    Scenario(
        "Items in the local lane are given up by a cancel, and what completed nevertheless is undone with its output.",
        flow("items-nearby-cancelled")
        .triggered_by(START)
        .then(each(["a", "stuck", "done", "never"], _settled, at_once=2).as_("work"))
        .build(),
        (
            Expected(
                calls=[
                    frozenset({"work[0].settle", "work[1].settle", "work[2].settle"}),
                    "work[2].settle_undo",
                    "work[0].settle_undo",
                ],
                steps={
                    "work": "cancelled",
                    "settle": "cancelled",
                    "settle_undo": "completed",
                    "work[0].settle": "completed",
                    "work[1].settle": "cancelled",
                    "work[2].settle": "completed",
                    "work[3].settle": "cancelled",
                    "work[0].settle_undo": "completed",
                    "work[2].settle_undo": "completed",
                },
                failure=CANCELLED,
                cancelled_at=[["work[1].settle", "work[2].settle"]],
            ),
        ),
    ),
    Scenario(
        "A secret in the error of an item in the local lane is masked.",
        flow("items-nearby-told-in-anger")
        .triggered_by(START)
        .then(each(["a"], lambda _: log_in_badly(secret("TOKEN")).lane("local"), on_error="collect").as_("tried"))
        .build(),
        (
            Expected(
                calls=["tried[0].log_in_badly"],
                steps={"tried": "completed", "log_in_badly": "failed", "tried[0].log_in_badly": "failed"},
                result={
                    "tried": [
                        {
                            "index": 0,
                            "ok": False,
                            "output": None,
                            "failure": {
                                "step": "tried[0].log_in_badly",
                                "node": "log_in_badly",
                                "error_type": "TerminalError",
                                "message": "*** is refused",
                            },
                        }
                    ]
                },
            ),
        ),
    ),
)
