"""What only a schedule on a server can show: memory across deploys, and runs that their successors cancel."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from temporalio.client import WorkflowHandle

from resolute import Flow, flow, output, previous, schedule
from resolute.plan.plan import Plan
from resolute.plan.triggers import Schedule
from resolute.temporal.client.client import RunHandle
from resolute.temporal.history.runs import list_runs
from resolute.temporal.schedules.change import Release
from resolute.temporal.schedules.control import delete_schedule
from resolute.temporal.schedules.schedules import deploy_schedules
from resolute.temporal.schedules.spec import ScheduledFlow
from resolute.temporal.wire.start import start_argument
from resolute.temporal.workflows import newer
from tests.contract.nodes import called, count, double, echo, hum, read
from tests.contract.runtimes import TemporalScenarios
from tests.contract.scenario import BY_HAND, Outcome
from tests.contract.triggering import triggered
from tests.keys import KEYS, PAYLOAD_KEY, encrypting
from tests.patience import PATIENCE

NAME = "handed-on"

counted = count(previous(cast("int", output("counted")))).as_("counted")
counting = flow(NAME).triggered_by(BY_HAND).then(counted).build()


class Scheduled:
    """One schedule, whose flow is deployed anew as often as a test likes."""

    def __init__(self, temporal: TemporalScenarios) -> None:
        self.temporal = temporal

    async def deploy(self, plan: Plan) -> None:
        """Makes the schedule start this plan."""
        (trigger,) = plan.triggers
        assert isinstance(trigger, Schedule)
        scheduled = ScheduledFlow(name=NAME, schedule=trigger, start_argument=start_argument(plan, keys=KEYS))
        queue = self.temporal.task_queue
        release = Release(task_queue=queue, worker_set=f"{queue}/{NAME}", released=datetime.now(UTC), by=None)
        await deploy_schedules(self.temporal.client, [scheduled], release)

    async def start(self) -> RunHandle:
        """Starts the schedule's next run."""
        run = await triggered(self.temporal.client, NAME)
        handle: WorkflowHandle[Any, Any] = self.temporal.client.get_workflow_handle(run.workflow_id, run_id=run.run_id)
        return RunHandle(handle, NAME)

    def latest(self, run: RunHandle) -> WorkflowHandle[Any, Any]:
        """The run, in whatever history it is by now."""
        return self.temporal.client.get_workflow_handle(run.workflow_id, first_execution_run_id=run.run_id)

    async def run(self, deployed: Flow | Plan) -> Outcome:
        """Deploys a flow and has it run once."""
        await self.deploy(deployed.plan if isinstance(deployed, Flow) else deployed)
        return await self.temporal.outcome(await self.start())


@pytest.fixture
async def scheduled(temporal: TemporalScenarios) -> AsyncIterator[Scheduled]:
    """A schedule that is gone with the test, and its memory with it."""
    yield Scheduled(temporal)
    await delete_schedule(temporal.client, NAME)


async def test_a_successor_that_cancels_reads_the_memory(scheduled: Scheduled) -> None:
    """A run that its successor cancels undoes its work, hands its memory on, and counts as cancelled."""
    cancels = (
        flow(NAME)
        .triggered_by(schedule("@yearly", overlap="cancel_other"))
        .then(counted)
        .then(double(counted.output).as_("taken").on_failure(echo(output("taken")).as_("undo")))
        .then(hum().as_("at_work"))
        .build()
    )
    await scheduled.deploy(cancels.plan)
    runs: list[RunHandle] = []
    reader = encrypting(scheduled.temporal.client, PAYLOAD_KEY)  # runs of the flow on another worker are encrypted
    async with asyncio.timeout(PATIENCE):
        for _ in range(3):
            runs.append(await scheduled.start())
            await called(runs[-1].run_id or "", "at_work")
        await scheduled.latest(runs[-1]).cancel()
        outcomes = [await scheduled.temporal.outcome(run) for run in runs]
        ids = [run.workflow_id for run in reversed(runs)]
        while [run.workflow_id for run in await list_runs(reader, flows=[NAME], status="cancelled")][:3] != ids:
            await asyncio.sleep(0.1)  # Temporal's list lags behind, and announces nothing

    assert [1, 2, 3] == [outcome.report.step("counted").output for outcome in outcomes]
    assert [2, 4, 6] == [outcome.report.step("undo").output for outcome in outcomes]
    assert {"cancelled"} == {outcome.report.status for outcome in outcomes}
    assert {"the run was cancelled"} == {str(outcome.error) for outcome in outcomes}


async def test_a_run_that_cannot_begin_loses_nothing(scheduled: Scheduled, monkeypatch: pytest.MonkeyPatch) -> None:
    """A release that no worker can run fails, and hands on what it was handed."""
    monkeypatch.setattr(newer, "TAKEN_OVER", timedelta())
    await scheduled.run(counting)

    failed = await scheduled.run(counting.plan.model_copy(update={"interpreter": 99}))
    again = await scheduled.run(counting)

    assert ("failed", 2) == (failed.report.status, again.report.step("counted").output)


async def test_an_edited_model_is_null_with_a_warning(scheduled: Scheduled) -> None:
    """What the step came to before its type was changed is not read any more, and the run says so."""
    before = read("db-1", 2.0).as_("counted")
    await scheduled.run(flow(NAME).triggered_by(BY_HAND).then(before).returns(previous(before.output.load)).build())

    edited = await scheduled.run(counting)
    after = await scheduled.run(counting)

    (warning,) = edited.report.warnings
    assert warning.startswith("previous(counted) is null")
    assert [1, 2] == [outcome.report.step("counted").output for outcome in (edited, after)]
    assert () == after.report.warnings


async def test_a_terminated_run_hands_nothing_on(scheduled: Scheduled) -> None:
    """The next run knows what the terminated one knew when it began."""
    await scheduled.run(counting)
    await scheduled.deploy(flow(NAME).triggered_by(BY_HAND).then(counted).then(hum().as_("at_work")).build().plan)
    run = await scheduled.start()
    async with asyncio.timeout(PATIENCE):
        await called(run.run_id or "", "at_work")
        await scheduled.latest(run).terminate("the test ends it")

    assert 2 == (await scheduled.run(counting)).report.step("counted").output
