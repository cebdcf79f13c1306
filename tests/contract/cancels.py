"""Runs that are cancelled: they undo what they did, whoever cancels them and how often."""

from typing import cast

from resolute import failure, flow, manual, output, previous
from resolute.plan.failing import Failure
from tests.contract.nodes import count, double, echo, finish, hum, linger, quick, refuse
from tests.contract.scenario import BY_HAND, CANCELLED, Expected, Scenario

START = manual("start")

finished = finish("written").as_("two")
counted = count(previous(cast("int", output("counted")))).as_("counted")

SCENARIOS = (
    Scenario(
        "A cancelled run begins nothing more, waits for what is at work, and undoes what completed, last first; a step "
        "that completed nevertheless is undone with its output. Nobody is told of a failure.",
        flow("cancelled")
        .triggered_by(START)
        .then(double(21).as_("before").on_failure(echo(failure().message).as_("undo_before")))
        .then_parallel(
            hum().as_("one").on_failure(echo("never").as_("undo_one")),
            finished.on_failure(echo(finished.output).as_("undo_two")),
            quick(2).as_("beside"),
        )
        .then(echo("never").as_("after"))
        .on_failure(echo("failed").as_("told"))
        .build(),
        (
            Expected(
                calls=["before", frozenset({"one", "two", "beside"}), "undo_two", "undo_before"],
                steps={
                    "before": "completed",
                    "undo_before": "completed",
                    "parallel": "cancelled",
                    "one": "cancelled",
                    "undo_one": "pending",
                    "two": "completed",
                    "undo_two": "completed",
                    "beside": "completed",
                    "after": "pending",
                    "told": "pending",
                },
                failure=CANCELLED,
                cancelled_at=[["one", "two", "beside"]],
            ),
        ),
    ),
    Scenario(
        "A second cancel does not stop the undoing half way.",
        flow("cancelled-twice")
        .triggered_by(START)
        .then(double(1).as_("first").on_failure(echo("1").as_("undo_first")))
        .then(double(2).as_("second").on_failure(linger("2").as_("undo_second")))
        .then(hum().as_("at_work"))
        .build(),
        (
            Expected(
                calls=["first", "second", "at_work", "undo_second", "undo_first"],
                steps={
                    "first": "completed",
                    "undo_first": "completed",
                    "second": "completed",
                    "undo_second": "completed",
                    "at_work": "cancelled",
                },
                failure=CANCELLED,
                cancelled_at=[["at_work"], ["undo_second"]],
            ),
        ),
    ),
    Scenario(
        "A cancel that comes while a failed run undoes its work changes nothing: it ends by its failure.",
        flow("cancelled-too-late")
        .triggered_by(START)
        .then(double(1).as_("first").on_failure(linger("1").as_("undo_first")))
        .then(refuse("no").as_("second"))
        .on_failure(echo(failure().step).as_("told"))
        .build(),
        (
            Expected(
                calls=["first", "second", "undo_first", "told"],
                steps={"first": "completed", "undo_first": "completed", "second": "failed", "told": "completed"},
                failure=Failure(step="second", node="refuse", error_type="TerminalError", message="no"),
                cancelled_at=[["undo_first"]],
            ),
        ),
    ),
    Scenario(
        "What could not be undone is in the report, and the rest is undone all the same.",
        flow("cancelled-and-stuck")
        .triggered_by(START)
        .then(double(1).as_("first").on_failure(echo("1").as_("undo_first")))
        .then(double(2).as_("second").on_failure(refuse("locked").as_("undo_second")))
        .when(output("first") == 2)
        .then(hum().as_("at_work"))
        .end_when()
        .build(),
        (
            Expected(
                calls=["first", "second", "at_work", "undo_second", "undo_first"],
                steps={
                    "first": "completed",
                    "undo_first": "completed",
                    "second": "completed",
                    "undo_second": "failed",
                    "when": "cancelled",
                    "at_work": "cancelled",
                },
                taken={"when": "then"},
                failure=CANCELLED,
                compensation_failures=(
                    Failure(step="undo_second", node="refuse", error_type="TerminalError", message="locked"),
                ),
                cancelled_at=[["at_work"]],
            ),
        ),
    ),
    Scenario(
        "A cancelled run of a schedule hands on what it knows, as every other run does.",
        flow("cancelled-and-remembered")
        .triggered_by(BY_HAND)
        .then(counted)
        .when(counted.output < 3)
        .then(hum().as_("at_work"))
        .end_when()
        .build(),
        (
            *[
                Expected(
                    calls=["counted", "at_work"],
                    steps={"counted": "completed", "when": "cancelled", "at_work": "cancelled"},
                    taken={"when": "then"},
                    failure=CANCELLED,
                    cancelled_at=[["at_work"]],
                )
            ]
            * 2,
            Expected(
                calls=["counted"],
                steps={"counted": "completed", "when": "completed", "at_work": "skipped"},
                taken={"when": "otherwise"},
                result={"counted": 3},
            ),
        ),
    ),
)
