"""Steps that run in turns: until a condition holds, while one does, or as often as they may."""

from datetime import timedelta
from typing import Any

from resolute import (
    Flow,
    FlowBuilder,
    State,
    branch,
    env,
    failure,
    flow,
    last_turn,
    manual,
    output,
    repeat,
    text,
)
from resolute.plan.failing import Failure
from tests.contract.nodes import count, double, echo, greet, hang, note, refuse
from tests.contract.scenario import CANCELLED, Expected, Scenario

START = manual("start")
A_MOMENT = timedelta(milliseconds=30)

counted = count(last_turn(output("counted"))).as_("counted")
undone = counted.on_failure(echo(counted.output).as_("back"))


def has_three(state: State) -> bool:
    """A decision that is taken in each turn."""
    note()
    return state.get("counted", int) >= 3


async def has_not_three(state: State) -> bool:
    """A decision before each turn, which sees what the one before has left."""
    note()
    return (state.get("counted") or 0) < 3


def _flow(name: str) -> FlowBuilder:
    return flow(name).triggered_by(START)


def _turns(flow_id: str, *steps: str, of: int) -> list[str]:
    return [f"{flow_id}#{turn}.{step}" for turn in range(1, of + 1) for step in steps]


def _completed(*steps: str) -> dict[str, Any]:
    return dict.fromkeys(steps, "completed")


def _gave(turns: int, by: str, **last: object) -> dict[str, Any]:
    return {"turns": turns, "ended_by": by, "last": last}


exhausted: Flow = (
    _flow("repeat-exhausted")
    .then(double(1).as_("before").on_failure(echo("first").as_("forget")))
    .then(repeat(undone, until=counted.output > 9, at_most=2).as_("tries"))
    .then(echo("never").as_("after"))
    .on_failure(greet(text("{}", failure().error_type)).as_("told"))
    .build()
)

