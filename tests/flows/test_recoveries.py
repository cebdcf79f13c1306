"""Whatever step of a ready flow fails, its work is done once all is well: for every flow and every step of it."""

import importlib.util
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from flows.auto_resolve import auto_resolve
from flows.database_monitor import database_monitor
from flows.fleet_check import fleet_check
from flows.incident_metrics import incident_metrics
from flows.incident_response import incident_response
from flows.on_call_notify import on_call_notify
from flows.smart_alerting import smart_alerting
from flows.war_room import war_room
from resolute import Flow, TerminalError
from resolute.plan.kinds.call import calls_in
from resolute.plan.kinds.each import Each
from resolute.plan.step import plan_name, walk
from resolute.testing import FlowTester
from resolute_pagerduty import PagerDuty
from resolute_pagerduty.simulator import Limits, Simulator
from resolute_pagerduty.testing import simulated_config
from tests.docs.pages import Page
from tests.flows.town import CHANNEL, Town
from tests.house.reading import ROOT
from tests.patience import PATIENCE


def of_the_readme() -> Flow:
    """The flow on the first page, as it stands there."""
    block = next(block for block in Page(ROOT / "README.md").files() if block.file == "alerting.py")
    spec = importlib.util.spec_from_loader("alerting_of_the_readme", loader=None)
    assert spec
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where pydantic looks for what its annotations name
    exec(compile(block.text, "README.md", "exec"), vars(module))
    found: Flow = module.smart_alerting
    return found


KEYS = {
    "database-monitor": "db-health-check",
    "smart-alerting": "system-health",
    "auto-resolve": "service-health-check",
    "fleet-check": "fleet-check",
}
MONITORS = {
    "README": of_the_readme(),
    smart_alerting.name: smart_alerting,
    database_monitor.name: database_monitor,
    auto_resolve.name: auto_resolve,
    fleet_check.name: fleet_check,
}
OTHERS = {flow.name: flow for flow in (incident_response, war_room, incident_metrics, on_call_notify)}


def steps_of(flows: dict[str, Flow]) -> list[Any]:
    """Every step that does the flow's work, of every flow."""
    return [
        pytest.param(flow, call.id, id=f"{name}-{call.id}")
        for name, flow in flows.items()
        for call in calls_in(flow.plan.steps)
        if not call.id.endswith("_decision")
    ]


def is_collected(flow: Flow, step: str) -> bool:
    """Whether a failure of the step is an outcome that the flow reads, and not the end of the run."""
    loops = [loop for loop in walk(flow.plan.steps) if isinstance(loop, Each) and loop.on_error == "collect"]
    return any(step == call.id for loop in loops for call in calls_in(loop.body))


@dataclass
class World:
    """A town, a PagerDuty, and a tester of a flow in both."""

    town: Town
    sim: Simulator
    pagerduty: PagerDuty

    def tester(self, flow: Flow) -> FlowTester:
        env = {
            "HEALTH_URL": f"{self.town.url}/health",
            "SERVICE_HEALTH_URL": f"{self.town.url}/health",
            "DATABASE_ADDRESS": "db:5432",
            "FLEET": f"{self.town.url}/health",
            "DIAGNOSTIC_TARGETS": f"{self.town.url}/health",
            "SLACK_CHANNEL": CHANNEL,
            "SLACK_WEBHOOK_URL": f"{self.town.url}/webhook",
            "PUSHGATEWAY_URL": self.town.url,
            "PAGERDUTY_ROUTING_KEY": self.sim.world.routing_key,
            "ESCALATION_POLICY": self.sim.world.payments_policy,
        }
        return FlowTester(flow, env=env, providers=[self.pagerduty, self.town.slack], patience=PATIENCE)

    def incidents(self, key: str) -> list[str]:
        """The status of each incident of a key."""
        return [incident.status for incident in self.sim.incidents() if incident.key == key]


