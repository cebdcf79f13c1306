"""Dry runs and shadows of deployed flows: beside their schedules, with what those remember, and with keys of runs."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import BaseModel
from temporalio.client import Client, WorkflowHandle

from resolute import Flow, flow, input_data, manual, node, previous, schedule
from resolute.execution.executor import NodeExecutor
from resolute.execution.secrets import Environment
from resolute.plan.errors import InvalidInputError
from resolute.plan.plan import Plan
from resolute.plan.triggers import Schedule
from resolute.running.report import RunReport
from resolute.temporal.activities.activities import Activities
from resolute.temporal.client.client import RunHandle
from resolute.temporal.history.runs import describe_run, list_runs
from resolute.temporal.schedules.change import Release
from resolute.temporal.schedules.control import delete_schedule, trigger_schedule
from resolute.temporal.schedules.schedules import deploy_schedules
from resolute.temporal.schedules.spec import ScheduledFlow
from resolute.temporal.wire.start import start_argument
from resolute.temporal.worker import temporal_worker
from resolute_worker.starting import known_plan, start_from_file, start_on_request
from tests.keys import KEYS
from tests.patience import PATIENCE

PAGED: list[str] = []
SEEN: list[str] = []


class Asked(BaseModel):
    host: str


@node(effect="read")
def look() -> str:
    return SEEN[-1]


@node
def page(now: str, before: str | None) -> str:
    PAGED.append(f"{now} after {before}")
    return "paged"


def watch(**how: Any) -> Flow:
    seen = look().as_("seen")
    written = flow("dry-watch", **how).triggered_by(schedule("0 0 29 2 *"))
    return written.then(seen).then(page(seen.output, previous(seen.output)).as_("paged")).build()


WATCH = watch()
ASKS = (
    flow("dry-keyed", one_per=input_data(Asked).host)
    .triggered_by(manual("go", input=Asked))
    .then(page(input_data(Asked).host, None).as_("paged"))
    .build()
)


@dataclass
class Place:
    """A worker with the flows, and their schedule."""

    client: Client
    queue: str

    async def deploy(self, plan: Plan) -> None:
        (trigger,) = plan.triggers
        assert isinstance(trigger, Schedule)
        scheduled = ScheduledFlow(name=plan.name, schedule=trigger, start_argument=start_argument(plan, keys=KEYS))
        release = Release(task_queue=self.queue, worker_set=self.queue, released=datetime.now(UTC), by=None)
        await deploy_schedules(self.client, [scheduled], release)

    async def scheduled(self, seen: str) -> RunReport:
        SEEN.append(seen)
        run = await trigger_schedule(self.client, WATCH.name)
        handle: WorkflowHandle[Any, Any] = self.client.get_workflow_handle(run.workflow_id, run_id=run.run_id)
        return await self.ended(RunHandle(handle, WATCH.name))

    async def dry(self, seen: str) -> RunReport:
        SEEN.append(seen)
        return await self.ended(await start_on_request(self.client, WATCH.name, task_queue=self.queue, dry=True))

    async def ended(self, run: RunHandle) -> RunReport:
        await run.result()
        report = (await describe_run(self.client, run.workflow_id, run.run_id)).report
        assert report is not None
        return report


@pytest.fixture
async def place(client: Client) -> AsyncIterator[Place]:
    """A worker on a queue of its own; nothing has been paged yet."""
    PAGED.clear()
    queue = f"dry-{uuid.uuid4().hex[:8]}"
    executor = NodeExecutor.for_flows([WATCH, ASKS], environment=Environment({}))
    worker = temporal_worker(
        client, Activities([WATCH, ASKS], executor, KEYS), task_queue=queue, graceful_shutdown=timedelta(0)
    )
    async with worker:
        yield Place(client, queue)


async def test_a_dry_run_knows_what_the_next_run_of_the_schedule_would_know(place: Place) -> None:
    """It reads the schedule's memory and the schedule never notices that it was there."""
    await place.deploy(WATCH.plan)
    try:
        await place.scheduled("one")
        dry = await place.dry("two")
        SEEN.append("two")
        from_file = await place.ended(
            await start_from_file(place.client, WATCH, task_queue=place.queue, keys=KEYS, dry=True)
        )
        await place.scheduled("three")
    finally:
        await delete_schedule(place.client, WATCH.name)

    assert ["one after None", "three after one"] == PAGED
    assert [{"now": "two", "before": "one"}] * 2 == [run.step("paged").arguments for run in (dry, from_file)]
    assert ["dry", "dry"] == [dry.mode, from_file.mode]


async def test_shadows_between_live_runs_leave_no_trace(place: Place) -> None:
    """Shadows remember each other; the live run after them knows what the live run before them knew."""
    try:
        await place.deploy(WATCH.plan)
        await place.scheduled("one")
        await place.deploy(watch(mode="shadow").plan)
        shadows = [await place.scheduled("two"), await place.scheduled("three")]
        await place.deploy(WATCH.plan)
        await place.scheduled("four")
    finally:
        await delete_schedule(place.client, WATCH.name)

    assert ["one after None", "four after one"] == PAGED
    assert [{"now": "two", "before": "one"}, {"now": "three", "before": "two"}] == [
        run.step("paged").arguments for run in shadows
    ]


async def test_a_dry_run_stands_in_no_line(place: Place) -> None:
    """It runs beside what goes on with its key; its input is checked, and its plan is not taken for the live one."""
    run = await start_on_request(place.client, ASKS.name, task_queue=place.queue, input_data={"host": "db-1"}, dry=True)
    report = await place.ended(run)
    async with asyncio.timeout(PATIENCE):
        while run.workflow_id not in [each.workflow_id for each in await list_runs(place.client, flows=[ASKS.name])]:
            await asyncio.sleep(0.05)  # the list lags behind, and announces nothing

    known = await known_plan(place.client, ASKS.name)
    assert known is not None
    assert (ASKS.plan.fingerprint, f"its latest run, {run.workflow_id}") == (known[0].fingerprint, known[1])
    assert ("dry", {"now": "db-1", "before": None}, []) == (report.mode, report.step("paged").arguments, PAGED)
    with pytest.raises(InvalidInputError, match="host"):
        await start_on_request(place.client, ASKS.name, task_queue=place.queue, input_data={"hots": "x"})
    with pytest.raises(InvalidInputError, match="host"):
        await start_on_request(place.client, ASKS.name, task_queue=place.queue, input_data={"hots": "x"}, dry=True)