SCENARIOS = (
    Scenario(
        "Turns follow each other until the condition holds; each knows what the one before has come to.",
        _flow("repeat-until")
        .then(repeat(counted, until=counted.output >= 3, every=A_MOMENT, at_most=9).as_("poll"))
        .then(echo(output("poll.last.counted")).as_("after"))
        .build(),
        (
            Expected(
                calls=[*_turns("poll", "counted", of=3), "after"],
                steps=_completed("poll", "counted", "after", *_turns("poll", "counted", of=3)),
                result={"poll": _gave(3, "until", counted=3), "after": 3},
            ),
        ),
    ),
    Scenario(
        "Turns follow each other while the condition holds, which is looked at before each.",
        _flow("repeat-while")
        .then(repeat(counted, while_=last_turn(counted.output, default=0) < 2, at_most=2).as_("poll"))
        .build(),
        (
            Expected(
                calls=_turns("poll", "counted", of=2),
                steps=_completed("poll", "counted", *_turns("poll", "counted", of=2)),
                result={"poll": _gave(2, "while", counted=2)},
            ),
        ),
    ),
    Scenario(
        "A condition that does not hold before the first turn leaves no turn.",
        _flow("repeat-never")
        .then(repeat(counted, while_=last_turn(counted.output, default=5) < 2, at_most=2).as_("poll"))
        .build(),
        (
            Expected(
                calls=[],
                steps={"poll": "completed", "counted": "pending"},
                result={"poll": _gave(0, "while")},
            ),
        ),
    ),
    Scenario(
        "A repeat that has had all of its turns fails, and what its turns did is undone, the last turn first.",
        exhausted,
        (
            Expected(
                calls=["before", *_turns("tries", "counted", of=2), "tries#2.back", "tries#1.back", "forget", "told"],
                steps={
                    **_completed("before", "forget", "counted", "back", "told"),
                    **_completed(*_turns("tries", "counted", of=2), "tries#2.back", "tries#1.back"),
                    "tries": "failed",
                    "after": "pending",
                },
                failure=Failure(
                    step="tries",
                    node="",
                    error_type="ExhaustedError",
                    message="after 2 turns its condition did not hold: counted > 9",
                ),
            ),
        ),
    ),
    Scenario(
        "A repeat that may run out of turns says so, and the flow goes on.",
        _flow("repeat-continues")
        .then(
            repeat(counted, while_=last_turn(counted.output, default=0) < 9, at_most=2, on_exhausted="continue").as_(
                "poll"
            )
        )
        .then(echo(output("poll.ended_by")).as_("after"))
        .build(),
        (
            Expected(
                calls=[*_turns("poll", "counted", of=2), "after"],
                steps=_completed("poll", "counted", "after", *_turns("poll", "counted", of=2)),
                result={"poll": _gave(2, "at_most", counted=2), "after": "at_most"},
            ),
        ),
    ),
    Scenario(
        "A function ends the turns: a decision of each turn.",
        _flow("repeat-decided").then(repeat(counted, until=has_three, at_most=9).as_("poll")).build(),
        (
            Expected(
                calls=_turns("poll", "counted", "poll_decision", of=3),
                steps=_completed("poll", "counted", "poll_decision", *_turns("poll", "counted", "poll_decision", of=3)),
                result={"poll": _gave(3, "until", counted=3)},
            ),
        ),
    ),
    Scenario(
        "A function that is asked before each turn sees what the turn before has left.",
        _flow("repeat-decided-before").then(repeat(counted, while_=has_not_three, at_most=9).as_("poll")).build(),
        (
            Expected(
                calls=[*_turns("poll", "poll_decision", "counted", of=3), "poll#4.poll_decision"],
                steps=_completed(
                    "poll",
                    "counted",
                    "poll_decision",
                    *_turns("poll", "counted", "poll_decision", of=3),
                    "poll#4.poll_decision",
                ),
                result={"poll": _gave(3, "while", counted=3)},
            ),
        ),
    ),
    Scenario(
        "A condition that reads the worker's environment is evaluated there, in each turn.",
        _flow("repeat-environment").then(repeat(counted, until=counted.output >= env("LIMIT", int), at_most=9)).build(),
        (
            Expected(
                calls=_turns("repeat", "counted", of=3),
                steps=_completed(
                    "repeat",
                    "counted",
                    "repeat_decision",
                    *_turns("repeat", "counted", "repeat_decision", of=3),
                ),
                result={},
            ),
        ),
    ),
    Scenario(
        "A turn holds any steps, other turns too; what it does at the same time ends before the next turn.",
        _flow("repeat-nested")
        .then(
            repeat(
                branch()
                .then(count(last_turn(output("outer"))).as_("outer"))
                .when(output("outer") > 1)
                .then(greet("again").as_("again"))
                .end_when()
                .then_parallel(double(1).as_("left"), echo(output("outer")).as_("right"))
                .then(
                    repeat(
                        count(last_turn(output("inner"))).as_("inner"),
                        until=output("inner") >= output("outer"),
                        at_most=5,
                    ).as_("within")
                ),
                until=output("outer") >= 2,
                at_most=5,
            ).as_("poll")
        )
        .build(),
        (
            Expected(
                calls=[
                    "poll#1.outer",
                    frozenset({"poll#1.left", "poll#1.right"}),
                    "poll#1.within#1.inner",
                    "poll#2.outer",
                    "poll#2.again",
                    frozenset({"poll#2.left", "poll#2.right"}),
                    "poll#2.within#1.inner",
                    "poll#2.within#2.inner",
                ],
                steps={
                    **_completed("poll", "outer", "when", "again", "parallel", "left", "right", "within", "inner"),
                    **_completed(*_turns("poll", "outer", "when", "parallel", "left", "right", "within", of=2)),
                    "poll#1.again": "skipped",
                    **_completed("poll#2.again"),
                    **_completed("poll#1.within#1.inner", "poll#2.within#1.inner", "poll#2.within#2.inner"),
                },
                taken={"poll#1.when": "otherwise", "poll#2.when": "then"},
                result={
                    "poll": _gave(
                        2,
                        "until",
                        outer=2,
                        again="hello again",
                        left=2,
                        right=2,
                        within=_gave(2, "until", inner=2),
                    )
                },
            ),
        ),
    ),
    Scenario(
        "A step that fails in a turn fails the run, and the turns before it are undone.",
        _flow("repeat-fails")
        .then(
            repeat(
                branch().then(undone).when(counted.output == 2).then(refuse("no").as_("refused")).end_when(),
                until=counted.output > 5,
                at_most=5,
            ).as_("poll")
        )
        .build(),
        (
            Expected(
                calls=["poll#1.counted", "poll#2.counted", "poll#2.refused", "poll#2.back", "poll#1.back"],
                steps={
                    "poll": "failed",
                    "when": "failed",
                    "refused": "failed",
                    **_completed("counted", "back", "poll#1.counted", "poll#2.counted", "poll#1.when"),
                    **_completed("poll#2.back", "poll#1.back"),
                    "poll#2.when": "failed",
                    "poll#1.refused": "skipped",
                    "poll#2.refused": "failed",
                },
                taken={"poll#1.when": "otherwise", "poll#2.when": "then"},
                failure=Failure(step="poll#2.refused", node="refuse", error_type="TerminalError", message="no"),
            ),
        ),
    ),
    Scenario(
        "Turns run beside other turns, each in its own time.",
        _flow("repeat-beside")
        .then_parallel(
            repeat(counted, until=counted.output >= 2, every=A_MOMENT, at_most=3).as_("one"),
            repeat(
                count(last_turn(output("other_count"))).as_("other_count"), until=output("other_count") >= 3, at_most=3
            ).as_("other"),
        )
        .build(),
        (
            Expected(
                calls=[frozenset([*_turns("one", "counted", of=2), *_turns("other", "other_count", of=3)])],
                steps=_completed(
                    "parallel",
                    "one",
                    "other",
                    "counted",
                    "other_count",
                    *_turns("one", "counted", of=2),
                    *_turns("other", "other_count", of=3),
                ),
                result={"one": _gave(2, "until", counted=2), "other": _gave(3, "until", other_count=3)},
            ),
        ),
    ),
    Scenario(
        "A run that is cancelled in a turn undoes the turns before it.",
        _flow("repeat-cancelled")
        .then(
            repeat(
                branch().then(undone).when(counted.output == 2).then(hang().as_("hanging")).end_when(),
                until=counted.output > 5,
                at_most=5,
            ).as_("poll")
        )
        .build(),
        (
            Expected(
                calls=["poll#1.counted", "poll#2.counted", "poll#2.hanging", "poll#2.back", "poll#1.back"],
                steps={
                    "poll": "cancelled",
                    "when": "cancelled",
                    "hanging": "cancelled",
                    **_completed("counted", "back", "poll#1.counted", "poll#2.counted", "poll#1.when"),
                    **_completed("poll#2.back", "poll#1.back"),
                    "poll#2.when": "cancelled",
                    "poll#1.hanging": "skipped",
                    "poll#2.hanging": "cancelled",
                },
                taken={"poll#1.when": "otherwise", "poll#2.when": "then"},
                failure=CANCELLED,
                cancelled_at=[["poll#2.hanging"]],
            ),
        ),
    ),
)
"""Each runs, too, with its history continued after every step (see `test_continued`)."""
