"""The flows around an incident: diagnostics when it begins, messages to those on call, the figures of a day."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flows.incident_metrics import incident_metrics
from flows.incident_response import incident_response
from flows.on_call_notify import on_call_notify
from resolute import Flow
from resolute.testing import FlowTester
from resolute_pagerduty import PagerDuty
from resolute_pagerduty.simulator import Clock, Limits, Simulator
from resolute_pagerduty.testing import simulated_config
from tests.flows.town import CHANNEL, Town
from tests.patience import PATIENCE

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    """A simulated PagerDuty whose clock stands at noon, as that of the tester does."""
    async with Simulator.serve(clock=Clock(NOON), limits=Limits.none()) as sim:
        yield sim


@pytest.fixture
async def pagerduty(sim: Simulator) -> AsyncIterator[PagerDuty]:
    """A provider that talks to it."""
    async with PagerDuty(simulated_config(sim)) as provider:
        yield provider


def in_town(flow: Flow, town: Town, pagerduty: PagerDuty, **env: str) -> FlowTester:
    """A tester whose nodes do their work for real."""
    given = {"SLACK_CHANNEL": CHANNEL} | env
    return FlowTester(flow, env=given, providers=[pagerduty, town.slack], start=NOON, patience=PATIENCE)


def delivery(sim: Simulator) -> Any:
    """The body of the webhook that tells of a new incident."""
    incident = sim.add_incident("Checkout is slow", sim.world.service)
    return {
        "event": {
            "id": "event-1",
            "event_type": "incident.triggered",
            "resource_type": "incident",
            "data": {"id": incident.id, "title": incident.title, "html_url": "https://harbour.pagerduty.com/i/1"},
        }
    }


async def test_an_incident_gets_its_diagnostics(
    town: Town, sim: Simulator, pagerduty: PagerDuty, closed_port: int
) -> None:
    """What was seen when it began stands in a note, once, and in the channel."""
    targets = f"{town.url}/health tcp://127.0.0.1:{closed_port}"
    sim.faults.add(action="reset", method="POST", path="/incidents/*/notes", after=True)

    run = await in_town(incident_response, town, pagerduty, DIAGNOSTIC_TARGETS=targets).run(delivery(sim))

    assert run.error is None
    notes = [note.content for note in sim.incidents()[0].notes]
    assert 1 == len(notes)
    assert notes[0].startswith("1 of 2 targets do not answer well:")
    assert town.posted[0].startswith("Checkout is slow\nhttps://harbour.pagerduty.com/i/1\n1 of 2 targets")


async def test_diagnostics_that_fail_are_told_of(town: Town, sim: Simulator, pagerduty: PagerDuty) -> None:
    """A note that cannot be written is said in the channel, with the reason."""
    sim.faults.add(action="status", status=404, path="/incidents/*", times=None)

    run = await in_town(incident_response, town, pagerduty, DIAGNOSTIC_TARGETS=f"{town.url}/health").run(delivery(sim))

    assert "failed" == run.status
    assert 1 == len(town.posted)
    assert town.posted[0].startswith("incident-response: step add_note failed: ")


async def test_everybody_on_call_gets_a_message(town: Town, sim: Simulator, pagerduty: PagerDuty) -> None:
    """Each person of the next hour is told once, what was given or the default."""
    town.knows(sim.world.from_email, "chen@harbour.example")
    flow = in_town(on_call_notify, town, pagerduty, ESCALATION_POLICY=sim.world.payments_policy)

    run = await flow.run({"message": "The deploy begins"})

    assert run.error is None
    people = [sim.world.from_email, "chen@harbour.example"]
    assert [(email, "The deploy begins") for email in people] == town.sent
    assert {"reached": people, "missed": []} == run.result["told"]


async def test_the_window_belongs_to_the_run(town: Town, sim: Simulator, pagerduty: PagerDuty) -> None:
    """A worker that was started weeks ago asks for the hour after its run, not after its start."""
    town.knows(sim.world.from_email)
    flow = in_town(on_call_notify, town, pagerduty, ESCALATION_POLICY=sim.world.payments_policy)
    flow.clock.move(timedelta(days=14))

    run = await flow.run({"message": "hello"})

    begins = NOON + timedelta(days=14)
    given = run.calls_of("oncall")[0].arguments
    assert [begins, begins + timedelta(hours=1)] == [
        datetime.fromisoformat(str(given[name])) for name in ("since", "until")
    ]


async def test_a_message_that_reaches_nobody_is_told_of(town: Town, sim: Simulator, pagerduty: PagerDuty) -> None:
    """Where nobody is found in Slack, the channel hears of it."""
    flow = in_town(on_call_notify, town, pagerduty, ESCALATION_POLICY=sim.world.payments_policy)

    run = await flow.run({"message": "hello"})

    assert "failed" == run.status
    assert town.posted[0].startswith("on-call-notify: step told failed: no message was sent")


@pytest.mark.parametrize("pushes", [False, True])
async def test_a_day_is_published(town: Town, sim: Simulator, pagerduty: PagerDuty, pushes: bool) -> None:
    """MTTA and MTTR of the last 24 hours reach the channel, and the Pushgateway where there is one."""
    for hours, minutes in ((2, 10), (5, 30), (30, 500)):
        began = NOON - timedelta(hours=hours)
        sim.add_incident(
            "Checkout is slow",
            sim.world.checkout_service,
            created_at=began,
            acknowledged_at=began + timedelta(minutes=2),
            resolved_at=began + timedelta(minutes=minutes),
            by=sim.world.ada,
        )
    sim.add_incident("Search is slow", sim.world.search_service, created_at=NOON - timedelta(hours=1))
    env = {"PUSHGATEWAY_URL": town.url} if pushes else {}

    run = await in_town(incident_metrics, town, pagerduty, **env).run()

    assert run.error is None
    assert (2, 120.0, 1200.0) == tuple(run.result[name] for name in ("count", "mtta_seconds", "mttr_seconds"))
    assert [
        "The last 24 hours: 2 incidents resolved. MTTA 2m 0s, MTTR 20m 0s, longest 30m 0s.\n- Checkout: 2"
    ] == town.posted
    assert pushes == any("incident_mttr_seconds 1200.0" in body for body in town.pushed)
