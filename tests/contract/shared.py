"""What runs share: budgets, which bound all of them together, and cursors, which say how far they have come."""

from datetime import timedelta

from resolute import budget, cursor, each, flow, manual, move, output
from resolute.plan.failing import Failure
from tests.contract.nodes import count, echo, inflate, refuse
from tests.contract.scenario import BY_HAND, Expected, Scenario

START = manual("start")
A_DAY = timedelta(days=1)

services = echo(["checkout", "search"]).as_("services")
first = budget("contract-pages", at_most=1, per=A_DAY).as_("first")
second = budget("contract-pages", at_most=1, per=A_DAY).as_("second")
keyed = budget("contract-nothing", at_most=1, per=A_DAY, key=services.output[5])

tries = count(cursor("contract-tries", int)).as_("tries")
page = count(cursor("contract-page", int)).as_("page")


def _reached(*, tries: int, page: int) -> Expected:
    return Expected(
        calls=["tries", "page", "after"],
        steps={
            "tries": "completed",
            "tried": "completed",
            "when": "completed",
            "refuse": "skipped",
            "page": "completed",
            "move_contract-page": "completed",
            "after": "completed",
        },
        taken={"when": "otherwise"},
        result={"tries": tries, "tried": None, "page": page, "after": page},
    )


SCENARIOS = (
    Scenario(
        "A budget grants what it has, refuses the rest, and says at the first refusal that it is the first.",
        flow("budget")
        .triggered_by(START)
        .then(first)
        .then(second)
        .then(budget("contract-pages", at_most=1, per=A_DAY).as_("third"))
        .when(second.output.granted)
        .then(refuse("granted twice").as_("never"))
        .end_when()
        .returns([first.output.granted, second.output.granted, second.output.first_refused, second.output.refused])
        .build(),
        (
            Expected(
                calls=[],
                steps={
                    "first": "completed",
                    "second": "completed",
                    "third": "completed",
                    "when": "completed",
                    "never": "skipped",
                },
                taken={"when": "otherwise"},
                result=[True, False, True, 1],
            ),
        ),
    ),
    Scenario(
        "Each value of a key has a budget of its own, also of items at once.",
        flow("budget-for-each")
        .triggered_by(START)
        .then(services)
        .then(
            each(
                services.output,
                lambda service: budget("contract-each", at_most=1, per=A_DAY, key=service).as_("own"),
                at_once=2,
            ).as_("all")
        )
        .then(budget("contract-each", at_most=1, per=A_DAY, key="search", take=0).as_("look"))
        .returns("done")
        .build(),
        (
            Expected(
                calls=["services"],
                steps={
                    "services": "completed",
                    "all": "completed",
                    "own": "completed",
                    "all[0].own": "completed",
                    "all[1].own": "completed",
                    "look": "completed",
                },
                result="done",
            ),
        ),
    ),
    Scenario(
        "A budget whose key is null fails its step, which says so.",
        flow("budget-without-key").triggered_by(START).then(services).then(keyed.as_("own")).build(),
        (
            Expected(
                calls=["services"],
                steps={"services": "completed", "own": "failed"},
                failure=Failure(
                    step="own",
                    node="",
                    error_type="EvaluationError",
                    message="the key of budget 'contract-nothing' is null: give a value that says which one is meant",
                ),
            ),
        ),
    ),
    Scenario(
        "A cursor is where the latest run moved it, however it ended; a run that fails before leaves it where it was.",
        flow("cursor")
        .triggered_by(BY_HAND)
        .then(tries)
        .then(move(cursor("contract-tries", int), to=tries.output).as_("tried"))
        .when(tries.output == 2)
        .then(refuse("not yet"))
        .end_when()
        .then(page)
        .then(move(cursor("contract-page", int), to=page.output))
        .then(echo(cursor("contract-page", int)).as_("after"))
        .build(),
        (
            _reached(tries=1, page=1),
            Expected(
                calls=["tries", "refuse"],
                steps={
                    "tries": "completed",
                    "tried": "completed",
                    "when": "failed",
                    "refuse": "failed",
                    "page": "pending",
                    "move_contract-page": "pending",
                    "after": "pending",
                },
                taken={"when": "then"},
                failure=Failure(step="refuse", node="refuse", error_type="TerminalError", message="not yet"),
            ),
            _reached(tries=3, page=2),
        ),
    ),
    Scenario(
        "A step that moves a cursor to more than where to go on fails, and says so.",
        flow("cursor-too-large")
        .triggered_by(START)
        .then(inflate(100_000).as_("found"))
        .then(move(cursor("contract-large"), to=output("found")).as_("moved"))
        .build(),
        (
            Expected(
                calls=["found"],
                steps={"found": "completed", "moved": "failed"},
                failure=Failure(
                    step="moved",
                    node="resolute.Share",
                    error_type="SharingRefusedError",
                    message="a cursor is moved to a value of 100,002 bytes, and 65,536 are the most: "
                    "keep where to go on, and not what was found",
                ),
            ),
        ),
    ),
)
"""Each runs, too, with its history continued behind every step."""
