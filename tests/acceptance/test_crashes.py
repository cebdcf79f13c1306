"""kill -9 at the worst moments: nothing is lost, and nothing is done twice."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.client import Client

from resolute.temporal.client.client import RunHandle
from resolute_pagerduty.simulator import Limits, Simulator
from tests.patience import PATIENCE
from tests.worker.processes import resolute, started

FLOW = """
import asyncio
from datetime import timedelta
from pathlib import Path
from pydantic import BaseModel
from resolute import current_call, env, flow, input_data, manual, node, text
import resolute_pagerduty as pagerduty

class Case(BaseModel):
    service: str
    gate: str

@node(timeout=timedelta(seconds=30), heartbeat=timedelta(seconds=1))
async def diagnose(gate: str) -> str:
    print("diagnosing", flush=True)
    while not Path(gate).exists():
        current_call().heartbeat()
        await asyncio.sleep(0.1)
    return "the disk is full"

incident = pagerduty.create_incident(title="Checkout is down", service_id=input_data("service")).as_("incident")
diagnosis = diagnose(input_data("gate")).as_("diagnosis")
note = pagerduty.add_note(incident_id=incident.output.incident.id, content=diagnosis.output).as_("note")

alert = pagerduty.trigger_event(summary="Disk full", source="db-1", severity="critical", dedup_key="disk").as_("alert")
paging = flow("paging").triggered_by(manual("page")).then(alert).build()

