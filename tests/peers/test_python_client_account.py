"""PagerDuty's own Python client at work on the simulator: services, people, schedules, webhooks, figures."""

import gc
import json
import ssl
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from pagerduty import EventsApiV2Client

from resolute_pagerduty.simulator import Simulator, signature
from tests.patience import PATIENCE
from tests.peers.certificates import Certificates
from tests.peers.conftest import Connect
from tests.providers.simulator.receiver import listening


def reference(identity: str, kind: str) -> dict[str, str]:
    return {"id": identity, "type": f"{kind}_reference"}


def test_a_service_is_made_once_and_reports(sim: Simulator, rest: Any, connect: Connect) -> None:
    """A service is found or made by its name, changed, and a new integration of it takes alerts."""
    policy = reference(sim.world.payments_policy, "escalation_policy")
    wanted = {"type": "service", "name": "Ledger", "escalation_policy": policy}
    made = rest.persist("services", "name", wanted)
    again = rest.persist("services", "name", {**wanted, "description": "Who owes whom"}, update=True)
    integration = {"type": "events_api_v2_inbound_integration", "name": "Monitor"}
    key = rest.rpost(f"/services/{made['id']}/integrations", json=integration)["integration_key"]
    connect(EventsApiV2Client, key).trigger("Books do not balance", "ledger-1")
    [incident] = rest.rget("incidents", params={"service_ids": [made["id"]]})

    assert (made["id"], "Who owes whom") == (again["id"], again["description"])
    assert ("Books do not balance", "Ledger") == (incident["title"], incident["service"]["summary"])
    assert "critical" == rest.rget(made)["status"]
    assert made["id"] == rest.find("services", "ledger")["id"]
    assert "Who owes whom" == sim.account.state.services[made["id"]].description


def test_people_and_teams(sim: Simulator, rest: Any) -> None:
    """A user is made once by address, joins a team, and is among its members."""
    wanted = {"type": "user", "name": "Eve Stone", "email": "eve@harbour.example"}
    eve = rest.persist("users", "email", wanted)
    team = rest.rpost("teams", json={"type": "team", "name": "Ledger"})
    joined = rest.rput(f"/teams/{team['id']}/users/{eve['id']}", json={"role": "responder"})

    assert eve["id"] == rest.persist("users", "email", wanted)["id"]
    assert joined is None  # 204: there is nothing to tell
    members = rest.list_all(f"/teams/{team['id']}/members")
    assert [(eve["id"], "responder")] == [(each["user"]["id"], each["role"]) for each in members]
    assert [eve["id"]] == [each["id"] for each in rest.iter_all("users", params={"team_ids": [team["id"]]})]
    assert {eve["id"]: "responder"} == sim.account.state.teams[team["id"]].members


def test_an_override_changes_who_is_on_call(sim: Simulator, rest: Any) -> None:
    """Who is on call comes from the schedule, and from an override while there is one."""
    now = datetime.now(UTC)
    filters = {"schedule_ids": [sim.world.payments_schedule]}
    before = rest.list_all("oncalls", params=filters)
    path = f"/schedules/{sim.world.payments_schedule}/overrides"
    times = {"start": (now - timedelta(minutes=1)).isoformat(), "end": (now + timedelta(hours=1)).isoformat()}
    [made] = rest.jpost(path, json={"overrides": [{**times, "user": reference(sim.world.chen, "user")}]})
    during = rest.list_all("oncalls", params=filters)
    window = {"since": (now - timedelta(days=1)).isoformat(), "until": (now + timedelta(days=1)).isoformat()}
    listed = rest.rget(path, params=window)

    assert {1} == {each["escalation_level"] for each in before}
    assert sim.world.chen not in {each["user"]["id"] for each in before}
    assert [sim.world.chen] == [each["user"]["id"] for each in during]
    assert (201, made["override"]["id"]) == (made["status"], listed[0]["id"])
    names = {each["name"]: each["id"] for each in rest.iter_all("schedules")}
    assert sim.world.payments_schedule == names["Payments Primary"]
    rendered = rest.rget(f"/schedules/{sim.world.payments_schedule}", params=window)["final_schedule"]
    assert sim.world.chen in {each["user"]["id"] for each in rendered["rendered_schedule_entries"]}


def test_an_escalation_policy_is_made_and_read(sim: Simulator, rest: Any) -> None:
    """A new policy names its targets, and puts them on call."""
    rule = {"escalation_delay_in_minutes": 30, "targets": [reference(sim.world.dara, "user")]}
    made = rest.rpost(
        "escalation_policies", json={"type": "escalation_policy", "name": "Ledger", "escalation_rules": [rule]}
    )
    [oncall] = rest.list_all("oncalls", params={"escalation_policy_ids": [made["id"]]})

    assert {"Ledger", "Payments", "Platform"} == {each["name"] for each in rest.iter_all("escalation_policies")}
    assert (sim.world.dara, None) == (oncall["user"]["id"], oncall["schedule"])
    assert [[sim.world.dara]] == [
        [target.id for target in each.targets] for each in sim.account.state.policies[made["id"]].rules
    ]


