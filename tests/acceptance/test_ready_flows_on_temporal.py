"""The ready flows that wait, ask and fan out, on a real Temporal server with a simulated PagerDuty."""

import asyncio
import gc
import importlib.util
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from starlette.responses import JSONResponse
from temporalio.client import Client

from flows.failover import failover
from flows.fleet_check import fleet_check
from flows.war_room import war_room
from resolute import Flow
from resolute.execution.secrets import Environment
from resolute.plan.errors import FlowError
from resolute.plan.values import Json
from resolute.running.messages import Message, MessageRefusedError
from resolute.temporal.client.client import RunHandle, start_run
from resolute.temporal.history.runs import list_runs
from resolute.temporal.schedules.control import describe_schedule, pause_schedule, trigger_schedule
from resolute.temporal.wire.finding import RunKey
from resolute.temporal.wire.messages import ask_run
from resolute_pagerduty import PagerDuty
from resolute_pagerduty.simulator import Limits, Simulator
from resolute_pagerduty.testing import simulated_config
from resolute_slack import Slack
from resolute_worker.deploying import Load
from resolute_worker.embedded import EmbeddedServer
from resolute_worker.process import Running, running
from resolute_worker.settings import Settings
from tests.flows.test_failover import ASKED, Patroni
from tests.flows.test_health_checks import database, says
from tests.flows.town import CHANNEL, Town
from tests.house.reading import ROOT
from tests.keys import KEYS
from tests.patience import PATIENCE

SECRET = "the-secret-of-the-subscription"


