"""PagerDuty's own Python client at work on the simulator: alerts, incidents, credentials and bad days.

Source: https://pagerduty.github.io/python-pagerduty
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pagerduty import Error, HttpError, RestApiV2Client

from resolute_pagerduty.simulator import Simulator
from tests.peers.conftest import Connect


def reference(identity: str, kind: str) -> dict[str, str]:
    return {"id": identity, "type": f"{kind}_reference"}


def opened(rest: Any, sim: Simulator, title: str = "Card payments are slow", **fields: object) -> Any:
    service = reference(sim.world.service, "service")
    return rest.rpost("incidents", json={"type": "incident", "title": title, "service": service, **fields})


def kinds(entries: list[Any]) -> list[str]:
    """The types of log entries, the oldest first."""
    return [entry["type"].removesuffix("_log_entry") for entry in reversed(entries)]


def test_it_learns_whose_key_it_holds(sim: Simulator, rest: Any, connect: Connect) -> None:
    """A user's key and the account's are told apart, and the account says its name and abilities."""
    mine = connect(RestApiV2Client, sim.world.user_key)

    assert ("account", "user") == (rest.api_key_access, mine.api_key_access)
    assert "ada@harbour.example" == mine.rget("users/me")["email"]
    assert "harbour" == rest.subdomain
    assert (True, False) == (rest.account_has_ability("teams"), rest.account_has_ability("sso"))
    assert "teams" in rest.rget("abilities")
    with pytest.raises(HttpError, match="unknown ability"):
        rest.account_has_ability("mind_reading")


def test_an_incident_from_its_creation_to_its_end(sim: Simulator, rest: Any) -> None:
    """Created, read, acknowledged, renamed, given a priority, resolved: each change is there and in the timeline."""
    incident = opened(rest, sim, incident_key="payments-slow", body={"type": "incident_body", "details": "p99 is 9 s"})
    [simulated] = sim.incidents()
    by_number = rest.rget(f"/incidents/{incident['incident_number']}", params={"include": ["services", "body"]})
    acknowledged = rest.rput(incident, json={"type": "incident_reference", "status": "acknowledged"})
    priority = reference(sim.world.p1, "priority")
    rest.rput(incident, json={"type": "incident_reference", "title": "Card payments fail", "priority": priority})
    resolved = rest.rput(
        incident, json={"type": "incident_reference", "status": "resolved", "resolution": "rolled back"}
    )

    assert (incident["id"], "Payments API") == (by_number["id"], by_number["service"]["name"])
    assert "p99 is 9 s" == by_number["body"]["details"]
    assert [sim.world.ada] == [each["acknowledger"]["id"] for each in acknowledged["acknowledgements"]]
    assert ("resolved", "Card payments fail", "P1") == (
        resolved["status"],
        resolved["title"],
        resolved["priority"]["summary"],
    )
    assert ("resolved", "Card payments fail", "payments-slow") == (simulated.status, simulated.title, simulated.key)
    timeline = kinds(rest.list_all(f"{incident['self']}/log_entries"))
    changes = ["acknowledge", "field_value_change", "field_value_change", "resolve", "annotate"]
    assert ["trigger", "assign", "notify", *changes] == timeline


def test_notes_are_added_and_found(sim: Simulator, rest: Any) -> None:
    """A note is there in the list of notes, and as a log entry of its incident and of the account."""
    incident = opened(rest, sim)
    opened(rest, sim, "Something else")
    note = rest.rpost(f"/incidents/{incident['id']}/notes", json={"content": "the cache was full"})

    assert [note["id"]] == [each["id"] for each in rest.rget(f"/incidents/{incident['id']}/notes")]
    assert ["the cache was full"] == [each.content for each in sim.incidents()[0].notes]
    entries = [*rest.iter_incident_notes(incident["id"]), *rest.iter_incident_notes()]
    assert ["the cache was full"] * 2 == [entry["channel"]["summary"] for entry in entries]


def test_many_incidents_are_changed_by_one_request(sim: Simulator, rest: Any) -> None:
    """Several incidents are resolved together, or none of them where one of them does not exist."""
    found = [opened(rest, sim, f"Alarm {number}") for number in range(3)]
    changes = [{"id": each["id"], "type": "incident_reference", "status": "resolved"} for each in found]
    with pytest.raises(HttpError):
        rest.rput("incidents", json=[*changes, {**changes[0], "id": "PNOBODY"}])
    untouched = {each.status for each in sim.incidents()}
    changed = rest.rput("incidents", json=changes)

    assert {"triggered"} == untouched
    assert ["resolved"] * 3 == [each["status"] for each in changed]
    assert [] == sim.incidents("triggered")


def test_snooze_status_update_and_merge(sim: Simulator, rest: Any, events: Any) -> None:
    """What only the generic requests of the client offer works too: snooze, status update, merge."""
    for key in ("disk-1", "disk-2"):
        events.trigger("Disk full", "db-1", dedup_key=key)
    into, away = rest.list_all("incidents", params={"sort_by": "created_at:asc"})
    rest.rput(into, json={"type": "incident_reference", "status": "acknowledged"})
    snoozed = rest.rpost(f"/incidents/{into['id']}/snooze", json={"duration": 3600})
    update = rest.rpost(f"/incidents/{into['id']}/status_updates", json={"message": "we are looking at it"})
    merged = rest.jput(f"/incidents/{into['id']}/merge", json={"source_incidents": [reference(away["id"], "incident")]})

    assert "unacknowledge" in [action["type"] for action in snoozed["pending_actions"]]
    assert ("we are looking at it", sim.world.ada) == (update["message"], update["sender"]["id"])
    assert into["id"] == merged["incident"]["id"]
    assert "merge_resolve_reason" == rest.rget(away)["resolve_reason"]["type"]
    assert {"disk-1", "disk-2"} == {each["alert_key"] for each in rest.iter_all(f"/incidents/{into['id']}/alerts")}


def test_lists_are_walked_to_their_end(sim: Simulator, rest: Any) -> None:
    """All pages come, filters hold on every one of them, and the total is told to who asks for it."""
    now = datetime.now(UTC)
    for number in range(230):
        done = now if number < 205 else None
        sim.add_incident(f"Alarm {number}", sim.world.service, created_at=now - timedelta(hours=1), resolved_at=done)
    seen = [incident["title"] for incident in rest.iter_all("incidents", params={"statuses": ["resolved"]})]

    assert {f"Alarm {number}" for number in range(205)} == set(seen)
    assert 205 == len(seen)
    assert [["0"], ["100"], ["200"]] == [request.query["offset"] for request in sim.requests]
    assert 230 == rest.get_total("incidents")
    assert 230 == len(rest.dict_all("incidents", by="incident_number", page_size=50))


def test_history_is_read_between_two_times(sim: Simulator, rest: Any) -> None:
    """Log entries of a time come whole, and those before and after it stay out."""
    now = datetime.now(UTC)
    for hours in (30, 10, 1):
        sim.add_incident(f"{hours} hours ago", sim.world.service, created_at=now - timedelta(hours=hours))
    since, until = now - timedelta(hours=11), now - timedelta(hours=9)
    entries = list(rest.iter_history("/log_entries", since, until, params={"include": ["incidents"]}))

    assert {"10 hours ago"} == {entry["incident"]["title"] for entry in entries}
    assert ["trigger", "assign", "notify"] == kinds(entries)[:3]


def test_an_alert_from_its_trigger_to_its_end(sim: Simulator, rest: Any, events: Any) -> None:
    """A trigger opens an incident, its key acknowledges and resolves it, and then the next trigger opens a new one."""
    details = {"used": "97%"}
    key = events.trigger("Disk full", "db-1", severity="error", custom_details=details, links=[{"href": "https://g"}])
    events.trigger("Disk fuller", "db-1", dedup_key=key, severity="error")
    events.acknowledge(key)
    [acknowledged] = rest.rget("incidents", params={"statuses": ["acknowledged"]})
    [alert] = rest.list_all(f"/incidents/{acknowledged['id']}/alerts")
    events.resolve(key)
    events.trigger("Disk full again", "db-1", dedup_key=key)

    assert (key, "Disk fuller", "error") == (alert["alert_key"], alert["summary"], alert["severity"])
    assert ["resolved", "triggered"] == [each.status for each in sim.incidents()]
    timeline = kinds(rest.list_all(f"/incidents/{acknowledged['id']}/log_entries"))
    assert ["trigger", "assign", "notify", "trigger", "acknowledge", "resolve"] == timeline


def test_a_change_is_told(sim: Simulator, rest: Any, events: Any) -> None:
    """A change event is listed with its details, for its service and for the account."""
    events.submit("Deploy 41", "ci", custom_details={"build": 41}, timestamp="2026-03-02T12:00:00Z")
    [change] = rest.list_all("change_events")
    [same] = rest.list_all(f"/services/{sim.world.service}/change_events")

    assert ("Deploy 41", {"build": 41}) == (change["summary"], change["custom_details"])
    assert change["id"] == same["id"]
    assert [] == sim.incidents()


def test_a_token_of_an_app(sim: Simulator, tokens: Any, connect: Connect) -> None:
    """An app gets a token for the scopes that it asks for, and is refused what lies outside of them."""
    token = tokens.get_scoped_app_token(f"{sim.world.oauth_scope} incidents.read")
    rest = connect(RestApiV2Client, token["access_token"], auth_type="bearer")

    assert [] == rest.list_all("incidents")
    with pytest.raises(HttpError, match=r"403.*services\.read"):
        rest.list_all("services")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/incidents/PNOBODY", "404.*Not Found"),
        ("/incidents?limit=100&offset=9950", "400.*limit exceeds"),
        ("/incidents?statuses[]=asleep", "400.*Status must be a list"),
    ],
)
def test_what_is_refused_is_understood(rest: Any, path: str, said: str) -> None:
    """The client reads the status and the reason out of an error, whichever it is."""
    with pytest.raises(HttpError, match=said):
        rest.rget(path)


def test_a_wrong_key_is_understood(connect: Connect) -> None:
    """401 is what the client takes for a wrong key or the wrong region."""
    with pytest.raises(HttpError, match="401 Unauthorized"):
        connect(RestApiV2Client, "not-a-key").rget("incidents")


def test_a_missing_sender_is_understood(sim: Simulator, connect: Connect) -> None:
    """With the account's key a change needs a From header, and the reason says so."""
    anonymous = connect(RestApiV2Client, sim.world.account_key)
    with pytest.raises(HttpError, match="From"):
        opened(anonymous, sim)

    assert [] == sim.incidents()


def test_a_rejected_event_is_understood(sim: Simulator, events: Any) -> None:
    """An event that the documents refuse is refused with the field's name."""
    with pytest.raises(HttpError, match="summary"):
        events.trigger("x" * 1025, "db-1")

    assert [] == sim.incidents()


def test_it_waits_where_it_is_told_to(sim: Simulator, rest: Any, events: Any) -> None:
    """The client goes on after a 429, and sends an event again that the Events API had no ear for."""
    sim.faults.add(action="rate_limit", path="/incidents", times=2)
    sim.faults.add(action="status", status=503, path="/v2/enqueue", times=2)
    events.trigger("Disk full", "db-1", dedup_key="disk")
    listed = rest.rget("incidents")

    assert 1 == len(listed)
    assert [503, 503, 202, 429, 429, 200] == [request.status for request in sim.requests]


def test_a_broken_connection_is_tried_again(sim: Simulator, rest: Any) -> None:
    """The client takes a reset for what it is, and gives up after its own number of tries."""
    sim.faults.add(action="reset", path="/services", times=1)
    services = rest.rget("services")
    sim.faults.add(action="reset", path="/services", times=None)

    assert 3 == len(services)
    with pytest.raises(Error, match="Non-transient network error"):
        rest.rget("services")
