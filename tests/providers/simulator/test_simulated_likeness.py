"""What the simulated PagerDuty works out about an incident, and whom it asks to help."""

from datetime import timedelta
from typing import Any

from resolute_pagerduty.simulator import Behaviour, Simulator
from tests.providers.simulator.harness import Api, token


def targets(**given: str) -> list[dict[str, Any]]:
    return [
        {"responder_request_target": {"id": identity, "type": f"{kind}_reference"}} for kind, identity in given.items()
    ]


async def test_a_responder_request_asks_users_and_the_first_level_of_policies(sim: Simulator, api: Api):
    """The incident shows the request and everybody whom it asks; each of them is an event."""
    hook = sim.add_webhook("http://127.0.0.1:9/hook", events=["incident.responder.added"])
    incident = await api.open_incident()
    path = f"/incidents/{incident['id']}"
    body = {
        "requester_id": sim.world.ada,
        "message": "Please help",
        "responder_request_targets": targets(user=sim.world.bo, escalation_policy=sim.world.platform_policy),
    }

    asked = (await api("POST", f"{path}/responder_requests", body=body))["responder_request"]
    shown = (await api("GET", path))["incident"]

    assert [asked] == shown["responder_requests"]
    assert [("Please help", "pending")] * 2 == [
        (each["message"], each["state"]) for each in shown["incidents_responders"]
    ]
    assert sim.world.bo == shown["incidents_responders"][0]["user"]["id"]
    assert 2 == len([each for each in sim.deliveries if each.subscription_id == hook.id])


async def test_a_plan_without_responders_neither_asks_nor_shows_them():
    """402 for the request, and the incident has no such fields."""
    with Simulator.serve(behaviour=Behaviour(abilities=frozenset())) as sim:
        api = Api(sim, token(sim.world.account_key), sim.world.from_email)
        incident = await api.open_incident()
        body = {"requester_id": sim.world.ada, "message": "x", "responder_request_targets": targets(user=sim.world.bo)}

        refused = await api.refused("POST", f"/incidents/{incident['id']}/responder_requests", body=body, expect=402)

        assert 2014 == refused[0]
        assert "responder_requests" not in incident


async def test_a_responder_request_that_asks_nobody_is_refused(sim: Simulator, api: Api):
    """No requester, an unknown one, no targets, a target that does not exist."""
    incident = await api.open_incident()
    good = {
        "requester_id": sim.world.ada,
        "message": "x",
        "responder_request_targets": targets(user=sim.world.bo),
    }
    bad: list[dict[str, Any]] = [
        {"requester_id": ""}, {"requester_id": "PNOBODY"}, {"message": ""}, {"responder_request_targets": []},
           {"responder_request_targets": targets(user="PNOBODY")}]  # fmt: skip

    codes = [
        (await api.refused("POST", f"/incidents/{incident['id']}/responder_requests", body={**good, **each}))[0]
        for each in bad
    ]

    assert [2001, 1008, 2001, 2001, 2001] == codes
    assert [] == sim.incidents()[0].responder_requests


async def test_past_incidents_are_those_of_the_service_that_share_words(sim: Simulator, api: Api):
    """The closest first, no older than six months; the total only where it is asked for."""
    now = sim.clock.now()

    def before(title: str, days: int, service: str = sim.world.service) -> str:
        return sim.add_incident(title, service, created_at=now - timedelta(days=days)).id

    same, alike = before("Disk full on db-1", 30), before("Disk slow on db-2", 20)
    before("Certificate expired", 10)
    before("Disk full on db-1", 200)
    before("Disk full on db-1", 5, sim.world.search_service)
    here = sim.add_incident("Disk full on db-3", sim.world.service)

    path = f"/incidents/{here.id}/past_incidents"
    found = await api("GET", path)
    first = await api("GET", path, [("limit", "1"), ("total", "true")])

    assert [same, alike] == [each["incident"]["id"] for each in found["past_incidents"]]
    assert (None, 2, 1) == (found["total"], first["total"], len(first["past_incidents"]))
    assert 2001 == (await api.refused("GET", path, [("limit", "1000")]))[0]


async def test_related_incidents_go_on_elsewhere_at_the_same_time(sim: Simulator, api: Api):
    """On another service, alike, and not over before; whole where that is asked for."""
    now = sim.clock.now()
    over = now - timedelta(hours=5)
    sim.add_incident("Disk full", sim.world.search_service, created_at=over, resolved_at=over + timedelta(hours=1))
    sim.add_incident("Disk full", sim.world.service)
    related = sim.add_incident("Disk slow", sim.world.search_service, created_at=now - timedelta(minutes=9))
    here = sim.add_incident("Disk full", sim.world.service)

    path = f"/incidents/{here.id}/related_incidents"
    [short] = (await api("GET", path))["related_incidents"]
    [whole] = (await api("GET", path, [("additional_details[]", "incident")]))["related_incidents"]

    assert (related.id, None) == (short["incident"]["id"], short["incident"].get("status"))
    assert "triggered" == whole["incident"]["status"]
    assert ["machine_learning_inferred"] == [each["type"] for each in short["relationships"]]


async def test_an_outlier_is_told_by_how_often_its_like_happens(sim: Simulator, api: Api):
    """Titles that differ in numbers alone are of one kind."""
    for number in range(3):
        sim.add_incident(f"Disk {number} full", sim.world.service)
    novel = sim.add_incident("Certificate expired", sim.world.service)

    async def told(identity: str) -> tuple[str, int, str]:
        found = (await api("GET", f"/incidents/{identity}/outlier_incident"))["outlier_incident"]
        occurrence = found["incident"]["occurrence"]
        return occurrence["category"], occurrence["count"], found["incident_template"]["mined_text"]

    assert ("novel", 1, "Certificate expired") == await told(novel.id)
    assert ("frequent", 3, "Disk <*> full") == await told(sim.incidents()[0].id)


async def test_related_changes_came_to_the_service_in_the_day_before(sim: Simulator, api: Api):
    """The newest first, each with the reason."""
    now = sim.clock.now()
    sim.add_change("Old", routing_key=sim.world.routing_key, at=now - timedelta(days=2))
    early = sim.add_change("Early", routing_key=sim.world.routing_key, at=now - timedelta(hours=5))
    late = sim.add_change("Late", routing_key=sim.world.routing_key, at=now - timedelta(hours=1))
    sim.add_change("Elsewhere", routing_key=sim.world.search_routing_key, at=now - timedelta(hours=1))
    here = sim.add_incident("Slow", sim.world.service)

    path = f"/incidents/{here.id}/related_change_events"
    found = (await api("GET", path))["change_events"]

    assert [(late.id, "most_recent"), (early.id, "related_service")] == [
        (each["id"], each["correlation_reason"]["reason"]) for each in found
    ]
    assert [late.id] == [each["id"] for each in (await api("GET", path, [("limit", "1")]))["change_events"]]
