"""The same flow comes to the same end on every runtime, and every way to ask for it gives the same answer."""

import json
from datetime import UTC, timedelta

import pytest

from resolute import FlowError, NodeFailedError
from resolute.memory.clock import START
from resolute.plan.errors import RunCancelledError
from resolute.running.record import record_from
from resolute.running.report import RunReport
from resolute.running.shared.asking import SHARE
from resolute.temporal.history.exporting import record_of
from resolute.temporal.wire.finding import RunKey
from resolute.testing import FlowTester
from tests.contract.catalogue import SCENARIOS
from tests.contract.nodes import ATTEMPTS, ENVIRONMENT, Window
from tests.contract.runtimes import MemoryScenarios, ScenarioRuntime, TemporalScenarios
from tests.contract.scenario import Expected, Scenario, in_order_of
from tests.contract.values import on_the_clock

every_scenario = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.flow.name)


@every_scenario
async def test_in_memory(memory: MemoryScenarios, scenario: Scenario) -> None:
    """The run ends in memory as the scenario says."""
    await _ends_as_expected(memory, scenario)


@every_scenario
async def test_on_temporal(temporal: TemporalScenarios, scenario: Scenario) -> None:
    """The run ends on a server as the scenario says, also where every task replays the run from its beginning."""
    await _ends_as_expected(temporal, scenario)


@every_scenario
async def test_the_same_error(memory: MemoryScenarios, temporal: TemporalScenarios, scenario: Scenario) -> None:
    """Whoever waits for the run is told the same of its failure by every runtime."""
    here = [_as_told(outcome.error) for outcome in await memory.outcomes(scenario)]
    there = [str(outcome.error or "") for outcome in await temporal.outcomes(scenario)]

    assert here == there


async def test_windows_are_of_the_run(memory: MemoryScenarios, temporal: TemporalScenarios) -> None:
    """now() is when the step begins in this run, whenever the flow was written or the worker started."""
    scenario = Scenario("A window ends when its step begins.", on_the_clock, (Expected(calls=[], steps={}),))
    for runtime in (memory, temporal):
        (outcome,) = await runtime.outcomes(scenario)
        step = outcome.report.step("window")
        window = Window.model_validate(step.output)
        began = outcome.events[0].event_time.ToDatetime(UTC) if outcome.events else START

        assert step.started_at is not None
        assert began <= window.until <= step.started_at
        assert timedelta(days=1) == window.until - window.since


@every_scenario
async def test_the_query_agrees(temporal: TemporalScenarios, scenario: Scenario) -> None:
    """What the run says of itself is what its history says, apart from times and what only the history holds."""
    from_history = {"started_at", "ended_at", "arguments", "compared", "attempts", "carried"}
    without_times = {"status": True, "result": True, "steps": {"__all__": from_history}}
    for outcome in await temporal.outcomes(scenario):
        assert outcome.queried is not None
        answer = outcome.report.model_validate(outcome.queried)
        carried = {step.id for step in answer.steps if step.carried and "." in step.id}
        described = _without_outputs(outcome.report, carried).model_dump(mode="json", exclude=without_times)
        queried = _without_outputs(answer, carried).model_dump(mode="json", exclude=without_times)

        assert described == queried


@every_scenario
async def test_no_secret_is_recorded(temporal: TemporalScenarios, scenario: Scenario) -> None:
    """What the worker reads as a secret is in no event, whatever nodes do with it."""
    for outcome in await temporal.outcomes(scenario):
        recorded = [event.SerializeToString() for event in outcome.events]

        assert [event for event in recorded if scenario.flow.name.encode() in event]
        assert not [event for event in recorded if ENVIRONMENT["TOKEN"].encode() in event]


@every_scenario
async def test_activity_ids_are_step_ids(temporal: TemporalScenarios, scenario: Scenario) -> None:
    """A history maps onto its plan: no activity has an id that is no step's, nor a question to what runs share."""
    for outcome in await temporal.outcomes(scenario):
        steps = {step.id: step.node for step in outcome.report.steps}
        scheduled = {
            attributes.activity_id: attributes.activity_type.name
            for event in outcome.events
            if (attributes := event.activity_task_scheduled_event_attributes).activity_id
        }

        asking = {step for step, node in scheduled.items() if node == SHARE}

        assert scheduled == {step: SHARE if step in asking else steps.get(step) for step in scheduled}
        assert [] == [step for step in asking if step not in steps and not step.startswith("run:")]


@every_scenario
async def test_a_run_becomes_a_test(temporal: TemporalScenarios, scenario: Scenario) -> None:
    """A run that is exported and played by a test comes to the same end, though nothing is called."""
    for outcome in await temporal.outcomes(scenario):
        key = RunKey(scenario.flow.name, "")
        exported = await record_of(await temporal.recorded(outcome), key, outcome.report.status)
        written = json.loads(json.dumps(exported.as_json()))
        await temporal.all_ended()
        called = dict(ATTEMPTS)
        played = await FlowTester.from_run(written).run()

        assert called == ATTEMPTS
        assert exported == record_from(written)
        assert (outcome.report.status, outcome.report.failure) == (played.status, played.failure)
        assert outcome.report.result == played.report.result
        assert outcome.report.compensation_failures == played.report.compensation_failures
        assert {step.id: step.status for step in outcome.report.steps}.items() <= {
            step.id: step.status for step in played.report.steps
        }.items()


async def _ends_as_expected(runtime: ScenarioRuntime, scenario: Scenario) -> None:
    outcomes = await runtime.outcomes(scenario)
    for outcome, expected in zip(outcomes, scenario.expected, strict=True):
        report = outcome.report

        assert (expected.status, expected.failure) == (report.status, report.failure)
        assert dict(expected.steps) == {step.id: step.status for step in report.steps}
        assert dict(expected.taken) == {step.id: step.taken for step in report.steps if step.taken}
        assert expected.result == report.result
        assert list(expected.calls) == in_order_of(expected.calls, outcome.first_calls)
        assert dict(expected.attempts) == outcome.repeated
        assert expected.compensation_failures == report.compensation_failures


def _without_outputs(report: RunReport, steps: set[str]) -> RunReport:
    """The report without what a later history does not know of the turns and items of earlier ones."""
    kept = tuple(
        step.model_copy(update={"output": None, "taken": None, "run": ""}) if step.id in steps else step
        for step in report.steps
    )
    return report.model_copy(update={"steps": kept})


def _as_told(error: FlowError | None) -> str:
    """An error as a client of Temporal gets it: what is no step's failure is a `FlowError` that says what it was."""
    if error is None or isinstance(error, (NodeFailedError, RunCancelledError)):
        return str(error or "")
    return f"{type(error).__name__}: {error}"