@pytest.fixture
async def world(town: Town) -> AsyncIterator[World]:
    """All that a flow meets."""
    async with Simulator.serve(limits=Limits.none()) as sim, PagerDuty(simulated_config(sim)) as pagerduty:
        town.knows(sim.world.from_email, "bo@harbour.example", "chen@harbour.example")
        yield World(town, sim, pagerduty)


def monitoring(world: World, flow: Flow) -> FlowTester:
    """A tester of a monitor; where the monitor resolves what others have opened, one of them has."""
    if flow is auto_resolve:
        world.sim.trigger("no connections", routing_key=world.sim.world.routing_key, dedup_key=KEYS[flow.name])
    return world.tester(flow)


def answer_health(tester: FlowTester, look: str) -> None:
    """The next look finds the service ill (i) or well (w)."""
    status = "critical" if look == "i" else "healthy"
    tester.answer("health", {"status": status, "message": "no connections", "component": "checkout"})


@pytest.mark.parametrize("looks", ["iiwww", "iwww"])
@pytest.mark.parametrize(("flow", "step"), steps_of(MONITORS))
async def test_an_incident_is_opened_once_and_resolved_once(world: World, flow: Flow, step: str, looks: str) -> None:
    """One run fails at a step. Illness of two looks is one incident, of one look at most one; none stays."""
    tester, collected = monitoring(world, flow), is_collected(flow, step)
    ended: list[str] = []
    for look in looks:
        answer_health(tester, look)
        if "failed" not in ended and not (collected and ended):
            tester.fails(step, TerminalError("refused"))
        elif step != "health":
            tester.clear(step)
        ended.append((await tester.run()).status)

    told = world.incidents(KEYS[flow.name])
    assert (0 if collected else 1) == ended.count("failed"), ended
    assert told in ([["resolved"]] if looks == "iiwww" else [["resolved"], []])


@pytest.mark.parametrize("looks", ["iiwww", "iwww"])
@pytest.mark.parametrize("flow", [pytest.param(flow, id=name) for name, flow in MONITORS.items()])
@pytest.mark.parametrize("answered", [0, 1])
async def test_an_answer_that_never_comes_forgets_no_incident(
    world: World, flow: Flow, looks: str, answered: int
) -> None:
    """PagerDuty takes an event, and no attempt hears of it: the run fails, the incident is resolved all the same."""
    tester = monitoring(world, flow)
    ended: list[str] = []
    for number, look in enumerate(looks):
        answer_health(tester, look)
        breaks = number == (0 if not answered else looks.index("w"))
        if breaks:
            world.sim.faults.add(action="reset", method="POST", path="/v2/enqueue", after=True, times=None)
        ended.append((await tester.run()).status)
        world.sim.faults.clear()

    assert ["resolved"] == world.incidents(KEYS[flow.name]), ended
    assert (0 if flow is auto_resolve and not answered else 1) == ended.count("failed")


@pytest.mark.parametrize(("flow", "step"), steps_of(OTHERS))
async def test_a_step_that_fails_is_told_of_and_works_the_next_time(world: World, flow: Flow, step: str) -> None:
    """The channel hears which step has failed, and the next run does the whole work."""
    tester = world.tester(flow)
    given: Any = None
    if flow in (incident_response, war_room):
        incident = world.sim.add_incident("Checkout is slow", world.sim.world.service)
        data = {
            "id": incident.id,
            "title": incident.title,
            "html_url": "https://harbour.pagerduty.com/i/1",
            "service": {"id": world.sim.world.service},
            "escalation_policy": {"id": world.sim.world.payments_policy},
        }
        given = {
            "event": {
                "id": "event-1",
                "event_type": "incident.triggered",
                "resource_type": "incident",
                "data": data,
            }
        }
    tester.fails(step, TerminalError("refused"))

    failed = await tester.run(given)
    tester.clear(step)
    well = await tester.run(given)

    assert failed.failure
    assert ("failed", step) == (failed.status, plan_name(failed.failure.step))
    assert f"{flow.name}: step {failed.failure.step} failed: refused" in world.town.posted
    assert ("completed", None) == (well.status, well.error)
