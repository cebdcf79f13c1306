"""Flows in a test: answers in place of the world, time that passes at once, and failures that are undone."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from resolute import (
    Flow,
    NodeError,
    TerminalError,
    current_call,
    env,
    failure,
    flow,
    manual,
    node,
    now,
    output,
    previous,
    schedule,
    secret,
    text,
)
from resolute.node import provider_node
from resolute.testing import FlowTester, NoAnswerError, UnknownFakeError


class Health(BaseModel):
    status: str


@node
async def check(url: str = "") -> Health:
    raise OSError("no network in a test")


@node
async def tell(message: str, key: str = "") -> str:
    return message


@node
async def never() -> None:
    import asyncio

    await asyncio.Event().wait()


@node
async def attempt_number() -> int:
    if current_call().attempt < 3:
        raise NodeError("not yet", retry_after=timedelta(minutes=10))
    return current_call().attempt


@provider_node("chat", "PostMessage")
async def post_message(provider: object, words: str) -> Health:
    raise OSError(provider)


def ill(url: str) -> Health:
    return Health(status=f"ill {url}")


def of(*steps: Any, every_hour: bool = False) -> Flow:
    builder = flow("f").triggered_by(schedule("@hourly") if every_hour else manual("m"))
    for step in steps:
        builder = builder.then(step)
    return builder.build()


async def test_a_node_is_answered_by_its_name_and_a_step_by_its_own() -> None:
    """The step's answer goes before its node's, and is checked like any result."""
    tester = FlowTester(of(check().as_("a"), check("of b").as_("b")))
    tester.answer("check", {"status": "well"})
    tester.answer("b", ill)

    assert {"a": {"status": "well"}, "b": {"status": "ill of b"}} == (await tester.run()).result


async def test_answers_can_follow_each_other() -> None:
    """Errors among them; the last answer stays."""
    tester = FlowTester(of(check().as_("a"), check().as_("b")))
    tester.sequence("check", [OSError("down"), {"status": "ill"}, {"status": "well"}])
    run = await tester.run()

    assert ["ill", "well"] == [run.result[step]["status"] for step in ("a", "b")]
    assert [("a", 1), ("a", 2), ("b", 1)] == [(call.step, call.attempt) for call in run.calls]


async def test_a_failed_run_is_returned() -> None:
    """With its failure, its attempts, and what was never reached."""
    tester = FlowTester(of(check(), tell("x")))
    tester.fails("check", TerminalError("never"))
    run = await tester.run()

    assert "failed" == run.status
    assert run.failure is not None
    assert ("check", "TerminalError", "never") == (run.failure.step, run.failure.error_type, run.failure.message)
    assert ["failed", "pending"] == [step.status for step in run.report.steps]
    assert 1 == len(run.calls)
    assert not run.ran("tell")


@pytest.mark.parametrize("name", ["chek", "tel"])
def test_an_answer_for_nobody_is_an_error(name: str) -> None:
    """A test that fakes what is not there would prove nothing."""
    with pytest.raises(UnknownFakeError, match=rf"no step or node '{name}' \(did you mean"):
        FlowTester(of(check(), tell("x"))).answer(name, None)


async def test_a_node_of_a_provider_needs_an_answer() -> None:
    """Nothing reaches the world by mistake, and the message says what to give."""
    with pytest.raises(NoAnswerError, match=r"tester.answer\('chat.PostMessage', ...\)"):
        await FlowTester(of(post_message("hi"))).run()


async def test_a_secret_that_a_test_does_not_give_is_a_placeholder() -> None:
    """The call shows which secret would have been there; one that is given is masked."""
    step = tell("x", secret("KEY"))
    plain, given = FlowTester(of(step)), FlowTester(of(step), env={"KEY": "the-real-key"})

    assert "<secret KEY>" == (await plain.run()).calls[0].arguments["key"]
    assert "***" == (await given.run()).calls[0].arguments["key"]


async def test_a_missing_variable_fails_the_step_at_once() -> None:
    """Trying again would not set it."""
    run = await FlowTester(of(tell(env("REGION")))).run()

    assert run.failure is not None
    assert "MissingEnvironmentError" == run.failure.error_type
    assert 1 == len(run.calls)


async def test_runs_follow_each_other_as_those_of_a_schedule() -> None:
    """`previous` reads the last completed run: null at first, not the one that failed, or what the test says."""
    health = check().as_("health")
    tester = FlowTester(
        of(health, tell(text("{} {}", previous(health.output.status), health.output.status)), every_hour=True)
    )
    told: list[Any] = []
    for answer in ({"status": "a"}, TerminalError("no"), {"status": "b"}):
        tester.answer("health", answer)
        told += [call.arguments["message"] for call in (await tester.run()).calls_of("tell")]
    last = await tester.run(previous={"health": Health(status="z")})

    assert ["null a", "a b"] == told
    assert "z b" == last.calls_of("tell")[0].arguments["message"]


async def test_the_clock_is_virtual() -> None:
    """It begins where the test says, moves by pauses only, and costs no time."""
    start, began = datetime(2026, 5, 1, tzinfo=UTC), time.monotonic()
    tester = FlowTester(of(attempt_number(), tell(text("{}", now()))), start=start)
    run = await tester.run()

    assert "2026-05-01T00:20:00+00:00" == run.calls_of("tell")[0].arguments["message"]
    assert [1, 2, 3] == [call.attempt for call in run.calls_of("attempt_number")]
    assert time.monotonic() - began < 5


async def test_parallel_pauses_do_not_add_up() -> None:
    """Two branches that wait an hour wait one hour."""
    waiting = check().retry(2, initial=timedelta(hours=1), maximum=timedelta(hours=1))
    tester = FlowTester(flow("f").triggered_by(manual("m")).then_parallel(waiting.as_("a"), waiting.as_("b")).build())
    start = tester.clock.now()
    run = await tester.run()

    assert timedelta(hours=1) == tester.clock.now() - start
    assert ["failed", "failed", "failed"] == [step.status for step in run.report.steps]


async def test_a_node_that_does_not_answer_is_given_up() -> None:
    """After the test's patience in real time, and after its timeout on the run's clock."""
    tester = FlowTester(
        of(never().timeout(timedelta(hours=1)).retry(2, initial=timedelta(hours=1), maximum=timedelta(hours=1))),
        patience=0.01,
    )
    start = tester.clock.now()
    run = await tester.run()

    assert run.failure is not None
    assert ("TimeoutError", "no answer within 3600 s") == (run.failure.error_type, run.failure.message)
    assert timedelta(hours=3) == tester.clock.now() - start


async def test_all_attempts_together_have_a_limit() -> None:
    """No attempt begins after `within`."""
    step = check().retry(0, initial=timedelta(minutes=1), coefficient=1).timeout(within=timedelta(minutes=5))
    run = await FlowTester(of(step)).run()

    assert 5 == len(run.calls)


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


async def test_the_fixture_gives_the_tester(flow_tester: type[FlowTester]) -> None:
    """Every pytest that can import `resolute` has it."""
    assert {"a": "x"} == (await flow_tester(of(tell("x").as_("a"))).run()).result
