"""Notes, alerts, timelines, merges, snoozes and status updates."""

from typing import Any

import pytest

from resolute_pagerduty.simulator import Simulator
from tests.providers.simulator.harness import Api


def reference(kind: str, identity: str) -> dict[str, str]:
    return {"type": f"{kind}_reference", "id": identity}


async def note(api: Api, identity: str, content: str) -> Any:
    return (await api("POST", f"/incidents/{identity}/notes", body={"note": {"content": content}}))["note"]


async def test_every_post_adds_a_note(api: Api):
    """Notes have no key: the same note twice is two notes, the newest first."""
    incident = await api.open_incident()
    await note(api, incident["id"], "first")
    await note(api, incident["id"], "same")
    await note(api, incident["id"], "same")

    notes = (await api("GET", f"/incidents/{incident['id']}/notes"))["notes"]

    assert 3 == len(notes)
    assert 3 == (await api.timeline(incident["id"])).count("annotate")


async def test_a_note_can_be_changed_and_deleted(api: Api):
    """PUT changes the content, DELETE removes it, and then it is gone."""
    incident = await api.open_incident()
    path = f"/incidents/{incident['id']}/notes/{(await note(api, incident['id'], 'tpyo'))['id']}"

    changed = await api("PUT", path, body={"note": {"content": "typo"}})
    await api("DELETE", path, expect=204)
    gone = await api.refused("DELETE", path, expect=404)

    assert "typo" == changed["note"]["content"]
    assert (2100, ["Note not found"]) == gone
    assert [] == (await api("GET", f"/incidents/{incident['id']}/notes"))["notes"]


async def test_a_note_needs_content_and_room(sim: Simulator, api: Api):
    """A blank note is refused, and so is the 2,001st of an incident."""
    incident = sim.add_incident("x", sim.world.service)
    path, body = f"/incidents/{incident.id}/notes", {"note": {"content": "x"}}

    blank = await api.refused("POST", path, body={"note": {"content": " "}})
    await api("POST", path, body=body)
    incident.notes.extend(incident.notes * 1999)
    full = await api.refused("POST", path, body=body)

    assert (2001, ["Content cannot be empty"]) == blank
    assert (2001, ["An incident can have at most 2000 notes"]) == full


async def test_alerts_are_filtered_and_sorted(api: Api):
    """By status and by key; newest first if asked."""
    await api.event("trigger", "a")
    await api.event("trigger", "b")
    first, second = (await api("GET", "/incidents"))["incidents"]
    await api(
        "PUT", f"/incidents/{first['id']}/merge", body={"source_incidents": [reference("incident", second["id"])]}
    )
    await api.event("resolve", "a")

    async def keys(*query: tuple[str, str]) -> list[str]:
        alerts = (await api("GET", f"/incidents/{first['id']}/alerts", query))["alerts"]
        return [alert["alert_key"] for alert in alerts]

    assert ["a", "b"] == await keys()
    assert ["b"] == await keys(("statuses[]", "triggered"))
    assert ["a"] == await keys(("alert_key", "a"))
    assert ["a", "b"] == await keys(("sort_by", "resolved_at:asc"))


async def test_alerts_include_whole_objects(sim: Simulator, api: Api):
    """The includes of the alert list show service, incident and log entry."""
    await api.event("trigger", "a")
    [incident] = sim.incidents()
    names = ("services", "incidents", "first_trigger_log_entries")

    answer = await api("GET", f"/incidents/{incident.id}/alerts", [("include[]", name) for name in names])
    [alert] = answer["alerts"]
    single = await api("GET", f"/incidents/{incident.id}/alerts/{alert['id']}")

    assert ("Payments API", "Disk full", "trigger_log_entry") == (
        alert["service"]["name"],
        alert["incident"]["title"],
        alert["first_trigger_log_entry"]["type"],
    )
    assert alert["id"] == single["alert"]["id"]
    assert 2100 == (await api.refused("GET", f"/incidents/{incident.id}/alerts/PNOTHING", expect=404))[0]


async def test_the_last_alert_takes_the_incident_with_it(sim: Simulator, api: Api):
    """Resolving all alerts resolves the incident; its key opens a new one from then on."""
    await api.event("trigger", "a")
    [incident] = sim.incidents()
    [alert] = incident.alerts

    body = {"alerts": [{"id": alert, "type": "alert", "status": "resolved"}]}
    await api("PUT", f"/incidents/{incident.id}/alerts", body=body)
    await api.event("trigger", "a")

    assert ["resolved", "triggered"] == [each.status for each in sim.incidents()]