response = (
    flow("response").triggered_by(manual("respond", input=Case))
    .then(incident)
    .then(diagnosis)
    .then(note.timeout(timedelta(seconds=3)))
    .build()
)
"""


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    """A PagerDuty that outlives every crash."""
    async with Simulator.serve(limits=Limits.none()) as sim:
        yield sim


class Machine:
    """A folder with a flow, and the variables of every process that works in it."""

    def __init__(self, folder: Path, sim: Simulator) -> None:
        self.folder = folder
        self.sim = sim
        self.gate = folder / "gate"
        (folder / "flows").mkdir()
        (folder / "flows" / "response.py").write_text(FLOW)
        self.variables = {
            "PAGERDUTY_API_URL": sim.url,
            "PAGERDUTY_EVENTS_URL": sim.events_url,
            "PAGERDUTY_ROUTING_KEY": sim.world.routing_key,
            "PAGERDUTY_API_KEY": sim.world.account_key,
            "PAGERDUTY_FROM_EMAIL": sim.world.from_email,
            "RESOLUTE_HTTP_PORT": "0",
            "RESOLUTE_EMBEDDED_PORT": "0",
        }

    async def start_run(self, address: str, flow: str = "response") -> str:
        """Starts a run by the command line; gives its workflow id."""
        given = json.dumps({"service": self.sim.world.service, "gate": str(self.gate)})
        code, printed, said = await resolute(
            *("run", flow, *(("--input", given) if flow == "response" else ()), "--no-wait", "--json"),
            folder=self.folder,
            TEMPORAL_ADDRESS=address,
            **self.variables,
        )
        assert 0 == code, said
        return json.loads(printed)["run"]

    def notes(self) -> list[str]:
        """The notes on the only incident that the flow opened."""
        (incident,) = [each for each in self.sim.incidents() if each.title == "Checkout is down"]
        return [note.content for note in incident.notes]


@pytest.fixture
def machine(tmp_path: Path, sim: Simulator) -> Machine:
    """A machine to crash."""
    return Machine(tmp_path, sim)


async def result_of(address: str, run: str) -> object:
    """What a run came to."""
    client = await Client.connect(address)
    async with asyncio.timeout(PATIENCE):
        return await RunHandle(client.get_workflow_handle(run), "response").result()


async def test_worker_and_server_are_killed_in_the_middle_of_a_run(machine: Machine) -> None:
    """Both are killed while a step is at work and both come back: the run completes, with one incident and one note."""
    worker_of = ("worker", "--embedded")
    async with started(*worker_of, folder=machine.folder, **machine.variables) as worker:
        run = await machine.start_run(await worker.temporal())
        await worker.line("diagnosing")
        (server,) = worker.children()
        os.kill(server, signal.SIGKILL)
        worker.process.kill()
        await worker.ended()
    machine.gate.touch()
    async with started(*worker_of, folder=machine.folder, **machine.variables) as worker:
        result = await result_of(await worker.temporal(), run)
        code = await worker.stopped()

    assert isinstance(result, dict)
    assert "the disk is full" == result["diagnosis"]
    assert 1 == len(machine.notes())
    assert 0 == code


async def test_a_worker_is_killed_while_the_answer_to_a_note_is_on_its_way(machine: Machine) -> None:
    """PagerDuty has written the note, and the worker dies before it hears so: the next attempt finds the note."""
    machine.gate.touch()
    machine.sim.faults.add(action="hang", method="POST", path="/incidents/*/notes", after=True)
    async with started("worker", "--embedded", folder=machine.folder, **machine.variables) as first:
        address = await first.temporal()
        run = await machine.start_run(address)
        await machine.sim.until(lambda: any(incident.notes for incident in machine.sim.incidents()))
        first.process.kill()
        await first.ended()
    async with started("worker", "--embedded", folder=machine.folder, **machine.variables) as second:
        result = await result_of(await second.temporal(), run)

    assert isinstance(result, dict)
    assert 1 == len(machine.notes())


async def test_a_note_that_lands_after_the_next_attempt_has_looked(machine: Machine) -> None:
    """A worker is killed while PagerDuty is slow: the next attempt waits until it has come, and finds it."""
    machine.gate.touch()
    machine.sim.faults.add(action="slow", seconds=8, method="POST", path="/incidents/*/notes")
    variables = {**machine.variables, "PAGERDUTY_SETTLE_SECONDS": "9"}
    async with started("worker", "--embedded", folder=machine.folder, **variables) as first:
        run = await machine.start_run(await first.temporal())
        await machine.sim.until(lambda: not machine.sim.faults.pending())
        first.process.kill()
        await first.ended()
    async with started("worker", "--embedded", folder=machine.folder, **variables) as second:
        await result_of(await second.temporal(), run)

    assert 1 == len(machine.notes())
    assert 1 == sum(each.method == "POST" and each.path.endswith("/notes") for each in machine.sim.requests)


async def test_an_alert_in_flight_goes_out_again_soon(machine: Machine) -> None:
    """A worker is killed while it sends an alert: the next one sends it within seconds of being there, not a minute."""
    machine.sim.faults.add(action="hang", method="POST", path="/v2/enqueue")
    async with started("worker", "--embedded", folder=machine.folder, **machine.variables) as first:
        run = await machine.start_run(await first.temporal(), "paging")
        await machine.sim.until(lambda: not machine.sim.faults.pending())
        first.process.kill()
        await first.ended()
    async with started("worker", "--embedded", folder=machine.folder, **machine.variables) as second:
        address = await second.temporal()
        async with asyncio.timeout(PATIENCE):
            await result_of(address, run)

    assert ["Disk full"] == [incident.title for incident in machine.sim.incidents()]


async def test_a_stopped_worker_hands_back_what_it_holds(machine: Machine) -> None:
    """SIGTERM while a step is at work: the worker ends with code 0, and the next one takes the step over."""
    variables = {**machine.variables, "RESOLUTE_SHUTDOWN_SECONDS": "1"}
    async with started("worker", "--embedded", folder=machine.folder, **variables) as first:
        run = await machine.start_run(await first.temporal())
        await first.line("diagnosing")
        code = await first.stopped()
    machine.gate.touch()
    async with started("worker", "--embedded", folder=machine.folder, **variables) as second:
        result = await result_of(await second.temporal(), run)

    assert 0 == code
    assert isinstance(result, dict)
    assert 1 == len(machine.notes())


async def test_the_server_is_killed_in_the_middle_of_a_run(machine: Machine) -> None:
    """The server is killed again and again while a step is at work: the same worker goes on, and the run completes."""
    async with started("worker", "--embedded", folder=machine.folder, **machine.variables) as worker:
        address = await worker.temporal()
        run = await machine.start_run(address)
        await worker.line("diagnosing")
        for kill in range(1, 4):
            (server,) = worker.children()
            os.kill(server, signal.SIGKILL)
            await worker.lines_with("is back after", count=kill)
        machine.gate.touch()
        result = await result_of(address, run)
        code = await worker.stopped()

    assert isinstance(result, dict)
    assert "the disk is full" == result["diagnosis"]
    assert 1 == len(machine.notes())
    assert 0 == code
    assert "Traceback" not in worker.output
