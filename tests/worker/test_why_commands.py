"""Commands about the ledger, on runs of a real server."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from temporalio.client import Client

import resolute_pagerduty as pagerduty
from resolute import Flow, every, flow, input_data, manual, node
from resolute.execution.secrets import Environment
from resolute.temporal.client.client import start_run
from resolute.temporal.history.ledger import ledger
from resolute.temporal.schedules.control import describe_schedule, pause_schedule
from resolute_pagerduty.simulator import Simulator
from resolute_worker.deploying import Load
from resolute_worker.embedded import EmbeddedServer
from resolute_worker.process import running
from resolute_worker.settings import Settings
from tests.patience import PATIENCE
from tests.providers.pagerduty.harness import config_for
from tests.worker.listing import listed
from tests.worker.processes import resolute


@node(effect="read")
async def look(status: str) -> str:
    return status


def monitor(name: str) -> Flow:
    health = look(input_data("status")).as_("health")
    return (
        flow(name)
        .triggered_by(manual("start"))
        .then(health)
        .when(health.output == "critical")
        .then(
            pagerduty.trigger_event(summary="Down", source="shop", severity="critical", dedup_key="shop-1").as_("page")
        )
        .end_when()
        .build()
    )


async def test_why_it_paged_and_why_it_did_not(client: Client, server: EmbeddedServer, tmp_path: Path) -> None:
    """A flow has a line a run with what decided it; a run and an incident are found as well; a week is counted."""
    tested = monitor(f"shop-{uuid4().hex[:6]}")
    load = Load(flows=(tested,), released=datetime(2026, 1, 1, tzinfo=UTC))
    settings = Settings(task_queue=uuid4().hex, http_port=0, shutdown_seconds=1)
    async with (
        Simulator.serve() as sim,
        running(
            load,
            settings=settings,
            environment=Environment({}),
            client=client,
            providers=[pagerduty.PagerDuty(config_for(sim))],
        ),
    ):
        ids: list[str] = []
        for status in ("fine", "critical", "fine"):
            run = await start_run(client, tested.plan, task_queue=settings.task_queue, input_data={"status": status})
            await client.get_workflow_handle(run.workflow_id).result()
            ids.append(run.workflow_id)
    await listed(client, *ids, status="Completed")

    place = {"TEMPORAL_ADDRESS": server.address}
    lines = json.loads((await resolute("why", tested.name, "--json", folder=tmp_path, **place))[1])
    paged = json.loads(
        (await resolute("why", tested.name, "--outcome", "paged", "--json", folder=tmp_path, **place))[1]
    )
    of_run = await resolute("why", ids[1], folder=tmp_path, **place)
    of_incident = json.loads((await resolute("why", "shop-1", "--json", folder=tmp_path, **place))[1])
    counted = json.loads((await resolute("report", "--flow", tested.name, "--json", folder=tmp_path, **place))[1])

    assert [(ids[2], "quiet"), (ids[1], "paged"), (ids[0], "quiet")] == [
        (each["run"], each["outcome"]) for each in lines
    ]
    assert [{"health": "fine"}, {"health": "critical"}, {"health": "fine"}] == [each["why"] for each in lines]
    assert [ids[1]] == [each["run"] for each in paged]
    assert 'health = "critical"' in of_run[1]
    assert ids[1] in [each["run"] for each in of_incident]
    assert (3, 1) == (counted[0]["checks"], counted[0]["pages"])


async def test_a_time_without_a_run_has_a_line(client: Client) -> None:
    """Where a schedule had a run due and none started, the ledger says so, and why."""
    tested = flow(f"beat-{uuid4().hex[:6]}").triggered_by(every(timedelta(seconds=1))).then(look("fine")).build()
    settings = Settings(task_queue=uuid4().hex, http_port=0, shutdown_seconds=1)
    load = Load(flows=(tested,), released=datetime(2026, 1, 1, tzinfo=UTC))
    async with running(load, settings=settings, environment=Environment({}), client=client):
        await pause_schedule(client, tested.name, "maintenance of the shop")
        async with asyncio.timeout(PATIENCE):
            while not (await describe_schedule(client, tested.name)).paused:
                await asyncio.sleep(0.05)  # until then it may start one more run
        paused_at = datetime.now(UTC)

    found = await ledger(client, tested.name, since=paused_at, until=paused_at + timedelta(seconds=30))

    assert {"skipped"} == {each.outcome for each in found.checks}
    assert {"the schedule is paused: maintenance of the shop"} == {each.said for each in found.checks}
    assert 29 <= len(found.checks) <= 31