async def test_an_alert_moves_to_another_incident(sim: Simulator, api: Api):
    """A moved alert counts where it went, and events for its key follow it."""
    await api.event("trigger", "a")
    [source] = sim.incidents()
    target = await api.open_incident()
    [alert] = source.alerts

    path = f"/incidents/{source.id}/alerts/{alert}"
    await api("PUT", path, body={"alert": {"type": "alert", "incident": reference("incident", target["id"])}})
    await api.event("acknowledge", "a")

    after = (await api("GET", f"/incidents/{target['id']}"))["incident"]
    assert (1, "acknowledged", "triggered") == (after["alert_counts"]["all"], after["status"], source.status)


@pytest.mark.parametrize(
    ("alerts", "status", "code"),
    [
        ([], 400, 2001),
        ([{"id": "PNOTHING", "status": "resolved"}], 404, 2100),
        ([{"status": "resolved"}], 400, 2001),
        ([{"id": "known", "status": "acknowledged"}], 400, 1003),
        ([{"id": "known"}] * 251, 413, 2001),
    ],
)
async def test_alerts_that_cannot_be_changed(
    sim: Simulator, api: Api, alerts: list[dict[str, str]], status: int, code: int
):
    """Unknown alerts, alerts in states they do not have, and too many of them are refused."""
    await api.event("trigger", "a")
    [incident] = sim.incidents()
    [known] = incident.alerts
    wanted = [{**each, **({"id": known} if each.get("id") == "known" else {})} for each in alerts]

    found, _ = await api.refused("PUT", f"/incidents/{incident.id}/alerts", body={"alerts": wanted}, expect=status)

    assert code == found


async def test_the_timeline_tells_everything(sim: Simulator, api: Api):
    """Each change leaves its log entry, in order."""
    await api.event("trigger", "a")
    [incident] = sim.incidents()
    await api.put_incident(incident.id, status="acknowledged")
    await api("POST", f"/incidents/{incident.id}/snooze", body={"duration": 60}, expect=201)
    await note(api, incident.id, "looking")
    sim.clock.advance(seconds=60)
    await api.put_incident(incident.id, escalation_level=2)
    await api.put_incident(incident.id, urgency="low", title="Disk is full")
    await api.put_incident(incident.id, status="resolved")

    assert [
        "trigger",
        "assign",
        "notify",
        "acknowledge",
        "snooze",
        "annotate",
        "unacknowledge",
        "escalate",
        "notify",
        "field_value_change",
        "urgency_change",
        "resolve",
    ] == await api.timeline(incident.id)


async def test_what_was_sent_is_only_shown_with_the_channels(sim: Simulator, api: Api):
    """Log entries carry what the monitoring tool sent only when channels are included."""
    await api.event("trigger", "a", custom_details={"free": "1 %"})
    [incident] = sim.incidents()
    path = f"/log_entries/{incident.entries[0].id}"

    plain = (await api("GET", path))["log_entry"]
    whole = (await api("GET", path, [("include[]", "channels")]))["log_entry"]

    assert {"type": "api", "summary": "Disk full"} == plain["channel"]
    assert {"free": "1 %"} == whole["channel"]["details"]


async def test_log_entries_of_the_account(sim: Simulator, api: Api):
    """All timelines in one list, newest first, by team, by time, and in overview."""
    await api.event("trigger", "a")
    sim.clock.advance(minutes=1)
    await api.event("trigger", "b", routing_key=sim.world.search_routing_key)
    first, second = sim.incidents()

    async def found(*query: tuple[str, str]) -> list[tuple[str, str]]:
        entries = (await api("GET", "/log_entries", query))["log_entries"]
        return [(entry["type"], entry["incident"]["id"]) for entry in entries]

    names = ("incidents", "services", "channels", "teams")
    whole = await api("GET", "/log_entries", [("include[]", name) for name in names])
    assert [("trigger_log_entry", second.id), ("trigger_log_entry", first.id)] == await found(("is_overview", "true"))
    assert {second.id} == {each for _, each in await found(("team_ids[]", sim.world.platform_team))}
    assert {first.id} == {each for _, each in await found(("until", "2026-03-02T12:00:30Z"))}
    assert "Search" == whole["log_entries"][0]["service"]["name"]
    assert 2100 == (await api.refused("GET", "/log_entries/PNOTHING", expect=404))[0]


