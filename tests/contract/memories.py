"""What a run knows of earlier runs of its flow, however they ended."""

from collections.abc import Mapping
from typing import Any, cast

from resolute import State, flow, output, previous, text
from resolute.plan.failing import Failure
from tests.contract.nodes import count, echo, note, read, refuse
from tests.contract.scenario import BY_HAND, Expected, Scenario

reading = read("db-1", 2.0).as_("reading")
counted = count(previous(cast("int", output("counted")))).as_("counted")


def knows_the_run_before(state: State) -> bool:
    """A decision on the run before."""
    note()
    before = cast("Mapping[str, Any]", state.previous or {})
    return "reading" in before and before["reading"]["load"] == 2.0


SCENARIOS = (
    Scenario(
        "The first run knows of none; the next ones read the outputs of the one before, also where returns says else.",
        flow("remembers")
        .triggered_by(BY_HAND)
        .then(reading)
        .when(previous(reading.output.load) == reading.output.load)
        .then(echo(previous(reading.output.host)).as_("same"))
        .end_when()
        .returns([previous(reading.output.tags["rack"][0]), reading.output.load])
        .build(),
        (
            Expected(
                calls=["reading"],
                steps={"reading": "completed", "when": "completed", "same": "skipped"},
                taken={"when": "otherwise"},
                result=[None, 2.0],
            ),
            Expected(
                calls=["reading", "same"],
                steps={"reading": "completed", "when": "completed", "same": "completed"},
                taken={"when": "then"},
                result=["a", 2.0],
            ),
        ),
    ),
    Scenario(
        "A decision sees the run before.",
        flow("remembers-to-decide")
        .triggered_by(BY_HAND)
        .then(reading)
        .when(knows_the_run_before)
        .then(echo("known").as_("known"))
        .end_when()
        .returns("done")
        .build(),
        (
            Expected(
                calls=["reading", "when_decision"],
                steps={"reading": "completed", "when_decision": "completed", "when": "completed", "known": "skipped"},
                taken={"when": "otherwise"},
                result="done",
            ),
            Expected(
                calls=["reading", "when_decision", "known"],
                steps={"reading": "completed", "when_decision": "completed", "when": "completed", "known": "completed"},
                taken={"when": "then"},
                result="done",
            ),
        ),
    ),
    Scenario(
        "A step that completed in a run that failed is remembered as one of a run that completed.",
        flow("remembers-failed-runs")
        .triggered_by(BY_HAND)
        .then(counted)
        .when(counted.output == 2)
        .then(refuse("two"))
        .end_when()
        .build(),
        (
            Expected(
                calls=["counted"],
                steps={"counted": "completed", "when": "completed", "refuse": "skipped"},
                taken={"when": "otherwise"},
                result={"counted": 1},
            ),
            Expected(
                calls=["counted", "refuse"],
                steps={"counted": "completed", "when": "failed", "refuse": "failed"},
                taken={"when": "then"},
                failure=Failure(step="refuse", node="refuse", error_type="TerminalError", message="two"),
            ),
            Expected(
                calls=["counted"],
                steps={"counted": "completed", "when": "completed", "refuse": "skipped"},
                taken={"when": "otherwise"},
                result={"counted": 3},
            ),
        ),
    ),
    Scenario(
        "What was known before a run that failed is known after it, also where no run has ever completed.",
        flow("remembers-across-failures")
        .triggered_by(BY_HAND)
        .then(counted)
        .then(refuse(text("{}", counted.output)).as_("refused"))
        .build(),
        tuple(
            Expected(
                calls=["counted", "refused"],
                steps={"counted": "completed", "refused": "failed"},
                failure=Failure(step="refused", node="refuse", error_type="TerminalError", message=str(number)),
            )
            for number in (1, 2, 3)
        ),
    ),
    Scenario(
        "A step that was skipped keeps the value that it had in the last run in which it completed.",
        flow("remembers-skipped-steps")
        .triggered_by(BY_HAND)
        .then(counted)
        .when(counted.output == 1)
        .then(echo("paged").as_("page"))
        .end_when()
        .returns(previous(cast("str", output("page"))))
        .build(),
        (
            Expected(
                calls=["counted", "page"],
                steps={"counted": "completed", "when": "completed", "page": "completed"},
                taken={"when": "then"},
                result=None,
            ),
            *[
                Expected(
                    calls=["counted"],
                    steps={"counted": "completed", "when": "completed", "page": "skipped"},
                    taken={"when": "otherwise"},
                    result="paged",
                )
            ]
            * 2,
        ),
    ),
)
