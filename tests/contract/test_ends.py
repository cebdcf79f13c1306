"""Every run ends, whatever it meets: bugs of Resolute too."""

import asyncio
import uuid
from collections.abc import Sequence
from typing import Any, cast

import pytest
from temporalio.client import WorkflowHandle
from temporalio.exceptions import ApplicationError

from resolute import flow, manual
from resolute.plan.errors import FlowError, NodeFailedError, PayloadTooLargeError, UnusableValueError
from resolute.plan.failing import Failure
from resolute.plan.limits import PAYLOAD_LIMIT, recorded_size
from resolute.plan.texts import text_of
from resolute.plan.values import Json
from resolute.running import run as running_run
from resolute.running.evaluate import Scope, prepare
from resolute.running.kinds import call as interpreting
from resolute.temporal.client.client import RunHandle, start_run
from resolute.temporal.wire import activity as on_temporal
from tests.contract.ends import HEAVY, MEGABYTE
from tests.contract.nodes import double, echo
from tests.contract.runtimes import MemoryScenarios, TemporalScenarios
from tests.contract.scenario import Expected, Outcome, Scenario
from tests.keys import KEYS
from tests.patience import PATIENCE
from tests.unit.test_soundness import BROKEN

START = manual("start")

undone = (
    flow("bugs")
    .triggered_by(START)
    .then(double(1).as_("one").on_failure(echo("undone").as_("undo_one")))
    .then(echo("the bug is here").as_("step"))
    .build()
)


wide = flow("wide").triggered_by(START).then_parallel(*(echo(number) for number in range(45))).build()
listening = flow("listening").triggered_by(START).then(echo("x").as_("given")).build()


@pytest.mark.parametrize("error", [KeyError("lost"), RecursionError("too deep"), MemoryError("too much")])
async def test_a_bug_of_ours(
    memory: MemoryScenarios, temporal: TemporalScenarios, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """A bug in the interpreter fails the run at the step where it was met; what has completed is undone."""

    def broken(value: Json, scope: Scope, later: Sequence[str] = ()) -> Json:
        if value == {"value": "the bug is here"}:
            raise error
        return prepare(value, scope, later)

    monkeypatch.setattr(interpreting, "prepare", broken)
    said = f"{type(error).__name__}: {text_of(error)}; this is a bug in Resolute: report it with its trace"
    for runtime in (memory, temporal):
        scenario = Scenario("It ends.", undone, (Expected(calls=[], steps={}),))
        (outcome,) = await runtime.run(scenario)

        assert Failure(step="step", node="echo", error_type="InternalError", message=said) == outcome.report.failure
        assert ["one", "undo_one"] == outcome.first_calls
        assert isinstance(outcome.error, NodeFailedError)


async def test_the_trace_of_a_bug_is_recorded(temporal: TemporalScenarios, monkeypatch: pytest.MonkeyPatch) -> None:
    """The failure of a run that met a bug says where in Resolute it was, without a path of the machine."""

    def broken(value: Json, scope: Scope, _: Sequence[str] = ()) -> Json:
        raise KeyError(str(value) + str(scope))

    monkeypatch.setattr(interpreting, "prepare", broken)
    run = await start_run(temporal.client, undone.plan, task_queue=temporal.task_queue, keys=KEYS)
    outcome = await temporal.outcome(run)
    failure = outcome.events[-1].workflow_execution_failed_event_attributes.failure
    error = await temporal.client.data_converter.decode_failure(failure)
    assert isinstance(error, ApplicationError)
    assert error.failure is not None
    recorded = error.failure.stack_trace

    assert "resolute.running.kinds.call:" in recorded
    assert " in broken" in recorded
    assert "/" not in recorded


async def test_input_is_counted_as_temporal_counts_it(temporal: TemporalScenarios) -> None:
    """Input beyond ASCII is refused where it is larger than Temporal takes as it is sent, and runs where it is not."""
    with pytest.raises(PayloadTooLargeError, match="plan and input of flow 'listening' is"):
        await start_run(
            temporal.client, listening.plan, task_queue=temporal.task_queue, input_data="é" * 349_000, keys=KEYS
        )
    run = await start_run(
        temporal.client, listening.plan, task_queue=temporal.task_queue, input_data="é" * 348_000, keys=KEYS
    )

    assert PAYLOAD_LIMIT > recorded_size("é" * 348_000) > PAYLOAD_LIMIT - 6_000
    assert {"given": "x"} == await run.result()


async def test_input_that_cannot_be_recorded(temporal: TemporalScenarios) -> None:
    """Input that is nested too deep, or holds a number that nobody can write down, starts no run."""
    deep: Json = 1
    for _ in range(101):
        deep = [deep]
    for value in (deep, {"n": 10**5000}):
        with pytest.raises(UnusableValueError, match="the input of flow 'listening' cannot be recorded: "):
            await start_run(
                temporal.client, listening.plan, task_queue=temporal.task_queue, input_data=value, keys=KEYS
            )


async def test_branches_take_turns(
    memory: MemoryScenarios, temporal: TemporalScenarios, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many branches a run has, so many of its calls are at work at once as Temporal bears; the rest follow."""
    monkeypatch.setattr(running_run, "PENDING_LIMIT", 7)
    for runtime in (memory, temporal):
        scenario = Scenario("It ends.", wide, (Expected(calls=[], steps={}),))
        (outcome,) = await runtime.run(scenario)

        assert "completed" == outcome.report.status
        assert 45 == len(outcome.first_calls)
        assert 7 == _most_at_work(outcome) if outcome.events else True


async def test_many_results_in_one_message(memory: MemoryScenarios, temporal: TemporalScenarios) -> None:
    """What nodes of the local lane give may be more than a message to Temporal holds, with the run's result on top."""
    for runtime in (memory, temporal):
        scenario = Scenario("It ends.", HEAVY, (Expected(calls=[], steps={}),))
        (outcome,) = await runtime.run(scenario)
        result = cast("list[Any]", outcome.report.result)

        assert "completed" == outcome.report.status
        assert [2 * MEGABYTE, 2 * MEGABYTE] == [len(result[0]), result[1]]


async def test_a_queue_that_nobody_polls(temporal: TemporalScenarios, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call on a queue without a worker fails when its patience ends, and says what to start."""
    monkeypatch.setattr(on_temporal, "QUEUE_PATIENCE", 0.2)
    (call,) = listening.plan.steps
    plan = listening.plan.model_copy(update={"steps": (call.model_copy(update={"queue": "abandoned"}),)})
    run = await temporal.start(plan)

    with pytest.raises(NodeFailedError, match="no worker polls the task queue of 'abandoned'"):
        await run.result()


@pytest.mark.parametrize("written", BROKEN.values(), ids=BROKEN)
async def test_a_broken_plan_ends(temporal: TemporalScenarios, written: dict[str, Any]) -> None:
    """A run whose plan could not be followed fails before its first step, instead of failing its task for ever."""
    sealed = {"plan": written, "seal": KEYS.seal("start", "broken", written, None)}
    handle: WorkflowHandle[Any, Any] = await temporal.client.start_workflow(
        "broken", {"resolute": sealed, "input": None}, id=f"broken-{uuid.uuid4().hex}", task_queue=temporal.task_queue
    )
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(FlowError, match="UnsupportedPlanError: the run's plan "):
            await RunHandle(handle, "broken").result()


def _most_at_work(outcome: Outcome) -> int:
    most = at_work = 0
    for event in outcome.events:
        at_work += event.HasField("activity_task_scheduled_event_attributes")
        at_work -= event.HasField("activity_task_completed_event_attributes")
        most = max(most, at_work)
    return most