@pytest.fixture(scope="module")
async def client(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    """A client of a Temporal server."""
    async with EmbeddedServer(tmp_path_factory.mktemp("temporal"), port=0) as server:
        yield await Client.connect(server.address)
    gc.collect()


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    """A channel and health endpoints."""
    async with Town().open() as town:
        yield town


@dataclass
class Site:
    """A worker with its flows, a PagerDuty that delivers to it, and the town around it."""

    client: Client
    worker: Running
    town: Town
    sim: Simulator
    queue: str

    async def result_of(self, flow: Flow) -> Any:
        """What the only run of a flow comes to; it may be yet to start."""
        async with asyncio.timeout(PATIENCE):
            while not (found := await list_runs(self.client, flows=[flow.name])):
                await asyncio.sleep(0.2)
            return await RunHandle(self.client.get_workflow_handle(found[0].workflow_id), flow.name).result()

    async def acknowledge(self, incident: str) -> None:
        """Ada acknowledges it, at PagerDuty."""
        body = {"incident": {"type": "incident_reference", "status": "acknowledged"}}
        headers = {"Authorization": f"Token token={self.sim.world.account_key}", "From": self.sim.world.from_email}
        async with httpx.AsyncClient(headers=headers, timeout=PATIENCE) as http:
            (await http.put(f"{self.sim.url}/incidents/{incident}", json=body)).raise_for_status()


@asynccontextmanager
async def site(client: Client, town: Town, *flows: Flow, **env: str) -> AsyncGenerator[Site]:
    """All of it, for the length of an `async with`."""
    queue = uuid4().hex
    settings = Settings(task_queue=queue, http_port=0, shutdown_seconds=1, plan_keys=KEYS.keys)
    load = Load(flows=flows, released=datetime(2026, 1, 1, tzinfo=UTC))
    async with Simulator.serve(limits=Limits.none()) as sim:
        given = {
            "SLACK_CHANNEL": CHANNEL,
            "DIAGNOSTIC_TARGETS": f"{town.url}/health",
            "PAGERDUTY_WEBHOOK_SECRET": SECRET,
            "PAGERDUTY_ROUTING_KEY": sim.world.routing_key,
            "ESCALATION_POLICY": sim.world.payments_policy,
        }
        async with running(
            load,
            settings=settings,
            providers=[PagerDuty(simulated_config(sim)), Slack(town.slack.config)],
            environment=Environment(given | env),
            client=client,
        ) as worker:
            sim.add_webhook(f"{worker.http.url}/pagerduty/webhook", secret=SECRET)
            yield Site(client, worker, town, sim, queue)


def impatient(seconds: int) -> Flow:
    """The war room as it stands in its file, but for the minutes that a level has."""
    text = Path(ROOT / "flows" / "war_room.py").read_text()
    assert "PATIENCE = timedelta(minutes=15)" in text
    spec = importlib.util.spec_from_loader(f"war_room_{seconds}", loader=None)
    assert spec
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    changed = text.replace("PATIENCE = timedelta(minutes=15)", f"PATIENCE = timedelta(seconds={seconds})")
    exec(compile(changed.replace('flow("war-room"', 'flow("impatient-room"'), spec.name, "exec"), vars(module))
    found: Flow = module.war_room
    return found


async def test_an_acknowledgement_reaches_the_war_room(client: Client, town: Town) -> None:
    """PagerDuty delivers the incident and its acknowledgement: the run waits for the one, and ends by the other."""
    async with site(client, town, war_room) as there:
        incident = there.sim.add_incident("Checkout is down", there.sim.world.service)
        there.sim.announce(incident, "incident.triggered")
        async with asyncio.timeout(PATIENCE):
            while not town.posted:
                await asyncio.sleep(0.1)
        await there.acknowledge(incident.id)
        result = await there.result_of(war_room)
        started = await list_runs(client, flows=[war_room.name])

    assert 'Ada Moreno has acknowledged "Checkout is down".' == result == town.posted[-1]
    assert "Ada Moreno (level 1)" in town.posted[0]
    assert (1, 2) == (len(started), len(town.posted))


async def test_silence_reaches_the_next_level(client: Client, town: Town) -> None:
    """Where nobody acknowledges, the incident is escalated once, and the channel reads it and the end."""
    room = impatient(1)
    async with site(client, town, room) as there:
        incident = there.sim.add_incident("Checkout is down", there.sim.world.service)
        there.sim.announce(incident, "incident.triggered")
        result = await there.result_of(room)
        assigned = [each["assignee"]["summary"] for each in there.sim.show(incident)["assignments"]]

    assert result.startswith('Nobody has acknowledged "Checkout is down"')
    assert ["Chen Wei"] == assigned
    assert ["Nobody has acknowledged Checkout is down: escalated to level 2 of 2\nOn call: Chen Wei (level 2)"] == [
        words for words in town.posted if "escalated" in words
    ]


async def scheduled(client: Client, flow: Flow) -> Any:
    """What the next run of a schedule comes to."""
    run = await trigger_schedule(client, flow.name)
    async with asyncio.timeout(PATIENCE):
        return await RunHandle(client.get_workflow_handle(run.workflow_id, run_id=run.run_id), flow.name).result()


async def test_a_fleet_is_checked(client: Client, town: Town) -> None:
    """Of many hosts two are ill: one incident names both, and it is resolved when they are well."""
    ill, well = JSONResponse({"status": "down", "message": "disk full"}), JSONResponse({"status": "up"})
    town.answers = [well]
    fleet = " ".join(f"{town.url}/health?host={number}" for number in range(30))
    async with site(client, town, fleet_check, FLEET=fleet) as there:
        await pause_schedule(client, fleet_check.name, "the runs are the test's own")
        async with asyncio.timeout(PATIENCE):
            while (await describe_schedule(client, fleet_check.name)).running:
                await asyncio.sleep(0.1)  # its time may have come before the pause
        town.answers = [ill, ill, well]
        result = await scheduled(client, fleet_check)
        (incident,) = there.sim.incidents()
        opened = incident.status
        await scheduled(client, fleet_check)

    assert ("triggered", "resolved") == (opened, incident.status)
    assert "2 of 30 hosts are not well" == incident.title
    assert 2 == len(result["named"])
    assert all("disk full" in line for line in result["named"])


async def decide(client: Client, run: RunHandle, word: str, person: str) -> None:
    """A person decides the gate of a run."""
    message = Message(to="gate:approve", word=word, id=uuid4().hex, data={"reason": ""}, by=person)
    await ask_run(client, RunKey(run.workflow_id, str(run.handle.first_execution_run_id)), message, KEYS)


@pytest.mark.parametrize(("word", "leader"), [("approve", "db-2"), ("reject", "db-1")])
async def test_a_failover_waits_for_a_person(client: Client, town: Town, word: str, leader: str) -> None:
    """An approval of somebody on call moves the primary; a rejection, or the word of a stranger, moves nothing."""
    async with Patroni().open() as patroni, database(says(b"R\0\0\0\x08")) as address:
        env = {"PATRONI_URL": patroni.url, "PATRONI_USERNAME": "resolute", "PATRONI_PASSWORD": "s3cret"}
        async with site(client, town, failover, DATABASE_ADDRESS=address, **env) as there:
            run = await start_run(
                client, failover.plan, input_data=dict[str, Json](ASKED), task_queue=there.queue, keys=KEYS
            )
            async with asyncio.timeout(PATIENCE):
                while not town.posted:
                    await asyncio.sleep(0.1)
            with pytest.raises(MessageRefusedError, match="may not decide"):
                await decide(client, run, word, "mallory@example.com")
            await decide(client, run, word, "chen@harbour.example")
            async with asyncio.timeout(PATIENCE):
                try:
                    result: Any = await run.result()
                except FlowError as error:
                    result = str(error)

    assert leader == patroni.leader
    assert "db-2" == result if word == "approve" else "approve" in result
