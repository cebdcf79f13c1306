"""Every run ends, whatever it meets: bugs of Resolute too."""

import pytest

from resolute import flow, manual
from resolute.plan.errors import NodeFailedError, PayloadTooLargeError, UnusableValueError
from resolute.plan.limits import PAYLOAD_LIMIT, recorded_size
from resolute.plan.values import Json
from resolute.running import interpreter as interpreting
from resolute.running.evaluate import Scope, prepare
from resolute.running.report import Failure
from resolute.temporal.client import start_run
from tests.contract.nodes import double, echo
from tests.contract.runtimes import MemoryScenarios, TemporalScenarios
from tests.contract.scenario import Expected, Scenario
from tests.keys import KEYS

START = manual("start")

undone = (
    flow("bugs")
    .triggered_by(START)
    .then(double(1).as_("one").on_failure(echo("undone").as_("undo_one")))
    .then(echo("the bug is here").as_("step"))
    .build()
)


listening = flow("listening").triggered_by(START).then(echo("x").as_("given")).build()


@pytest.mark.parametrize("error", [KeyError("lost"), RecursionError("too deep"), MemoryError("too much")])
async def test_a_bug_of_ours(
    memory: MemoryScenarios, temporal: TemporalScenarios, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """A bug in the interpreter fails the run at the step where it was met; what has completed is undone."""

    def broken(value: Json, scope: Scope) -> Json:
        if value == {"value": "the bug is here"}:
            raise error
        return prepare(value, scope)

    monkeypatch.setattr(interpreting, "prepare", broken)
    said = f"{type(error).__name__}: {error}; this is a bug in Resolute: report it with its trace"
    for runtime in (memory, temporal):
        scenario = Scenario("It ends.", undone, (Expected(calls=[], steps={}),))
        (outcome,) = await runtime.run(scenario)

        assert Failure(step="step", node="echo", error_type="InternalError", message=said) == outcome.report.failure
        assert ["one", "undo_one"] == outcome.first_calls
        assert isinstance(outcome.error, NodeFailedError)


async def test_the_trace_of_a_bug_is_recorded(temporal: TemporalScenarios, monkeypatch: pytest.MonkeyPatch) -> None:
    """The failure of a run that met a bug says where in Resolute it was, without a path of the machine."""

    def broken(value: Json, scope: Scope) -> Json:
        raise KeyError(str(value) + str(scope))

    monkeypatch.setattr(interpreting, "prepare", broken)
    run = await start_run(temporal.client, undone.plan, task_queue=temporal.task_queue, keys=KEYS)
    outcome = await temporal.outcome(run)
    recorded = outcome.events[-1].workflow_execution_failed_event_attributes.failure.stack_trace

    assert "resolute.running.interpreter:" in recorded
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
