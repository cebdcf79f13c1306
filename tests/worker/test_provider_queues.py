"""A provider's rate limit is kept on a task queue of its own, which every worker with the provider polls."""

import asyncio
from pathlib import Path
from uuid import uuid4

import pytest
from temporalio.client import Client

import resolute_pagerduty as pagerduty
from resolute import flow, manual
from resolute.temporal.client.client import start_run
from resolute_pagerduty.simulator import Limits, Simulator
from resolute_worker import Settings, Worker
from tests.providers.pagerduty.harness import config_for


async def queues_of_steps(client: Client, task_queue: str, sim: Simulator, folder: Path) -> dict[str, str]:
    """Where each step of a run was put: an alert, and two reads, one of which asks for the local lane."""
    incident = sim.add_incident("Disk full", sim.world.service)
    read = pagerduty.get_incident(id=incident.id)
    looking = (
        flow(f"looking-{task_queue}")
        .triggered_by(manual("look"))
        .then(pagerduty.trigger_event(summary="Disk full", source="db-1", severity="critical").as_("alert"))
        .then(read.as_("read"))
        .then(read.lane("local").as_("read_at_once"))
        .build()
    )
    ready, stop = asyncio.Event(), asyncio.Event()
    worker = Worker(
        flows=[looking],
        providers=[pagerduty.PagerDuty(config_for(sim))],
        settings=Settings(task_queue=task_queue, http_port=0, state_dir=folder),
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(worker.serve(ready=lambda _: ready.set(), stop=stop, client=client))
        await ready.wait()
        run = await start_run(client, looking.plan, task_queue=task_queue)
        await run.result()
        stop.set()
    events = [
        event.activity_task_scheduled_event_attributes
        for event in (await run.handle.fetch_history()).events
        if event.HasField("activity_task_scheduled_event_attributes")
    ]
    return {event.activity_id: event.task_queue.name for event in events}


async def test_calls_stand_on_the_queue_of_their_limit(client: Client, tmp_path: Path) -> None:
    """Requests to the REST API share a queue in whatever lane; alerts do not wait behind them."""
    task_queue = f"alerting-{uuid4().hex[:8]}"
    async with Simulator.serve(limits=Limits.none()) as sim:
        queues = await queues_of_steps(client, task_queue, sim, tmp_path)

    limited = f"{task_queue}.pagerduty"
    assert {"alert": task_queue, "read": limited, "read_at_once": limited} == queues


def test_every_queue_of_a_node_is_polled() -> None:
    """A node is put on no queue that the provider does not name, where it would wait for ever."""
    provider = pagerduty.PagerDuty(pagerduty.PagerDutyConfig())
    named = {definition.queue for definition in provider.nodes()}

    assert {None, *provider.queues()} == named


@pytest.mark.parametrize(("others", "per_minute"), [({}, 960), ({"eu": 120}, 120)])
def test_the_limit_is_that_of_the_slowest_account(others: dict[str, int], per_minute: int) -> None:
    """Accounts share the queue, so none gets more than the slowest takes; a little of it is left to others."""
    accounts = {name: pagerduty.PagerDutyConfig(requests_per_minute=requests) for name, requests in others.items()}
    [per_second] = pagerduty.PagerDuty(pagerduty.PagerDutyConfig(), accounts=accounts).queues().values()

    assert 0.9 * per_minute < per_second * 60 < per_minute