async def test_merging_moves_alerts_and_resolves_the_sources(sim: Simulator, api: Api):
    """The target holds all alerts, and the source says where it went."""
    await api.event("trigger", "a")
    await api.event("trigger", "b")
    target, source = sim.incidents()
    body = {"source_incidents": [reference("incident", source.id)]}

    answer = await api("PUT", f"/incidents/{target.id}/merge", body=body)

    shown = sim.show(source)
    assert target.id == answer["incident"]["id"]
    assert (2, "resolved", "merge_resolve_reason", target.id) == (
        len(target.alerts),
        source.status,
        shown["resolve_reason"]["type"],
        shown["resolve_reason"]["incident"]["id"],
    )
    assert ["triggered", "triggered"] == [alert.status for alert in target.alerts.values()]


async def test_merges_that_are_refused(sim: Simulator, api: Api):
    """Into itself, twice, into a resolved one, and incidents without alerts that were made over REST."""
    await api.event("trigger", "a")
    await api.event("trigger", "b")
    target, source = sim.incidents()
    made = await api.open_incident()

    async def merge(into: str, what: str) -> int:
        body = {"source_incidents": [reference("incident", what)]}
        return (await api.refused("PUT", f"/incidents/{into}/merge", body=body))[0]

    assert 2001 == await merge(target.id, target.id)
    assert 2015 == await merge(target.id, made["id"])
    await api("PUT", f"/incidents/{target.id}/merge", body={"source_incidents": [reference("incident", source.id)]})
    assert 1019 == await merge(target.id, source.id)
    assert 1001 == await merge(source.id, target.id)


async def test_a_snooze_ends_in_a_triggered_incident(sim: Simulator, api: Api):
    """A snoozed incident stays acknowledged for the time asked for, and comes back after it."""
    incident = await api.open_incident()
    await api.put_incident(incident["id"], status="acknowledged")

    answer = await api("POST", f"/incidents/{incident['id']}/snooze", body={"duration": 7200}, expect=201)
    sim.clock.advance(minutes=119)
    during = (await api("GET", f"/incidents/{incident['id']}"))["incident"]["status"]
    sim.clock.advance(minutes=1)
    after = (await api("GET", f"/incidents/{incident['id']}"))["incident"]["status"]

    pending = {each["type"]: each["at"] for each in answer["incident"]["pending_actions"]}
    assert "2026-03-02T14:00:00Z" == pending["unacknowledge"]
    assert ("acknowledged", "triggered") == (during, after)


@pytest.mark.parametrize("duration", [0, 604_801, "60", None, 1.5])
async def test_a_snooze_needs_a_duration_of_up_to_a_week(api: Api, duration: object):
    """Anything else is code 1013."""
    incident = await api.open_incident()
    await api.put_incident(incident["id"], status="acknowledged")

    code, _ = await api.refused("POST", f"/incidents/{incident['id']}/snooze", body={"duration": duration})

    assert 1013 == code


async def test_only_an_acknowledged_incident_can_be_snoozed(api: Api):
    """Code 1012 for all others."""
    incident = await api.open_incident()

    assert 1012 == (await api.refused("POST", f"/incidents/{incident['id']}/snooze", body={"duration": 60}))[0]


async def test_a_status_update_is_sent(sim: Simulator, api: Api):
    """A message alone, or with subject and HTML together; one of these without the other is refused."""
    incident = await api.open_incident()
    path = f"/incidents/{incident['id']}/status_updates"

    plain = (await api("POST", path, body={"message": "We are on it"}))["status_update"]
    rich = {"message": "m", "subject": "s", "html_message": "<p>m</p>"}
    whole = (await api("POST", path, body=rich))["status_update"]
    half = await api.refused("POST", path, body={"message": "m", "subject": "s"})

    assert ("We are on it", sim.world.ada) == (plain["message"], plain["sender"]["id"])
    assert "<p>m</p>" == whole["html_message"]
    assert (2001, ["Subject and html_message must be given together"]) == half
    assert 2 == len(sim.account.state.status_updates)
