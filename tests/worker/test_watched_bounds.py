"""The watcher on a real worker: budgets that are used up, and buffers that are full."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from pydantic import BaseModel, SecretStr
from temporalio.client import Client

from resolute import Flow, budget, flow, input_data, manual, signal, wait_for
from resolute.execution.secrets import Environment
from resolute.running.line import MOST_BYTES as MOST_OF_A_LINE
from resolute.running.line import LineFullError, Start
from resolute.running.messages import MOST_BYTES, Message
from resolute.temporal.client.client import start_run
from resolute.temporal.client.keyed import hand_in
from resolute.temporal.trust.seals import NO_KEYS
from resolute.temporal.wire.messages import tell_run
from resolute.temporal.wire.start import without_plan
from resolute.temporal.workflows.reached import Reached
from resolute_pagerduty import PagerDuty
from resolute_pagerduty.simulator import Simulator
from resolute_pagerduty.simulator.world import WORLD
from resolute_worker.deploying import Load
from resolute_worker.process import Running, running
from resolute_worker.serving.intake import BusyError
from resolute_worker.settings import Settings
from resolute_worker.watch.bounds import Bounds
from resolute_worker.watch.findings import Finding
from resolute_worker.watch.telling import PagerDutyPager
from resolute_worker.watch.watcher import Watcher
from tests.patience import PATIENCE
from tests.providers.pagerduty.harness import config_for


class Said(BaseModel):
    text: str = ""
    key: str = "one"


def flow_of(name: str, step: Any) -> Flow:
    return flow(f"{name}-{uuid4().hex[:6]}").triggered_by(manual("go", input=Said)).then(step).build()


@contextlib.asynccontextmanager
async def at_work(client: Client, *flows: Flow) -> AsyncGenerator[tuple[Running, Settings]]:
    load = Load(flows=flows, released=datetime(2026, 1, 1, tzinfo=UTC))
    settings = Settings(task_queue=uuid4().hex, http_port=0, shutdown_seconds=1, watch=False)
    of_its_own = await Client.connect(client.service_client.config.target_host)
    async with running(load, settings=settings, environment=Environment({}), client=of_its_own) as worker:
        yield worker, settings


def bounds_of(worker: Running, settings: Settings) -> Bounds:
    return Bounds(worker.client, settings.task_queue, NO_KEYS, worker.activities.reached)


def reached(watcher: Watcher) -> list[Finding]:
    """The bounds that are reached. Schedules of other tests are found as well, on the server that they share."""
    return [finding for finding in watcher.open if finding.kind in ("used_up", "full")]


async def found(watcher: Watcher, *abouts: str) -> None:
    """Looks until exactly these bounds are reached."""
    async with asyncio.timeout(PATIENCE):
        while True:
            await watcher.look()
            if sorted(abouts) == sorted(finding.about.partition(" of task queue")[0] for finding in reached(watcher)):
                return
            await asyncio.sleep(0.2)


async def test_a_used_up_budget(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """It is said once, pages once, is seen by every worker, and is over when there is room again."""
    caplog.set_level(logging.INFO, "resolute_worker.watch.watcher")
    name = uuid4().hex[:8]
    asks = flow_of("asks", budget(name, at_most=1, per=timedelta(seconds=15)).as_("asked"))
    async with (
        Simulator.serve() as sim,
        PagerDuty(config_for(sim)) as accounts,
        at_work(client, asks) as (worker, settings),
    ):
        pager = PagerDutyPager(accounts, SecretStr(WORLD.routing_key), "default")
        bounds = bounds_of(worker, settings)
        watcher = Watcher(worker.client, list, bounds, pager=pager, every=timedelta(seconds=0.3))
        of_another_worker = Bounds(worker.client, settings.task_queue, NO_KEYS, Reached())
        for _ in range(3):
            await (await start_run(worker.client, asks.plan, task_queue=settings.task_queue)).result()
        await found(watcher, f"budget {name}")
        seen_by_another = [seen.finding.kind for seen in await of_another_worker.look()]
        watching = asyncio.create_task(watcher.watch())
        async with asyncio.timeout(PATIENCE):
            while [each.status for each in sim.incidents() if name in each.title] != ["resolved"]:
                await asyncio.sleep(0.1)
        watching.cancel()
        titles = [each.title for each in sim.incidents() if name in each.title]

    lines = [record.getMessage() for record in caplog.records if name in record.getMessage()]
    assert ["used_up"] == seen_by_another
    assert [True] == [f"budget {name} is used up until" in title for title in titles]
    assert [True, True] == ["refused 2 times since" in line for line in lines]
    assert [False, True] == [line.startswith("over: ") for line in lines]


async def test_full_buffers(client: Client) -> None:
    """Events that a run cannot keep, starts for which its line has no room, deliveries that a worker turns away."""
    waits = flow_of("waits", wait_for(signal("heard", Said)).as_("heard"))
    keyed = (
        flow(f"keyed-{uuid4().hex[:6]}", one_per=input_data(Said).key)
        .triggered_by(manual("go", input=Said))
        .then(wait_for(signal("heard", Said)).as_("heard"))
        .build()
    )
    async with at_work(client, waits, keyed) as (worker, settings):
        watcher = Watcher(worker.client, list, bounds_of(worker, settings))
        run = await start_run(worker.client, waits.plan, task_queue=settings.task_queue)
        for number in range(2):
            message = Message(to="event:other", word="tell", id=str(number), data={"text": "x" * (MOST_BYTES * 2 // 3)})
            await tell_run(worker.client, waits.name, run.workflow_id, message, NO_KEYS)
        large = without_plan({"text": "x" * (MOST_OF_A_LINE * 2 // 3), "key": "one"})
        run_id, queue = f"{keyed.name}/key/one", settings.task_queue
        starts = [Start(id=str(number), argument=large, while_running="queue") for number in range(3)]
        for start in starts[:2]:
            await hand_in(worker.client, keyed.name, run_id, start, task_queue=queue, keys=NO_KEYS)
        with pytest.raises(LineFullError):
            await hand_in(worker.client, keyed.name, run_id, starts[2], task_queue=queue, keys=NO_KEYS)
        with pytest.raises(BusyError), worker.intake.body("/hooks/large") as body:
            body.add(100_000_000)

        everything = (f"events of {waits.name}", f"line of {keyed.name}", "webhook /hooks/large")
        await found(watcher, *everything)
        flows = sorted(finding.flow for finding in reached(watcher))

    assert ["", keyed.name, waits.name] == flows
