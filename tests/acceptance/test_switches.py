"""The brake on two workers: no write is begun on either, and each is done once when it is released."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from resolute.plan.values import JsonObject
from resolute.providing.audit import read_audit
from resolute.temporal.client.standing import standing_runs
from resolute_pagerduty.simulator import Limits, Simulator
from resolute_worker.settings import load_settings
from resolute_worker.starting import start_on_request
from tests.patience import PATIENCE
from tests.worker.processes import resolute, started

FLOW = """
from pydantic import BaseModel
from resolute import flow, input_data, manual
import resolute_pagerduty as pagerduty

class Case(BaseModel):
    title: str
    service: str

look = pagerduty.list_incidents().as_("look")
opened = pagerduty.create_incident(title=input_data(Case).title, service_id=input_data(Case).service).as_("open")
note = pagerduty.add_note(incident_id=opened.output.incident.id, content=input_data(Case).title).as_("note")
writing = flow("writing").triggered_by(manual("write", input=Case)).then(look).then(opened).then(note).build()
"""

TITLES = ["Checkout", "Search", "Login", "Mail"]


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    """A PagerDuty."""
    async with Simulator.serve(limits=Limits.none()) as sim:
        yield sim


async def test_the_brake_stops_writes_on_every_worker(tmp_path: Path, sim: Simulator) -> None:
    """With the brake on two workers read and write nothing; released, each write is done once, and no run fails."""
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "writing.py").write_text(FLOW)
    variables = {
        "PAGERDUTY_API_URL": sim.url,
        "PAGERDUTY_API_KEY": sim.world.account_key,
        "PAGERDUTY_FROM_EMAIL": sim.world.from_email,
        "RESOLUTE_HTTP_PORT": "0",
        "RESOLUTE_EMBEDDED_PORT": "0",
    }

    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(started("worker", "--embedded", folder=tmp_path, **variables))
        address = await first.temporal()
        await first.url()
        variables["TEMPORAL_ADDRESS"] = address
        second = await stack.enter_async_context(started("worker", folder=tmp_path, **variables))
        await second.url()

        async def told(*arguments: str) -> Any:
            code, printed, said = await resolute(*arguments, "--json", folder=tmp_path, **variables)
            assert 0 == code, said
            return json.loads(printed)

        async def begun(title: str) -> str:
            given: JsonObject = {"title": title, "service": sim.world.service}
            run = await start_on_request(client, "writing", task_queue=load_settings().task_queue, input_data=given)
            return run.workflow_id

        client = await Client.connect(address)
        await told("brake", "on", "--by", "ada", "--reason", "a bad deploy")
        await asyncio.gather(*(worker.line("switches: the brake is on, by ada") for worker in (first, second)))
        runs = await asyncio.gather(*(begun(title) for title in TITLES))
        while len([run for run in await standing_runs(client) if run.stopped]) < len(TITLES):
            await asyncio.sleep(0.05)
        before = [incident.title for incident in sim.incidents() if incident.title in TITLES]
        reads = [request for request in sim.requests if request.method == "GET"]
        released = await told("brake", "off")
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(client.get_workflow_handle(run).result() for run in runs))
        opened = [incident for incident in sim.incidents() if incident.title in TITLES]

    assert [] == before
    assert len(TITLES) <= len(reads)
    assert len(TITLES) == released["woken"]
    assert sorted(TITLES) == sorted(incident.title for incident in opened)
    assert [1] * len(TITLES) == [len(incident.notes) for incident in opened]
    refused = [entry for entry in read_audit(tmp_path / ".resolute" / "audit.jsonl") if entry.outcome == "refused"]
    assert {("BrakedError", "pagerduty.CreateIncident", 1)} == {
        (entry.error, entry.operation, entry.attempt) for entry in refused
    }
    assert set(runs) == {entry.run for entry in refused}