def test_priorities_maintenance_and_workflows(sim: Simulator, rest: Any) -> None:
    """Priorities come in order, a maintenance window silences its service, a workflow starts for an incident."""
    now = datetime.now(UTC)
    times = {"start_time": (now - timedelta(minutes=1)).isoformat(), "end_time": (now + timedelta(hours=1)).isoformat()}
    services = [reference(sim.world.search_service, "service")]
    window = {"type": "maintenance_window", "description": "new disks", "services": services, **times}
    made = rest.rpost("maintenance_windows", json=window)
    incident = sim.add_incident("Disk full", sim.world.service)
    started = rest.rpost(
        f"/incident_workflows/{sim.world.workflow}/instances", json={"incident": reference(incident.id, "incident")}
    )

    assert ["P1", "P2", "P3"] == [each["name"] for each in rest.list_all("priorities")]
    assert [made["id"]] == [each["id"] for each in rest.iter_all("maintenance_windows")]
    assert "maintenance" == rest.rget(f"/services/{sim.world.search_service}")["status"]
    assert ["Major incident"] == [each["name"] for each in rest.iter_all("incident_workflows")]
    assert incident.id == started["incident"]["id"]


def test_webhooks_reach_the_subscriber(sim: Simulator, rest: Any, events: Any) -> None:
    """A subscription is made and listed, gets what happens with its signature, and ends when it is deleted."""
    with listening() as receiver:
        subscription = rest.rpost(
            "webhook_subscriptions",
            json={
                "type": "webhook_subscription",
                "delivery_method": {"type": "http_delivery_method", "url": receiver.url},
                "events": ["incident.triggered"],
                "filter": {"type": "account_reference"},
            },
        )
        path = f"/webhook_subscriptions/{subscription['id']}"
        pinged = rest.post(f"{path}/ping").status_code
        events.trigger("Disk full", "db-1")
        sim.wait_for(lambda: len(receiver.received) == 2)
        listed = rest.list_all("webhook_subscriptions")
        deleted = rest.rdelete(path).status_code
    told = [json.loads(each.body)["event"]["event_type"] for each in receiver.received]

    assert (202, 204, []) == (pinged, deleted, rest.list_all("webhook_subscriptions"))
    assert ["pagey.ping", "incident.triggered"] == told
    assert [(subscription["id"], None)] == [(each["id"], each["delivery_method"]["secret"]) for each in listed]
    secret = subscription["delivery_method"]["secret"]
    assert all(signature(each.body, [secret]) == each.headers["X-PagerDuty-Signature"] for each in receiver.received)


def test_figures_of_a_week(sim: Simulator, rest: Any) -> None:
    """The figures of services and teams are those of the incidents, and the raw data is walked to its end."""
    now = datetime.now(UTC)
    start = now - timedelta(days=2)
    for number in range(5):
        sim.add_incident(
            f"Alarm {number}",
            sim.world.service,
            created_at=start,
            acknowledged_at=start + timedelta(minutes=2),
            resolved_at=start + timedelta(minutes=10),
            by=sim.world.ada,
        )
    filters = {"created_at_start": (now - timedelta(days=7)).isoformat(), "created_at_end": now.isoformat()}
    [service] = rest.jpost("/analytics/metrics/incidents/services", json={"filters": filters})["data"]
    [team] = rest.jpost("/analytics/metrics/incidents/teams", json={"filters": filters})["data"]
    raw = list(rest.iter_analytics_raw_incidents(filters, limit=2))

    for figures in (service, team):
        assert (5, 120, 600) == (
            figures["total_incident_count"],
            figures["mean_seconds_to_first_ack"],
            figures["mean_seconds_to_resolve"],
        )
    assert (sim.world.service, sim.world.payments_team) == (service["service_id"], team["team_id"])
    assert {each.id for each in sim.incidents()} == {each["id"] for each in raw}
    assert 3 == sum(request.path == "/analytics/raw/incidents" for request in sim.requests)


def test_a_simulator_stops_under_connected_clients(certificates: Certificates) -> None:
    """Whoever is still connected when the simulator stops is cut off, and no socket is left behind."""
    trust = ssl.create_default_context(cafile=str(certificates.authority))
    with httpx.Client(verify=trust, timeout=PATIENCE) as client:
        with Simulator.serve(certfile=certificates.certificate, keyfile=certificates.key) as sim:
            client.get(f"{sim.url}/_simulator").raise_for_status()
        gc.collect()  # what was left open warns here, and a warning is an error
        with pytest.raises(httpx.TransportError):
            client.get(f"{sim.url}/_simulator")
