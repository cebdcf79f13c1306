"""Runs that wait: for a length of time, until a time, beside other steps, and when they are cancelled meanwhile."""

from datetime import UTC, datetime, timedelta
from typing import Any

from resolute import branch, flow, manual, output, sleep
from tests.contract.nodes import echo, hang
from tests.contract.scenario import CANCELLED, Expected, Scenario

START = manual("start")
A_MOMENT = timedelta(milliseconds=30)
LONG_AGO = datetime(1999, 1, 1, tzinfo=UTC)


def _completed(*steps: str) -> dict[str, Any]:
    return dict.fromkeys(steps, "completed")


SCENARIOS = (
    Scenario(
        "A run waits for a length of time, and not for a time that has passed, be it a value of the run.",
        flow("sleeps")
        .triggered_by(START)
        .then(echo(LONG_AGO.isoformat()).as_("long_ago"))
        .then(sleep(A_MOMENT).as_("moment"))
        .then(sleep(until=LONG_AGO).as_("passed"))
        .then(sleep(until=output("long_ago")))
        .then(echo("after").as_("after"))
        .build(),
        (
            Expected(
                calls=["long_ago", "after"],
                steps=_completed("long_ago", "moment", "passed", "sleep", "after"),
                result={"long_ago": LONG_AGO.isoformat(), "moment": None, "passed": None, "after": "after"},
            ),
        ),
    ),
    Scenario(
        "Branches wait each for itself.",
        flow("sleeps-beside")
        .triggered_by(START)
        .then_parallel(
            branch().then(sleep(A_MOMENT).as_("short")).then(echo("a").as_("a")),
            branch().then(echo("b").as_("b")).then(sleep(2 * A_MOMENT).as_("long")).then(echo("c").as_("c")),
        )
        .build(),
        (
            Expected(
                calls=[frozenset({"a", "b", "c"})],
                steps=_completed("parallel", "short", "a", "b", "long", "c"),
                result={"a": "a", "b": "b", "c": "c", "short": None, "long": None},
            ),
        ),
    ),
    Scenario(
        "A time that is none fails the step, which says so.",
        flow("sleeps-until-nothing")
        .triggered_by(START)
        .then(echo("soon").as_("when"))
        .then(sleep(until=output("when")).as_("nap"))
        .build(),
        (
            Expected(
                calls=["when"],
                steps={"when": "completed", "nap": "failed"},
                failure=CANCELLED.model_copy(
                    update={
                        "step": "nap",
                        "error_type": "EvaluationError",
                        "message": "'soon' is no time: give one in ISO 8601",
                    }
                ),
            ),
        ),
    ),
    Scenario(
        "A run that is cancelled while it waits ends at once, and undoes its work.",
        flow("sleeps-cancelled")
        .triggered_by(START)
        .then(echo("done").as_("done").on_failure(echo("undone").as_("undo")))
        .then_parallel(hang().as_("hanging"), sleep(timedelta(days=30)).as_("nap"))
        .build(),
        (
            Expected(
                calls=["done", "hanging", "undo"],
                steps={
                    **_completed("done", "undo"),
                    "parallel": "cancelled",
                    "hanging": "cancelled",
                    "nap": "cancelled",
                },
                failure=CANCELLED,
                cancelled_at=[["hanging"]],
            ),
        ),
    ),
)
"""Each runs, too, with its history continued behind every step."""
