"""Incidents over REST: lists, states, and what each change leaves behind."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from resolute_pagerduty.simulator import Behaviour, Limits, Simulator
from tests.providers.simulator.harness import Api, token


def reference(kind: str, identity: str) -> dict[str, str]:
    return {"type": f"{kind}_reference", "id": identity}


def assigned(incident: Mapping[str, Any]) -> list[str]:
    return [each["assignee"]["id"] for each in incident["assignments"]]


async def test_a_new_incident_is_assigned_to_whoever_is_on_call(sim: Simulator, api: Api):
    """A created incident is complete: number, key, service, team, assignee, what will happen to it."""
    incident = await api.open_incident(body={"type": "incident_body", "details": "p99 is 4 s"})

    assert ("triggered", 1, "[#1] The database is slow") == (
        incident["status"],
        incident["incident_number"],
        incident["summary"],
    )
    assert [sim.world.ada] == assigned(incident)
    assert ["escalate", "resolve"] == [each["type"] for each in incident["pending_actions"]]
    assert [sim.world.payments_team] == [each["id"] for each in incident["teams"]]
    assert "body" not in incident
    assert {"all": 0, "triggered": 0, "resolved": 0} == incident["alert_counts"]
    assert incident["self"] == f"{sim.url}/incidents/{incident['id']}"


async def test_an_incident_is_found_by_id_and_by_number(api: Api):
    """GET takes the id or the number, and anything else is a 404 with code 2100."""
    incident = await api.open_incident()

    by_id = await api("GET", f"/incidents/{incident['id']}")
    by_number = await api("GET", f"/incidents/{incident['incident_number']}")
    code, errors = await api.refused("GET", "/incidents/PNOTHING", expect=404)

    assert by_id == by_number
    assert (2100, ["Incident not found"]) == (code, errors)


async def test_include_swaps_references_for_whole_objects(sim: Simulator, api: Api):
    """Each include shows a whole object where there was a reference; the body comes only with its own."""
    incident = await api.open_incident(body={"type": "incident_body", "details": "p99 is 4 s"})
    await api.put_incident(incident["id"], status="acknowledged")
    names = (
        "acknowledgers",
        "agents",
        "assignees",
        "body",
        "escalation_policies",
        "first_trigger_log_entries",
        "priorities",
        "services",
        "teams",
    )

    answer = await api("GET", f"/incidents/{incident['id']}", [("include[]", name) for name in names])

    whole = answer["incident"]
    assert "Payments API" == whole["service"]["name"]
    assert "Payments" == whole["teams"][0]["name"]
    assert sim.world.from_email == whole["assignments"][0]["assignee"]["email"]
    assert sim.world.from_email == whole["acknowledgements"][0]["acknowledger"]["email"]
    assert sim.world.from_email == whole["last_status_change_by"]["email"]
    assert "trigger_log_entry" == whole["first_trigger_log_entry"]["type"]
    assert 2 == len(whole["escalation_policy"]["escalation_rules"])
    assert "p99 is 4 s" == whole["body"]["details"]


async def test_a_list_has_pages(sim: Simulator, api: Api):
    """25 by default, at most 100, `more` until the end, and `total` only when it is asked for."""
    for number in range(130):
        sim.add_incident(f"Incident {number}", sim.world.service)

    first = await api("GET", "/incidents")
    large = await api("GET", "/incidents", [("limit", "1000"), ("total", "true")])
    last = await api("GET", "/incidents", [("limit", "100"), ("offset", "100")])
    beyond = await api("GET", "/incidents", [("offset", "500")])

    assert (25, 25, 0, True, None) == (
        len(first["incidents"]),
        first["limit"],
        first["offset"],
        first["more"],
        first["total"],
    )
    assert (100, 100, 130) == (len(large["incidents"]), large["limit"], large["total"])
    assert (30, False) == (len(last["incidents"]), last["more"])
    assert ([], False) == (beyond["incidents"], beyond["more"])


async def test_limit_and_offset_end_at_ten_thousand(api: Api):
    """Beyond 10,000 a list is refused with the official words; wrong numbers are refused too."""
    code, errors = await api.refused("GET", "/incidents", [("limit", "100"), ("offset", "9901")])
    await api("GET", "/incidents", [("limit", "100"), ("offset", "9900")])
    negative = await api.refused("GET", "/incidents", [("offset", "-1")])
    nothing = await api.refused("GET", "/incidents", [("limit", "0")])

    assert 2002 == code
    assert errors[0].startswith("Offset+limit exceeds maximum allowed value of 10000.")
    assert (2001, 2001) == (negative[0], nothing[0])


async def test_filters_hold_together(sim: Simulator, api: Api):
    """Within one filter any value will do, across filters all must hold."""
    world = sim.world
    slow = await api.open_incident("slow", urgency="low", priority=reference("priority", world.p2))
    down = await api.open_incident("down", urgency="high")
    other = await api.open_incident("other", service=reference("service", world.search_service))
    await api.put_incident(slow["id"], status="acknowledged")
    await api.put_incident(down["id"], status="resolved")

    async def found(*query: tuple[str, str]) -> list[str]:
        return [each["title"] for each in (await api("GET", "/incidents", query))["incidents"]]

    assert ["slow", "other"] == await found(("statuses[]", "triggered"), ("statuses[]", "acknowledged"))
    assert ["slow"] == await found(("service_ids[]", world.service), ("statuses[]", "acknowledged"))
    assert ["other"] == await found(("team_ids[]", world.platform_team))
    assert ["slow"] == await found(("user_ids[]", world.ada))
    assert ["slow"] == await found(("urgencies[]", "low"))
    assert ["slow"] == await found(("priority_ids[]", world.p2))
    assert ["other"] == await found(("incident_key", other["incident_key"]))
    assert ["slow", "down", "other"] == await found(("statuses", "resolved"), ("teams_ids[]", "PNOBODY"))


async def test_the_key_filter_matches_the_alerts_too(api: Api):
    """An incident is found by the key of one of its alerts, also after that alert has moved."""
    await api.event("trigger", "first")
    await api.event("trigger", "second")
    first, second = (await api("GET", "/incidents"))["incidents"]
    merge = {"source_incidents": [reference("incident", second["id"])]}
    await api("PUT", f"/incidents/{first['id']}/merge", body=merge)

    found = (await api("GET", "/incidents", [("incident_key", "second"), ("statuses[]", "triggered")]))["incidents"]

    assert [first["id"]] == [each["id"] for each in found]


async def test_a_wrong_status_filter_is_refused(api: Api):
    """The words are PagerDuty's own."""
    code, errors = await api.refused("GET", "/incidents", [("statuses[]", "open")])

    assert (2001, ["Status must be a list of triggered, acknowledged, or resolved."]) == (code, errors)


