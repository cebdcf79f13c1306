"""What runs outside of a schedule remember: one memory for a flow, or for each of its keys, however its runs end."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from pydantic import BaseModel
from temporalio.client import Client

from resolute import (
    Flow,
    FlowBuilder,
    FlowError,
    alarm,
    flow,
    input_data,
    manual,
    output,
    previous,
    webhook,
)
from resolute.execution.executor import NodeExecutor
from resolute.execution.secrets import Environment
from resolute.plan.plan import Plan
from resolute.plan.triggers import Schedule
from resolute.plan.values import Json
from resolute.plan.verification import unverified
from resolute.running.report import RunReport
from resolute.temporal.activities.activities import Activities
from resolute.temporal.client.client import RunHandle, start_run
from resolute.temporal.client.control import cancel_run
from resolute.temporal.client.mutes import Muting
from resolute.temporal.client.rerun import prepare_rerun, start_rerun
from resolute.temporal.history.runs import describe_run
from resolute.temporal.schedules.change import Release
from resolute.temporal.schedules.control import delete_schedule
from resolute.temporal.schedules.schedules import deploy_schedules
from resolute.temporal.schedules.spec import ScheduledFlow
from resolute.temporal.wire.finding import RunKey
from resolute.temporal.wire.start import start_argument
from resolute.temporal.worker import temporal_worker
from tests.contract.conftest import behind_every_step
from tests.contract.nodes import called, count, echo, hum, read, refuse
from tests.contract.scenario import BY_HAND
from tests.contract.triggering import triggered
from tests.keys import KEYS
from tests.patience import PATIENCE


class Ask(BaseModel):
    """The input."""

    service: str = "checkout"
    fails: bool = False


ask = input_data(Ask)
counted = count(previous(cast("int", output("counted")))).as_("counted")


def _counting(begun: FlowBuilder) -> Flow:
    return begun.then(counted).when(ask.fails).then(refuse("asked to")).end_when().build()


def named() -> str:
    """A flow that no other test has."""
    return f"remembers-{uuid.uuid4().hex[:8]}"


@dataclass
class Runs:
    """Runs flows outside of a schedule, on one worker."""

    client: Client
    task_queue: str

    async def start(self, built: Flow | Plan, given: Json = None) -> RunHandle:
        """Starts a run."""
        plan = built.plan if isinstance(built, Flow) else built
        run = plan.one_per.run_id(plan.name, given) if plan.one_per else None
        options: dict[str, Any] = {"workflow_id": run} if run else {}
        return await start_run(self.client, plan, task_queue=self.task_queue, input_data=given, keys=KEYS, **options)

    async def report(self, run: RunHandle) -> RunReport:
        """What came of a run."""
        with contextlib.suppress(FlowError):
            await run.result()
        report = (await describe_run(self.client, run.workflow_id, run.run_id)).report
        assert report is not None
        return report

    async def count(self, built: Flow | Plan, given: Json = None) -> Json:
        """What a run counted."""
        return (await self.report(await self.start(built, given))).step("counted").output


@pytest.fixture(params=["one history", "a history for each step"])
async def runs(request: pytest.FixtureRequest, temporal_client: Client) -> AsyncIterator[Runs]:
    """A worker."""
    queue = f"memory-{uuid.uuid4().hex[:8]}"
    nodes = [each.definition for each in (count, echo, refuse, hum, read)]
    worker = temporal_worker(
        temporal_client,
        Activities([], NodeExecutor(nodes, environment=Environment({})), KEYS),
        task_queue=queue,
        graceful_shutdown=timedelta(0),
        full=behind_every_step if "each" in request.param else None,
    )
    async with worker, asyncio.timeout(PATIENCE):
        yield Runs(temporal_client, queue)


async def test_however_runs_end(runs: Runs) -> None:
    """A manual run reads what the latest run came to, whether that completed, failed or was cancelled."""
    name = named()
    counting = _counting(flow(name).triggered_by(manual("count", input=Ask)))
    hums = flow(name).triggered_by(manual("count", input=Ask)).then(counted).then(hum().as_("at_work")).build()
    given: Json = {"service": "checkout", "fails": False}
    first = [await runs.count(counting, {"service": "checkout", "fails": fails}) for fails in (False, True, False)]
    cancelled = await runs.start(hums, given)
    await called(cancelled.run_id or "", "at_work")
    await cancel_run(runs.client, RunKey(cancelled.workflow_id, cancelled.run_id or ""))
    ended = await runs.report(cancelled)

    assert [1, 2, 3] == first
    assert ("cancelled", 4) == (ended.status, ended.step("counted").output)
    assert 5 == await runs.count(counting, given)


async def test_each_key_has_its_own(runs: Runs) -> None:
    """Where a flow has keys, each key has a memory of its own."""
    counting = _counting(
        flow(named()).triggered_by(
            webhook("/hooks/count", verify=unverified(), input=Ask, key=ask.service, while_running="queue")
        )
    )
    services = ("checkout", "search", "checkout")

    assert [1, 1, 2] == [await runs.count(counting, {"service": name, "fails": False}) for name in services]


async def test_edits(runs: Runs) -> None:
    """What no longer fits its type is null, with a warning; a step that does not run keeps its value."""
    name, start = named(), manual("count")
    before = read("db-1", 2.0).as_("counted")
    await runs.report(
        await runs.start(flow(name).triggered_by(start).then(before).returns(previous(before.output.load)).build())
    )
    skips = (
        flow(name)
        .triggered_by(start)
        .then(echo(value=False).as_("on"))
        .when(output("on") == True)  # noqa: E712  # a condition on a reference
        .then(counted)
        .end_when()
        .build()
    )
    counting = flow(name).triggered_by(start).then(counted).build()
    edited = await runs.report(await runs.start(counting))
    await runs.report(await runs.start(skips))

    (warning,) = edited.warnings
    assert warning.startswith("previous(counted) is null")
    assert 1 == edited.step("counted").output
    assert 2 == await runs.count(counting)


async def test_a_schedule_beside_other_runs(runs: Runs) -> None:
    """A flow with a schedule and manual runs has one memory, which begins with what the schedule had handed on."""
    name = named()
    alone = flow(name).triggered_by(BY_HAND).then(counted).build()
    both = flow(name).triggered_by(BY_HAND).triggered_by(manual("now")).then(counted).build()

    async def scheduled(built: Flow) -> Json:
        await _deploy(runs, built)
        run = await triggered(runs.client, name)
        handle = runs.client.get_workflow_handle(run.workflow_id, run_id=run.run_id)
        return (await runs.report(RunHandle(cast("Any", handle), name))).step("counted").output

    counts = [await scheduled(alone), await scheduled(alone), await scheduled(both), await runs.count(both)]
    counts += [await scheduled(both), await runs.count(both)]
    await delete_schedule(runs.client, name)

    assert [1, 2, 3, 4, 5, 6] == counts


async def test_who_remembers_nothing_asks_nothing(runs: Runs) -> None:
    """A flow that reads nothing of earlier runs is as before: no question, and no word of it in its plan."""
    plain = flow(named()).triggered_by(manual("count")).then(echo(1).as_("counted")).build()
    run = await runs.start(plain)
    await runs.report(run)
    history = await runs.client.get_workflow_handle(run.workflow_id, run_id=run.run_id).fetch_history()
    asked = [event for event in history.events if b"resolute.Share" in event.SerializeToString()]

    assert ([], False) == (asked, "shares_memory" in plain.plan.model_dump_json())


async def test_an_alarm_of_manual_runs(runs: Runs) -> None:
    """An alarm of a flow without a schedule counts its checks from run to run."""
    watched = (
        flow(named())
        .triggered_by(manual("look", input=Ask))
        .then(alarm("bad", bad=ask.fails, raise_after=2).as_("bad"))
        .build()
    )
    states = [
        cast("Any", (await runs.report(await runs.start(watched, {"service": "s", "fails": fails}))).step("bad").output)
        for fails in (True, True, False)
    ]

    assert [False, True, False] == [state["raised"] for state in states]
    assert [False, False, True] == [state["cleared"] for state in states]


async def test_a_rerun_leaves_what_later_runs_know(runs: Runs) -> None:
    """It reads what the run read that it takes up again, and puts nothing old in the place of what is known since."""
    counting = _counting(flow(named()).triggered_by(manual("count", input=Ask)))
    failed = await runs.start(counting, {"fails": True})
    first = await runs.report(failed)
    before = [await runs.count(counting, {"fails": False}) for _ in range(2)]

    prepared = await prepare_rerun(runs.client, RunKey(failed.workflow_id, failed.run_id or ""), "when")
    again = await start_rerun(runs.client, prepared, keys=KEYS, input_data={"service": "x", "fails": False})
    taken_up = await runs.report(again)

    assert ("failed", 1, [2, 3]) == (first.status, first.step("counted").output, before)
    assert ("completed", 1) == (taken_up.status, taken_up.step("counted").output)
    assert 4 == await runs.count(counting, {"fails": False})


async def test_mutes(runs: Runs) -> None:
    """A muted alarm, or one of a muted flow, is not raised, says so, and is raised by the first check behind that."""
    built = (
        flow(named())
        .triggered_by(manual("look", input=Ask))
        .then(alarm("bad", bad=ask.fails, raise_after=1).as_("bad"))
        .build()
    )
    muting = Muting(runs.client, runs.task_queue, KEYS)

    async def outcome() -> str:
        report = await runs.report(await runs.start(built, {"service": "s", "fails": True}))
        return cast("Any", report.step("bad").output)["outcome"]

    outcomes: list[str] = []
    for name in (built.name, f"{built.name}/bad"):
        await muting.mute(name, timedelta(hours=1), reason="a test", by="ada")
        outcomes.append(await outcome())
        listed = [(mute["name"], mute["by"], mute["reason"]) for mute in await muting.mutes()]
        assert [(name, "ada", "a test")] == listed
        assert await muting.unmute(name)
    outcomes.append(await outcome())

    assert ["muted", "muted", "paged"] == outcomes
    assert (None, []) == (await muting.unmute("bad"), await muting.mutes())


async def _deploy(runs: Runs, built: Flow) -> None:
    trigger = next(trigger for trigger in built.plan.triggers if isinstance(trigger, Schedule))
    planned = ScheduledFlow(name=built.name, schedule=trigger, start_argument=start_argument(built.plan, keys=KEYS))
    owner = f"{runs.task_queue}/{built.name}"
    release = Release(task_queue=runs.task_queue, worker_set=owner, released=datetime.now(UTC), by=None)
    await deploy_schedules(runs.client, [planned], release)
