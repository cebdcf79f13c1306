"""`resolute dev`: everything on one machine, and edits that are taken while it runs."""

import asyncio
import json
from pathlib import Path

import httpx
from temporalio.client import Client

from resolute_pagerduty.simulator import WORLD
from tests.patience import PATIENCE
from tests.worker.listing import listed
from tests.worker.processes import Process, resolute, started

FLOW = """
from resolute import flow, manual, node
import resolute_pagerduty as pagerduty

@node
async def greet(name: str) -> str:
    return f"hello {name}"

triggers = (manual("greet"), pagerduty.webhook("/pagerduty"))
greeting = flow("greeting").triggered_by(*triggers).then(greet("Ada").as_("words")).build()
"""

DEV = ("dev", "--port", "0", "--http-port", "0", "--simulator", "--simulator-port", "0")


async def address(dev: Process) -> str:
    line = await dev.line("export TEMPORAL_ADDRESS=")
    return line.rpartition("=")[2]


async def test_an_edit_is_taken_while_it_runs(flows: Path) -> None:
    """New code answers the next run; a mistake is told, and what worked before goes on."""
    file = flows / "hello.py"
    file.write_text(FLOW)
    async with started(*DEV, folder=flows.parent) as dev:
        place = {"TEMPORAL_ADDRESS": await address(dev)}
        await dev.line("Ready")
        before = await resolute("run", "greeting", "--json", folder=flows.parent, **place)
        file.write_text(FLOW.replace("hello", "welcome"))
        await dev.line("reloaded: greeting")
        after = await resolute("run", "greeting", "--json", folder=flows.parent, **place)
        file.write_text(FLOW.replace('greet("Ada")', "greet()"))
        await dev.line("not reloaded: the previous version keeps running")
        await dev.line("flows/hello.py:10: 1 problem in flow 'greeting'")
        code = await dev.stopped()

    assert 0 == code
    assert ["hello Ada", "welcome Ada"] == [json.loads(printed)["result"]["words"] for _, printed, _ in (before, after)]
    assert "Traceback" not in dev.output


async def test_nothing_stays_behind(flows: Path) -> None:
    """When dev ends, so has its Temporal server; the next dev finds the runs of the one before."""
    (flows / "hello.py").write_text(FLOW)
    async with started(*DEV, folder=flows.parent) as dev:
        place = await address(dev)
        run = await resolute("run", "greeting", "--json", folder=flows.parent, TEMPORAL_ADDRESS=place)
        await listed(await Client.connect(place), json.loads(run[1])["run"])
        children = dev.children()
        await dev.stopped()
    async with started(*DEV, folder=flows.parent) as dev:
        found = await resolute("runs", "--json", folder=flows.parent, TEMPORAL_ADDRESS=await address(dev))

    assert children
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]
    assert [json.loads(run[1])["run"]] == [each["workflow_id"] for each in json.loads(found[1])]


async def test_a_simulated_incident_starts_a_flow(flows: Path) -> None:
    """With --simulator, what happens in the simulated PagerDuty reaches the flows that listen for it."""
    (flows / "hello.py").write_text(FLOW)
    async with started(*DEV, folder=flows.parent) as dev:
        place = await address(dev)
        exports = await dev.line("export PAGERDUTY_API_URL=")
        events = next(word.partition("=")[2] for word in exports.split() if word.startswith("PAGERDUTY_EVENTS_URL="))
        alert = {"summary": "Checkout is down", "source": "tests", "severity": "critical"}
        async with httpx.AsyncClient(timeout=PATIENCE) as http:
            await http.post(
                f"{events}/v2/enqueue",
                json={"routing_key": WORLD.routing_key, "event_action": "trigger", "payload": alert},
            )
        await dev.line("webhook /pagerduty started")
        runs: list[object] = []
        async with asyncio.timeout(PATIENCE):
            while not runs:  # Temporal's list lags behind
                _, printed, _ = await resolute(
                    "runs", "greeting", "--json", folder=flows.parent, TEMPORAL_ADDRESS=place
                )
                runs = json.loads(printed)

    assert 1 == len(runs)