async def test_a_list_shows_a_month_unless_it_is_told_otherwise(sim: Simulator, api: Api):
    """Without since the window is a month, with it at most six, and date_range=all lifts it."""
    now = sim.clock.now()
    sim.add_incident("old", sim.world.service, created_at=now - timedelta(days=40))
    sim.add_incident("new", sim.world.service, created_at=now - timedelta(days=4))

    async def found(*query: tuple[str, str]) -> list[str]:
        return [each["title"] for each in (await api("GET", "/incidents", query))["incidents"]]

    assert ["new"] == await found()
    assert ["old", "new"] == await found(("date_range", "all"))
    assert ["old"] == await found(
        ("since", (now - timedelta(days=50)).isoformat()), ("until", (now - timedelta(days=30)).isoformat())
    )
    assert 2005 == (await api.refused("GET", "/incidents", [("since", "2025-01-01")]))[0]
    assert 2004 == (await api.refused("GET", "/incidents", [("since", "yesterday")]))[0]


async def test_times_without_an_offset_are_read_in_the_time_zone_asked_for(sim: Simulator, api: Api):
    """Noon in Tokyo is three in the morning in Greenwich."""
    sim.add_incident("night", sim.world.service, created_at=sim.clock.now().replace(hour=3))
    query = [("since", "2026-03-02T12:00"), ("until", "2026-03-02T12:01"), ("time_zone", "Asia/Tokyo")]

    found = (await api("GET", "/incidents", query))["incidents"]
    unknown = await api.refused("GET", "/incidents", [("time_zone", "Mars/Olympus"), ("since", "2026-03-02")])

    assert ["night"] == [each["title"] for each in found]
    assert (2001, ["Time zone is invalid"]) == unknown


