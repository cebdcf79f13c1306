"""When a run was due: what its schedule says, whatever the clock says, for as long as the run goes on."""

import asyncio
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.client import Client, ScheduleActionExecutionStartWorkflow, ScheduleBackfill

from resolute import Flow, flow, manual, schedule, scheduled_for
from resolute.memory.clock import START, VirtualClock
from resolute.memory.runtime import run_in_memory
from resolute.plan.triggers import Schedule
from resolute.temporal.activities.activities import Activities
from resolute.temporal.client.client import RunHandle, start_run
from resolute.temporal.schedules.change import Release
from resolute.temporal.schedules.control import delete_schedule
from resolute.temporal.schedules.schedules import deploy_schedules
from resolute.temporal.schedules.spec import ScheduledFlow, schedule_id
from resolute.temporal.wire.start import start_argument
from resolute.temporal.worker import temporal_worker
from resolute.testing import FlowTester
from tests.contract.conftest import executor_of
from tests.contract.nodes import echo
from tests.contract.runtimes import TemporalScenarios
from tests.keys import KEYS

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def due(name: str, trigger: Any) -> Flow:
    one = echo(scheduled_for()).as_("one")
    return flow(name).triggered_by(trigger).then(one).then(echo(scheduled_for() - HOUR).as_("other")).build()


async def test_a_run_of_a_schedule_is_due_when_the_schedule_says(temporal: TemporalScenarios) -> None:
    """Also where it starts much later; and `resolute show` reads the same from the history."""
    built = due("due-yearly", schedule("0 12 1 3 *"))  # seldom: it starts no other run beside
    (trigger,) = built.plan.triggers
    assert isinstance(trigger, Schedule)
    scheduled = ScheduledFlow(name=built.name, schedule=trigger, start_argument=start_argument(built.plan, keys=KEYS))
    owner = f"{temporal.task_queue}/due"
    release = Release(task_queue=temporal.task_queue, worker_set=owner, released=datetime.now(UTC), by=None)
    await deploy_schedules(temporal.client, [scheduled], release)
    try:
        half = timedelta(minutes=30)
        handle = temporal.client.get_schedule_handle(schedule_id(built.name))
        await handle.backfill(ScheduleBackfill(start_at=NOON - half, end_at=NOON + half))
        run = await begun(temporal.client, built.name)
        outcome = await temporal.outcome(run)
    finally:
        await delete_schedule(temporal.client, built.name)

    assert {"one": "2026-03-01T12:00:00+00:00", "other": "2026-03-01T11:00:00+00:00"} == outcome.report.result
    assert {"value": "2026-03-01T12:00:00+00:00"} == outcome.report.step("one").arguments


async def begun(client: Client, name: str) -> RunHandle:
    """The run that the schedule has started."""
    while True:
        described = await client.get_schedule_handle(schedule_id(name)).describe()
        for result in described.info.recent_actions:
            started = result.action
            assert isinstance(started, ScheduleActionExecutionStartWorkflow)
            return RunHandle(client.get_workflow_handle(started.workflow_id), name)
        await asyncio.sleep(0.05)


async def test_a_run_of_nobodys_schedule_is_due_when_it_starts(temporal: TemporalScenarios) -> None:
    """The time of its start, which is before its first step's."""
    outcome = await temporal.outcome(await temporal.start(due("due-by-hand", manual("go")).plan))
    result: Any = outcome.report.result
    first = outcome.report.step("one").started_at

    assert first is not None
    assert datetime.fromisoformat(result["one"]) <= first
    assert outcome.events[0].event_time.ToDatetime(UTC) == datetime.fromisoformat(result["one"])


async def test_a_continued_run_stays_due_when_it_was(temporal_client: Client) -> None:
    """A run that goes on in another history keeps the time at which its first one was due."""
    built = due("due-and-continued", manual("go"))
    queue = f"due-{uuid.uuid4().hex[:8]}"
    activities = Activities([built], executor_of([built]), KEYS)
    async with temporal_worker(temporal_client, activities, task_queue=queue, full=lambda ended: ended > 0):
        run = await start_run(temporal_client, built.plan, task_queue=queue, keys=KEYS)
        result: Any = await run.result()
    latest = await temporal_client.get_workflow_handle(run.workflow_id).fetch_history()

    assert latest.events[0].workflow_execution_started_event_attributes.continued_execution_run_id
    assert HOUR == datetime.fromisoformat(result["one"]) - datetime.fromisoformat(result["other"])


async def test_in_memory_a_run_is_due_when_a_test_says() -> None:
    """Else when it starts; a time without an offset is in UTC; and it stays so where the run is continued."""
    built = due("due-in-memory", manual("go"))
    tester = FlowTester(built, start=NOON)
    by_itself: Any = (await tester.run()).result
    earlier: Any = (await tester.run(scheduled_for=datetime(2026, 3, 1, 9))).result

    async def ran(full: Callable[[int], bool]) -> Any:
        run = await run_in_memory(built.plan, executor_of([built]), clock=VirtualClock(), full=full)
        return run.report.result

    assert ("2026-03-01T12:00:00+00:00", "2026-03-01T09:00:00+00:00") == (by_itself["one"], earlier["one"])
    assert await ran(lambda _: False) == await ran(lambda ended: ended > 0)
    assert START.isoformat() == (await ran(lambda ended: ended > 0))["one"]
