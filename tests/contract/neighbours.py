"""Quick steps one after the other: each is a step of its own, however many of them go to their worker in one trip."""

from datetime import timedelta

from resolute import branch, each, env, flow, manual, now, output, repeat, text
from resolute.plan.failing import Failure
from tests.contract.nodes import crash, double, echo, hang, hours, quick, refuse, settle, stumble
from tests.contract.scenario import CANCELLED, Expected, Scenario

START = manual("start")
SOON = timedelta(milliseconds=20)

one = quick({"n": [1, 2]}).as_("one")
two = quick(one.output["n"]).as_("two")
three = quick({"$text": two.output[1], "stage": text("{} in {}", one.output["n"][0], env("STAGE"))}).as_("three")

first = quick("a").as_("first").on_failure(quick("undone").as_("undo_first"))
count = quick(1).as_("count")
again = stumble(count.output).as_("again").retry(2, initial=SOON).lane("local")
UNREADABLE = "many / 2 has no value: many is text, not a number, a time or a duration"

never = quick("never").as_("never")

SCENARIOS = (
    Scenario(
        "A neighbour reads what those before it gave, also where its worker alone knows the rest.",
        flow("neighbours")
        .triggered_by(START)
        .then(one)
        .then(two)
        .then(three)
        .then(double(3).as_("apart"))
        .then(quick(three.output["stage"]).as_("four"))
        .then(quick([output("four"), output("apart")]).as_("five"))
        .build(),
        (
            Expected(
                calls=["one", "two", "three", "apart", "four", "five"],
                steps=dict.fromkeys(["one", "two", "three", "apart", "four", "five"], "completed"),
                result={
                    "one": {"n": [1, 2]},
                    "two": [1, 2],
                    "three": {"$text": 2, "stage": "1 in prod"},
                    "apart": 6,
                    "four": "1 in prod",
                    "five": ["1 in prod", 6],
                },
            ),
        ),
    ),
    Scenario(
        "A neighbour has its own attempts, and those before it are not made again.",
        flow("neighbours-tried-again")
        .triggered_by(START)
        .then(first)
        .then(count)
        .then(again)
        .then(quick([first.output, again.output]).as_("last"))
        .build(),
        (
            Expected(
                calls=["first", "count", "again", "last"],
                attempts={"again": 2},
                steps={
                    "first": "completed",
                    "undo_first": "pending",
                    "count": "completed",
                    "again": "completed",
                    "last": "completed",
                },
                result={"first": "a", "count": 1, "again": 2, "last": ["a", 2]},
            ),
        ),
    ),
    Scenario(
        "A neighbour that fails for good is the failure of the run: what is before it is undone, what is behind it "
        "never begins.",
        flow("neighbours-failed")
        .triggered_by(START)
        .then(first)
        .then(crash(9).as_("bad").retry(2, initial=SOON).lane("local"))
        .then(never)
        .build(),
        (
            Expected(
                calls=["first", "bad", "undo_first"],
                attempts={"bad": 2},
                steps={"first": "completed", "undo_first": "completed", "bad": "failed", "never": "pending"},
                failure=Failure(step="bad", node="crash", error_type="LookupError", message="attempt 2"),
            ),
        ),
    ),
    Scenario(
        "A neighbour that does not answer is given up after its own timeout, in the same words.",
        flow("neighbours-late")
        .triggered_by(START)
        .then(first)
        .then(hang().timeout(timedelta(seconds=1)).retry(1).lane("local").as_("late"))
        .then(never)
        .build(),
        (
            Expected(
                calls=["first", "late", "undo_first"],
                steps={"first": "completed", "undo_first": "completed", "late": "failed", "never": "pending"},
                failure=Failure(step="late", node="hang", error_type="TimeoutError", message="no answer within 1 s"),
            ),
        ),
    ),
    Scenario(
        "A neighbour whose arguments cannot be made fails by that at its own step.",
        flow("neighbours-unreadable")
        .triggered_by(START)
        .then(quick("many").as_("many"))
        .then(quick("few").as_("few"))
        .then(quick(output("many") / 2).as_("half"))
        .then(never)
        .build(),
        (
            Expected(
                calls=["many", "few"],
                steps={"many": "completed", "few": "completed", "half": "failed", "never": "pending"},
                failure=Failure(step="half", node="quick", error_type="EvaluationError", message=UNREADABLE),
            ),
        ),
    ),
    Scenario(
        "now() is when the step begins, not when its neighbours do; and neighbours in items and turns are steps too.",
        flow("neighbours-in-loops")
        .triggered_by(START)
        .then(first)
        .then(hours(now() - timedelta(hours=1), now()).lane("local").as_("hour"))
        .then(
            each(
                ["x", "y"],
                lambda name: branch().then(quick(name).as_("look")).then(quick(output("look")).as_("tell")),
                at_once=1,
            ).as_("items")
        )
        .then(
            repeat(
                branch().then(quick(1).as_("here")).then(quick([output("here")]).as_("there")),
                until=output("there") == [1],
                every=timedelta(seconds=0.01),
                at_most=2,
            ).as_("turns")
        )
        .returns([output("hour"), output("items")])
        .build(),
        (
            Expected(
                calls=[
                    "first",
                    "hour",
                    "items[0].look",
                    "items[0].tell",
                    "items[1].look",
                    "items[1].tell",
                    "turns#1.here",
                    "turns#1.there",
                ],
                steps={
                    **dict.fromkeys(["first", "hour", "items", "look", "tell", "turns", "here", "there"], "completed"),
                    **dict.fromkeys(
                        [f"items[{item}].{step}" for item in (0, 1) for step in ("look", "tell")], "completed"
                    ),
                    **dict.fromkeys([f"turns#1.{step}" for step in ("here", "there")], "completed"),
                    "undo_first": "pending",
                },
                result=[1.0, ["x", "y"]],
            ),
        ),
    ),
    Scenario(
        "A failure that is collected ends the neighbours of its item alone.",
        flow("neighbours-collected")
        .triggered_by(START)
        .then(
            each(
                ["x", "y"],
                lambda name: (
                    branch()
                    .then(quick(name).as_("look"))
                    .then(refuse(output("look")).lane("local").as_("fail"))
                    .then(quick("never").as_("after"))
                ),
                at_once=1,
                on_error="collect",
            ).as_("items")
        )
        .returns(1)
        .build(),
        (
            Expected(
                calls=["items[0].look", "items[0].fail", "items[1].look", "items[1].fail"],
                steps={
                    **dict.fromkeys(["items", "look", "items[0].look", "items[1].look"], "completed"),
                    **dict.fromkeys(["fail", "items[0].fail", "items[1].fail"], "failed"),
                    "after": "pending",
                },
                result=1,
            ),
        ),
    ),
)

CANCELLED_BESIDE = Scenario(
    "Neighbours are given up by a cancel: what completed is undone, and what is behind never begins.",
    flow("neighbours-cancelled")
    .triggered_by(START)
    .then(first)
    .then(settle("stuck").as_("stuck").on_failure(echo("never").as_("undo_stuck")))
    .then(never)
    .build(),
    (
        Expected(
            calls=["first", "stuck", "undo_first"],
            steps={
                "first": "completed",
                "undo_first": "completed",
                "stuck": "cancelled",
                "undo_stuck": "pending",
                "never": "pending",
            },
            failure=CANCELLED,
            cancelled_at=[["stuck"]],
        ),
    ),
)