async def test_lists_are_sorted_by_up_to_two_fields(sim: Simulator, api: Api):
    """sort_by takes fields with directions, joined by a comma."""
    for title, urgency in (("a", "low"), ("b", "high"), ("c", "low")):
        await api.open_incident(title, urgency=urgency)

    async def found(sort_by: str) -> str:
        listed = await api("GET", "/incidents", [("sort_by", sort_by)])
        return "".join(each["title"] for each in listed["incidents"])

    assert "bca" == await found("urgency:desc,incident_number:desc")
    assert "acb" == await found("urgency:asc,created_at:asc")
    assert 2001 == (await api.refused("GET", "/incidents", [("sort_by", "title")]))[0]
    assert 2001 == (await api.refused("GET", "/incidents", [("sort_by", "urgency,created_at,resolved_at")]))[0]


async def test_a_key_that_is_open_on_the_service_is_refused(sim: Simulator, api: Api):
    """A second incident with an open key is 400/2002; after it is resolved, or on another service, it is fine."""
    first = await api.open_incident(incident_key="deploy-7")

    again = {"type": "incident", "title": "x", "service": reference("service", sim.world.service)}
    code, errors = await api.refused("POST", "/incidents", body={"incident": {**again, "incident_key": "deploy-7"}})
    await api.open_incident(incident_key="deploy-7", service=reference("service", sim.world.search_service))
    await api.put_incident(first["id"], status="resolved")
    second = await api.open_incident(incident_key="deploy-7")

    assert (2002, ["Open incident with matching dedup key already exists on this service"]) == (code, errors)
    assert first["id"] != second["id"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"title": " "}, 2001),
        ({"service": {"id": "PNOTHING", "type": "service_reference"}}, 2001),
        ({"service": None}, 2001),
        ({"urgency": "medium"}, 2001),
        ({"priority": {"id": "PNOTHING", "type": "priority_reference"}}, 1020),
        ({"assignments": [{"assignee": {"id": "PNOTHING", "type": "user_reference"}}]}, 1007),
        ({"escalation_policy": {"id": "PNOTHING", "type": "escalation_policy_reference"}}, 1014),
        ({"body": {"type": "incident_body", "details": {"not": "text"}}}, 2001),
    ],
)
async def test_an_incident_that_cannot_be_is_refused(sim: Simulator, api: Api, fields: dict[str, object], code: int):
    """Each mistake in a new incident is a 400 with its own code, and nothing is created."""
    incident = {"type": "incident", "title": "x", "service": reference("service", sim.world.service), **fields}

    found, _ = await api.refused("POST", "/incidents", body={"incident": incident})

    assert code == found
    assert [] == sim.incidents()


async def test_a_new_incident_goes_to_a_user_or_to_a_policy_never_both(sim: Simulator, api: Api):
    """Direct assignment and escalation policy exclude one another."""
    to_bo = [{"assignee": reference("user", sim.world.bo)}]
    policy = reference("escalation_policy", sim.world.platform_policy)

    direct = await api.open_incident(assignments=to_bo)
    by_policy = await api.open_incident(escalation_policy=policy)
    both = {"type": "incident", "title": "x", "service": reference("service", sim.world.service)}
    code, _ = await api.refused(
        "POST", "/incidents", body={"incident": {**both, "assignments": to_bo, "escalation_policy": policy}}
    )

    assert ([sim.world.bo], "direct_assignment") == (assigned(direct), direct["assigned_via"])
    assert (sim.world.platform_policy, [sim.world.dara]) == (
        by_policy["escalation_policy"]["id"],
        assigned(by_policy),
    )
    assert 2001 == code


async def test_who_assigns_a_new_incident_to_himself_has_acknowledged_it(sim: Simulator, api: Api):
    """Assigning to oneself on creation answers with an acknowledged incident."""
    incident = await api.open_incident(assignments=[{"assignee": reference("user", sim.world.ada)}])

    assert "acknowledged" == incident["status"]


async def test_acknowledging_reassigns_to_whoever_does_it(sim: Simulator):
    """The user of the From header becomes the assignee, and is told as the acknowledger."""
    bo = Api(sim, token(sim.world.account_key), "bo@harbour.example")
    incident = await bo.open_incident()
    before = assigned(incident)

    incident = await bo.put_incident(incident["id"], status="acknowledged")

    assert ([sim.world.ada], [sim.world.bo]) == (before, assigned(incident))
    assert [sim.world.bo] == [each["acknowledger"]["id"] for each in incident["acknowledgements"]]
    assert "escalate" not in [each["type"] for each in incident["pending_actions"]]


