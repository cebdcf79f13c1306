"""How runs end: results, failures, what is undone then, and what stays as it was."""

from datetime import timedelta
from typing import Any

from pydantic import BaseModel

from resolute import (
    Flow,
    Node,
    failure,
    flow,
    manual,
    node,
    output,
    text,
)
from resolute.testing import FlowTester


class Health(BaseModel):
    status: str


@node
async def check(url: str = "") -> Health:
    raise OSError("no network in a test")


@node
async def tell(message: str, key: str = "") -> str:
    return message


def of(*steps: Node[Any]) -> Flow:
    builder = flow("f").triggered_by(manual("m"))
    for step in steps:
        builder = builder.then(step)
    return builder.build()


async def test_parallel_pauses_do_not_add_up() -> None:
    """Two branches that wait an hour wait one hour."""
    waiting = check().retry(2, initial=timedelta(hours=1), maximum=timedelta(hours=1))
    tester = FlowTester(flow("f").triggered_by(manual("m")).then_parallel(waiting.as_("a"), waiting.as_("b")).build())
    start = tester.clock.now()
    run = await tester.run()

    assert timedelta(hours=1) == tester.clock.now() - start
    assert ["failed", "failed", "failed"] == [step.status for step in run.report.steps]


async def test_what_completed_is_undone_last_step_first() -> None:
    """Then the flow's own steps run; they know what failed, and a failure of theirs does not stop the others."""
    built = (
        flow("f")
        .triggered_by(manual("m"))
        .then(tell("a").as_("a").on_failure(tell("undo a"), tell("undo a again")))
        .then(tell("b").as_("b").on_failure(check().as_("broken").retry(1)))
        .then(tell("c").as_("c").on_failure(tell(text("undo {}", output("c")))))
        .then(check().as_("bad").retry(1).on_failure(tell("never")))
        .on_failure(tell(text("{} {}: {}", failure().step, failure().error_type, failure().message)))
        .build()
    )
    run = await FlowTester(built).run()

    assert [
        "a", "b", "c", "undo c", "undo a", "undo a again", "bad OSError: no network in a test",
    ] == [call.arguments["message"] for call in run.calls_of("tell")]  # fmt: skip
    assert ["broken"] == [failed.step for failed in run.report.compensation_failures]
    assert "bad" == (run.failure.step if run.failure else None)


async def test_a_run_that_completes_undoes_nothing() -> None:
    """Undo steps and steps for a failure stay as they were."""
    built = flow("f").triggered_by(manual("m")).then(tell("a").on_failure(tell("undo"))).on_failure(tell("failed"))
    run = await FlowTester(built.build()).run()

    assert ["completed", "pending", "pending"] == [step.status for step in run.report.steps]


async def test_a_condition_that_cannot_be_told_fails_its_step() -> None:
    """No step of a run that has ended is still running."""
    said = tell("x").as_("said")
    built = flow("f").triggered_by(manual("m")).then(said).when(text("{:d}", said.output) == "x").then(tell("y"))
    run = await FlowTester(built.end_when().build()).run()

    assert "failed" == run.status
    assert ["completed", "failed", "pending"] == [step.status for step in run.report.steps]


async def test_the_result_is_what_returns_says() -> None:
    """Else the outputs of all named steps."""
    step = tell("x").as_("a")

    assert {"a": "x"} == (await FlowTester(of(step, tell("y"))).run()).result
    built = flow("f").triggered_by(manual("m")).then(step).returns({"said": [step.output]}).build()
    assert {"said": ["x"]} == (await FlowTester(built).run()).result
