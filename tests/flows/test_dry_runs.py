"""Every ready flow as a dry run and as a shadow: it does all that a live run does, and changes nothing anywhere."""

import importlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.responses import JSONResponse

from resolute import FailedRun, Flow, flow, manual
from resolute.plan.plan import Mode
from resolute.testing import FlowTester, TestedRun
from resolute.writing.node import provider_node
from resolute_pagerduty import PagerDuty
from resolute_pagerduty.account.accounts import Accounts
from resolute_pagerduty.http.operations import CREATE_INCIDENT, ENQUEUE_EVENT
from resolute_pagerduty.simulator import Clock, Limits, Simulator
from resolute_pagerduty.testing import simulated_config
from tests.flows.test_failover import ASKED, Patroni
from tests.flows.test_health_checks import database, says
from tests.flows.town import CHANNEL, Town
from tests.house.reading import ROOT
from tests.patience import PATIENCE
from tests.providers.pagerduty.harness import standing_of

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ILL = JSONResponse({"status": "critical", "message": "pool exhausted", "component": "checkout", "metrics": {"free": 0}})


def ready_flows() -> dict[str, Flow]:
    """Every flow of `flows/`, found and not listed."""
    modules = [importlib.import_module(f"flows.{file.stem}") for file in sorted((ROOT / "flows").glob("[a-z]*.py"))]
    found = [value for module in modules for value in vars(module).values() if isinstance(value, Flow)]
    return {each.name: each for each in found}


READY = ready_flows()


@dataclass
class World:
    """All that ready flows touch: a town, a PagerDuty, a cluster and its database."""

    town: Town
    sim: Simulator
    pagerduty: PagerDuty
    patroni: Patroni
    address: str

    async def run(self, flow: Flow, mode: Mode) -> TestedRun:
        """A run in a mode, of which every step meets the world."""
        world = self.sim.world
        env = {
            "HEALTH_URL": f"{self.town.url}/health",
            "SERVICE_HEALTH_URL": f"{self.town.url}/health",
            "FLEET": f"{self.town.url}/health?1 {self.town.url}/health?2",
            "DIAGNOSTIC_TARGETS": f"{self.town.url}/health",
            "DATABASE_ADDRESS": self.address if flow.name == "failover" else "127.0.0.1:1",
            "PATRONI_URL": self.patroni.url,
            "PATRONI_USERNAME": "resolute",
            "PUSHGATEWAY_URL": self.town.url,
            "SLACK_CHANNEL": CHANNEL,
            "PAGERDUTY_ROUTING_KEY": world.routing_key,
            "ESCALATION_POLICY": world.payments_policy,
        }
        tester = FlowTester(
            replace(flow, plan=flow.plan.in_mode(mode)),
            env=env,
            providers=[self.pagerduty, self.town.slack],
            start=NOON,
            patience=PATIENCE,
        )
        if flow.name == "failover" and mode == "live":
            tester.decides("approve", approved=True, by="chen@harbour.example")
        return await tester.run(self.input_of(flow))

    def input_of(self, flow: Flow) -> Any:
        """What starts the flow."""
        if flow.name == "failover":
            return ASKED
        if any(trigger.kind == "failed_runs" for trigger in flow.plan.triggers):
            return FailedRun(flow="nightly-backup", run="nightly-backup/1", ended_at=NOON)
        if flow.name == "event-gateway":
            payload = {"summary": "Slow", "source": "web-1", "severity": "critical"}
            return {"event_action": "trigger", "dedup_key": "slow", "payload": payload}
        if not any(trigger.kind == "webhook" for trigger in flow.plan.triggers):
            return None
        incident = next(iter(self.sim.account.state.incidents))
        shown = self.sim.show(self.sim.account.state.incidents[incident])
        return {"event": {"id": "E", "event_type": "incident.triggered", "resource_type": "incident", "data": shown}}

    def standing(self) -> Any:
        """All that the flows can change."""
        town = self.town
        return standing_of(self.sim), town.posted, town.sent, town.pushed, self.patroni.leader, self.patroni.switches


@pytest.fixture
async def world(town: Town) -> AsyncIterator[World]:
    """A world in which each flow finds something to do."""
    town.knows("ada@harbour.example", "chen@harbour.example")
    async with (
        Simulator.serve(clock=Clock(NOON), limits=Limits.none()) as sim,
        PagerDuty(simulated_config(sim)) as pagerduty,
        Patroni().open() as patroni,
        database(says(b"R\0\0\0\x08")) as address,
    ):
        sim.trigger("Slow", routing_key=sim.world.routing_key, dedup_key="service-health-check")
        yield World(town, sim, pagerduty, patroni, address)


@pytest.mark.parametrize("mode", ["dry", "shadow"])
@pytest.mark.parametrize("name", READY)
async def test_a_ready_flow_changes_nothing(world: World, name: str, mode: Mode) -> None:
    """The account is byte for byte what it was, PagerDuty was only asked, and the run says what it left undone."""
    world.town.answers = [JSONResponse({"status": "healthy"}) if name == "auto-resolve" else ILL]
    before = repr(world.standing())
    run = await world.run(READY[name], mode)

    assert "completed" == run.status
    assert before == repr(world.standing())
    assert set() == {
        f"{each.method} {each.path}"
        for each in world.sim.requests
        if each.method != "GET" and not each.path.startswith("/analytics/metrics/")
    }
    assert run.not_done
    assert {"it may change something"} <= set(run.not_done.values())


@pytest.mark.parametrize("name", READY)
async def test_the_same_flow_changes_something_where_it_is_live(world: World, name: str) -> None:
    """What the dry run leaves undone is what a live run does."""
    world.town.answers = [JSONResponse({"status": "healthy"}) if name == "auto-resolve" else ILL]
    before = repr(world.standing())
    run = await world.run(READY[name], "live")

    assert ("completed", {}) == (run.status, run.not_done)
    assert before != repr(world.standing())


def lying(through: str) -> Flow:
    """A flow whose node says that it reads, and writes through the provider's own client."""

    @provider_node("pagerduty", f"Lie{through}", effect="read", facts={"grant": "incidents:read", "operation": "none"})
    async def lie(pagerduty: Accounts, *, service: str, key: str) -> str:
        account = pagerduty.account(None)
        if through == "Events":
            event = {"routing_key": key, "event_action": "trigger", "payload": {"summary": "x"}, "dedup_key": "lie"}
            await account.enqueue(ENQUEUE_EVENT, event, "lie")
        else:
            body = {"incident": {"type": "incident", "title": "x", "service": {"id": service}}}
            await account.send(CREATE_INCIDENT, body=body)
        return "written"

    return flow("liar").triggered_by(manual("go")).then(lie(service="PSERVIC", key="k" * 32).as_("lied")).build()


@pytest.mark.parametrize("through", ["Events", "Rest"])
async def test_a_node_that_lies_changes_nothing_either(world: World, through: str) -> None:
    """The provider's client refuses it, and the run says what it would have sent."""
    before = repr(world.standing())
    run = await world.run(lying(through), "dry")

    sent = "POST /v2/enqueue" if through == "Events" else "POST /incidents"
    assert ("completed", None, before) == (run.status, run.error, repr(world.standing()))
    assert {"lied": f"its node is marked 'read', and would have sent {sent}"} == run.not_done
    assert [] == [each for each in world.sim.requests if each.method != "GET"]