async def test_a_resolved_incident_is_empty(sim: Simulator, api: Api):
    """Once resolved there are no assignments, acknowledgements or pending actions, and its alerts are resolved."""
    await api.event("trigger", "k")
    [opened] = sim.incidents()
    await api.put_incident(opened.id, status="acknowledged")

    incident = await api.put_incident(opened.id, status="resolved")

    assert ([], [], []) == (incident["assignments"], incident["acknowledgements"], incident["pending_actions"])
    assert {"all": 1, "triggered": 0, "resolved": 1} == incident["alert_counts"]
    assert "2026-03-02T12:00:00Z" == incident["resolved_at"]


async def test_a_resolution_becomes_a_note(api: Api):
    """What is given as resolution is kept as a note, behind the words that PagerDuty puts before it."""
    incident = await api.open_incident()
    await api.put_incident(incident["id"], status="resolved", resolution="Restarted it")

    notes = (await api("GET", f"/incidents/{incident['id']}/notes"))["notes"]

    assert ["Resolution Note: Restarted it"] == [note["content"] for note in notes]
    open_one = await api.open_incident()
    assert 2001 == (await api.put_incident(open_one["id"], expect=400, resolution="why"))["code"]


async def test_resolving_twice_is_accepted_or_refused():
    """Whether PagerDuty refuses it is not documented: 200 by default, 400/1001 by choice."""
    lenient = Simulator(limits=Limits.none())
    strict = Simulator(limits=Limits.none(), behaviour=Behaviour(duplicate_resolve="reject"))
    codes: list[object] = []
    for sim, status in ((lenient, 200), (strict, 400)):
        api = Api(sim, token(sim.world.account_key), sim.world.from_email)
        incident = await api.open_incident()
        await api.put_incident(incident["id"], status="resolved")
        answer = await api.put_incident(incident["id"], status="resolved", expect=status)
        codes.append(answer.get("code"))

    assert [None, 1001] == codes


async def test_acknowledging_a_resolved_incident_reopens_it(sim: Simulator, api: Api):
    """A late acknowledge re-opens: this is what makes it dangerous to repeat."""
    incident = await api.open_incident()
    await api.put_incident(incident["id"], status="resolved")
    sim.clock.advance(minutes=5)

    again = await api.put_incident(incident["id"], status="acknowledged")

    assert ("acknowledged", None, [sim.world.ada]) == (again["status"], again["resolved_at"], assigned(again))


async def test_triggering_a_resolved_incident_reopens_it_as_asked(sim: Simulator, api: Api):
    """Re-opened incidents go to whom the request names, else to the escalation policy."""
    incident = await api.open_incident()
    await api.put_incident(incident["id"], status="resolved")
    by_policy = await api.put_incident(incident["id"], status="triggered")
    await api.put_incident(incident["id"], status="resolved")
    to_bo = [{"assignee": reference("user", sim.world.bo)}]
    direct = await api.put_incident(incident["id"], status="triggered", assignments=to_bo)

    assert ([sim.world.ada], [sim.world.bo]) == (assigned(by_policy), assigned(direct))


async def test_taking_an_acknowledgement_back(api: Api):
    """Status triggered on an acknowledged incident un-acknowledges it."""
    incident = await api.open_incident()
    await api.put_incident(incident["id"], status="acknowledged")

    incident = await api.put_incident(incident["id"], status="triggered")

    assert ("triggered", []) == (incident["status"], incident["acknowledgements"])
    assert "unacknowledge" == (await api.timeline(incident["id"]))[-1]


async def test_a_reassigned_incident_waits_for_an_acknowledgement_again(sim: Simulator, api: Api):
    """Whoever is newly assigned has acknowledged nothing; direct assignment stops the escalation."""
    incident = await api.open_incident()
    await api.put_incident(incident["id"], status="acknowledged")

    incident = await api.put_incident(incident["id"], assignments=[{"assignee": reference("user", sim.world.dara)}])

    assert ("triggered", "direct_assignment", [sim.world.dara]) == (
        incident["status"],
        incident["assigned_via"],
        assigned(incident),
    )
    assert "escalate" not in [each["type"] for each in incident["pending_actions"]]


async def test_escalating_by_hand(sim: Simulator, api: Api):
    """A level that exists takes the incident there; one that does not is 400/1006."""
    incident = await api.open_incident()

    incident = await api.put_incident(incident["id"], escalation_level=2)
    error = await api.put_incident(incident["id"], escalation_level=3, expect=400)

    assert [sim.world.chen] == assigned(incident)
    assert 1006 == error["code"]


async def test_handing_over_to_another_policy(sim: Simulator, api: Api):
    """Another escalation policy takes over with whoever it has on call."""
    incident = await api.open_incident()

    incident = await api.put_incident(
        incident["id"], escalation_policy=reference("escalation_policy", sim.world.platform_policy)
    )

    assert (sim.world.platform_policy, [sim.world.dara]) == (
        incident["escalation_policy"]["id"],
        assigned(incident),
    )
    assert "delegate" == (await api.timeline(incident["id"]))[-1]


async def test_the_plain_fields_of_an_incident(sim: Simulator, api: Api):
    """Title, urgency, priority by name, service, type and bridge can all be changed, in one request."""
    incident = await api.open_incident()

    incident = await api.put_incident(
        incident["id"],
        title="Checkout is down",
        urgency="low",
        priority="P1",
        service=reference("service", sim.world.checkout_service),
        incident_type={"name": "major_incident"},
        conference_bridge={"conference_number": "+1 415 555 0100", "conference_url": "https://meet.example/1"},
    )

    assert ("Checkout is down", "low", "P1", "Checkout", "major_incident", "https://meet.example/1") == (
        incident["title"],
        incident["urgency"],
        incident["priority"]["name"],
        incident["service"]["summary"],
        incident["incident_type"]["name"],
        incident["conference_bridge"]["conference_url"],
    )


async def test_a_status_that_does_not_exist_is_refused(api: Api):
    """Code 1003, and the incident stays as it was."""
    incident = await api.open_incident()

    error = await api.put_incident(incident["id"], status="closed", title="new", expect=400)

    after = (await api("GET", f"/incidents/{incident['id']}"))["incident"]
    assert (1003, incident) == (error["code"], after)


async def test_a_bulk_update_is_all_or_nothing(sim: Simulator, api: Api):
    """One bad entry keeps the others from being changed."""
    first, second = await api.open_incident(), await api.open_incident()

    def body(*entries: dict[str, str]) -> dict[str, object]:
        return {"incidents": [{"type": "incident_reference", "status": "resolved", **entry} for entry in entries]}

    refused = await api.refused("PUT", "/incidents", body=body({"id": first["id"]}, {"id": "PNOTHING"}))
    untouched = [incident.status for incident in sim.incidents()]
    answer = await api("PUT", "/incidents", body=body({"id": first["id"]}, {"id": second["id"]}))

    assert (2001, ["Incident PNOTHING not found"]) == refused
    assert ["triggered", "triggered"] == untouched
    assert ["resolved", "resolved"] == [each["status"] for each in answer["incidents"]]


async def test_a_bulk_update_takes_at_most_250(sim: Simulator, api: Api):
    """251 entries are a 413."""
    incident = sim.add_incident("x", sim.world.service)
    entry = {"id": incident.id, "type": "incident_reference", "title": "y"}

    await api.refused("PUT", "/incidents", body={"incidents": [entry] * 251}, expect=413)
    await api("PUT", "/incidents", body={"incidents": [entry] * 250})

    assert "y" == incident.title


async def test_unknown_fields_of_a_body_are_ignored(api: Api):
    """Fields that nobody knows, or that can only be read, change nothing and harm nothing."""
    incident = await api.open_incident()

    changed = await api.put_incident(incident["id"], incident_number=77, colour="green")

    assert incident == changed


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b'{"incident": 1}'])
async def test_a_body_that_is_no_object_is_refused(api: Api, raw: bytes):
    """Whatever is not the expected object is a 400 with code 2001."""
    answer = await api.send("POST", "/incidents", raw=raw)

    assert (400, 2001) == (answer.status_code, answer.json()["error"]["code"])
