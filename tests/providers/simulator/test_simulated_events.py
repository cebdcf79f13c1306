"""Events API v2: what monitoring tools see and what becomes of it."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from resolute_pagerduty.simulator import Behaviour, Limits, Simulator
from tests.providers.simulator.harness import Api


async def test_a_trigger_opens_one_incident_with_one_alert(sim: Simulator, api: Api):
    """A trigger opens an incident on the integration's service, with the alert that was reported."""
    answer = await api.event("trigger", "disk/db-1", custom_details={"free": "1 %"})

    incident = sim.show(sim.incidents()[0])
    alerts = (await api("GET", f"/incidents/{incident['id']}/alerts"))["alerts"]
    assert {"status": "success", "message": "Event processed", "dedup_key": "disk/db-1"} == answer
    assert ("triggered", "Disk full", "disk/db-1") == (incident["status"], incident["title"], incident["incident_key"])
    assert sim.world.service == incident["service"]["id"]
    assert [("disk/db-1", "triggered", {"free": "1 %"})] == [
        (each["alert_key"], each["status"], each["body"]["details"]) for each in alerts
    ]


async def test_the_same_key_adds_to_the_open_alert(sim: Simulator, api: Api):
    """A repeated trigger opens nothing: it becomes a log entry, and the alert shows what was said last."""
    await api.event("trigger", "k", summary="Disk 90 % full")
    await api.event("trigger", "k", summary="Disk 99 % full", severity="warning")

    [incident] = sim.incidents()
    [alert] = incident.alerts.values()
    assert 2 == (await api.timeline(incident.id)).count("trigger")
    assert ("Disk 90 % full", "Disk 99 % full", "warning") == (incident.title, alert.summary, alert.severity)


async def test_keys_of_two_integrations_do_not_meet(sim: Simulator, api: Api):
    """Deduplication is scoped to the routing key; a resolve through another one is dropped, and still accepted."""
    await api.event("trigger", "k")
    await api.event("trigger", "k", routing_key=sim.world.search_routing_key)
    await api.event("resolve", "k", routing_key=sim.world.checkout_routing_key)

    assert ["triggered", "triggered"] == [incident.status for incident in sim.incidents()]


async def test_acknowledge_and_resolve_follow_the_alert(sim: Simulator, api: Api):
    """Events acknowledge and resolve the incident, and resolve its alert with it."""
    await api.event("trigger", "k")
    await api.event("acknowledge", "k")
    [incident] = sim.incidents()
    acknowledged = incident.status
    await api.event("resolve", "k")

    assert ("acknowledged", "resolved") == (acknowledged, incident.status)
    assert ["resolved"] == [alert.status for alert in incident.alerts.values()]


async def test_a_trigger_leaves_an_acknowledged_incident_alone(sim: Simulator, api: Api):
    """More triggers do not bring an acknowledged incident back, and nobody is notified again."""
    await api.event("trigger", "k")
    await api.event("acknowledge", "k")
    [incident] = sim.incidents()
    notified = (await api.timeline(incident.id)).count("notify")
    await api.event("trigger", "k")

    assert "acknowledged" == incident.status
    assert notified == (await api.timeline(incident.id)).count("notify")


async def test_after_resolve_the_same_key_opens_another_incident(sim: Simulator, api: Api):
    """Events never re-open: the key is free again once its alert is resolved."""
    for action in ("trigger", "resolve", "trigger"):
        await api.event(action, "k")

    assert ["resolved", "triggered"] == [incident.status for incident in sim.incidents()]


@pytest.mark.parametrize("action", ["acknowledge", "resolve"])
async def test_what_has_nothing_open_is_dropped_without_a_word(sim: Simulator, api: Api, action: str):
    """An acknowledge or a resolve of nothing is accepted and creates nothing."""
    await api.event(action, "nothing")

    assert [] == sim.incidents()


async def test_a_trigger_without_a_key_gets_one_and_never_deduplicates(sim: Simulator, api: Api):
    """Without a dedup key the answer carries a new one each time."""
    first, second = await api.event("trigger", None), await api.event("trigger", None)

    assert first["dedup_key"] != second["dedup_key"]
    assert 2 == len(sim.incidents())


async def test_nobody_on_call_means_no_incident(sim: Simulator, api: Api):
    """An event on a service where nobody is on call vanishes, as it does at PagerDuty."""
    empty = sim.add_schedule("Nobody", [])
    policy = sim.add_escalation_policy("Nobody", [[empty.id]])
    sim.add_service("Lonely", policy.id, routing_key="l" * 32)

    await api.event("trigger", "k", routing_key="l" * 32)

    assert [] == sim.incidents()


async def test_a_disabled_service_opens_nothing(sim: Simulator, api: Api):
    """Events for a disabled service are accepted and dropped."""
    sim.account.state.services[sim.world.service].disabled = True

    await api.event("trigger", "k")

    assert [] == sim.incidents()


async def test_severity_decides_the_urgency_where_the_service_says_so(sim: Simulator, api: Api):
    """A severity-based service opens low-urgency incidents for warnings."""
    sim.account.state.services[sim.world.service].urgency_rule = {"type": "constant", "urgency": "severity_based"}

    await api.event("trigger", "a", severity="error")
    await api.event("trigger", "b", severity="warning")

    assert ["high", "low"] == [incident.urgency for incident in sim.incidents()]


async def test_links_images_and_client_become_contexts(sim: Simulator, api: Api):
    """What a person can click on is shown with the alert."""
    event = {
        "routing_key": sim.world.routing_key,
        "event_action": "trigger",
        "dedup_key": "k",
        "payload": {"summary": "s", "source": "x", "severity": "info"},
        "client": "Watchdog",
        "client_url": "https://watchdog.example/1",
        "links": [{"href": "https://wiki.example/runbook", "text": "Runbook"}],
        "images": [{"src": "https://img.example/graph.png"}],
    }
    await api("POST", "/v2/enqueue", body=event, expect=202)

    [incident] = sim.incidents()
    [alert] = (await api("GET", f"/incidents/{incident.id}/alerts"))["alerts"]
    assert [("link", "Watchdog"), ("link", "Runbook"), ("image", "")] == [
        (each["type"], each["text"]) for each in alert["body"]["contexts"]
    ]


MISTAKES = {
    "'routing_key' is missing or blank": {"routing_key": ""},
    "Length of 'routing_key' is incorrect (should be 32 characters)": {"routing_key": "short"},
    "'event_action' is missing or blank": {"event_action": None},
    "'event_action' is invalid (must be one of trigger, acknowledge, resolve)": {"event_action": "ack"},
    "'payload' is missing or blank": {"payload": None},
    "'dedup_key' is too long (maximum is 255 characters)": {"dedup_key": "k" * 256},
    "'dedup_key' is missing or blank": {"event_action": "resolve", "dedup_key": None},
    "'images' need a 'src' that is an HTTPS address": {"images": [{"src": "http://img.example/x.png"}]},
    "'links' need an 'href'": {"links": [{"text": "nowhere"}]},
}


@pytest.mark.parametrize("mistake", MISTAKES)
async def test_an_invalid_event_is_refused_and_says_why(sim: Simulator, api: Api, mistake: str):
    """A mistake in an event is a 400 in the shape of the Events API, naming the field."""
    event = {
        "routing_key": sim.world.routing_key,
        "event_action": "trigger",
        "payload": {"summary": "s", "source": "x", "severity": "info"},
        **MISTAKES[mistake],
    }

    answer = await api("POST", "/v2/enqueue", body=event, expect=400)

    assert {"status": "invalid event", "message": "Event object is invalid", "errors": [mistake]} == answer


PAYLOAD_MISTAKES = {
    "'payload.summary' is missing or blank": {"summary": " "},
    "'summary' is too long (maximum is 1024 characters)": {"summary": "s" * 1025},
    "'payload.source' is missing or blank": {"source": None},
    "'payload.severity' is invalid (must be one of critical, error, warning, info)": {"severity": "high"},
    "'payload.timestamp' is not a valid ISO 8601 time": {"timestamp": "yesterday"},
}


@pytest.mark.parametrize("mistake", PAYLOAD_MISTAKES)
async def test_an_invalid_payload_is_refused_and_says_why(api: Api, mistake: str):
    """A summary of 1,025 characters is refused, never cut; so is every other mistake in a payload."""
    answer = await api.event("trigger", "k", expect=400, **PAYLOAD_MISTAKES[mistake])

    assert [mistake] == answer["errors"]


async def test_the_limits_themselves_are_allowed(api: Api):
    """1,024 characters of summary and 255 of key are fine, and so is a time without a colon in its offset."""
    await api.event("trigger", "k" * 255, summary="s" * 1024, timestamp="2015-07-17T08:42:58.315+0000")


async def test_too_many_links_are_refused_in_the_other_shape(sim: Simulator, api: Api):
    """More than 50 links are refused with a list of errors under `error`, as has been seen in the wild."""
    event = {
        "routing_key": sim.world.routing_key,
        "event_action": "trigger",
        "payload": {"summary": "s", "source": "x", "severity": "info"},
        "links": [{"href": "https://x.example"}] * 51,
    }

    assert {"error": ["links should have at most 50 item(s)"]} == await api(
        "POST", "/v2/enqueue", body=event, expect=400
    )


async def test_what_is_no_json_is_unrecognised(api: Api):
    """A body that is no JSON object is answered as the documents show it."""
    answer = await api.send("POST", "/v2/enqueue", raw=b"{routing_key:")

    assert (400, ["JSON parse error"]) == (answer.status_code, answer.json()["errors"])


@pytest.mark.parametrize("status", [400, 413])
async def test_an_event_over_512_kilobytes_is_refused(status: int):
    """The status for a large event is not documented, so it can be chosen."""
    sim = Simulator(behaviour=Behaviour(oversize_status=status))
    body = json.dumps({"routing_key": sim.world.routing_key, "padding": "x" * 512 * 1024}).encode()

    answer = await Api(sim, None).send("POST", "/v2/enqueue", raw=body)

    assert status == answer.status_code


async def test_an_unknown_routing_key_is_refused_or_dropped():
    """A well-formed key of no integration is refused by default; the other reading can be chosen."""
    refusing, dropping = Simulator(), Simulator(behaviour=Behaviour(unknown_routing_key="drop"))

    answer = await Api(refusing, None).event("trigger", "k", routing_key="0" * 32, expect=400)
    await Api(dropping, None).event("trigger", "k", routing_key="0" * 32, expect=202)

    assert ["Invalid routing key"] == answer["errors"]
    assert [] == dropping.incidents()


async def test_each_routing_key_has_a_limit_of_its_own(sim: Simulator):
    """Too many events for one key are throttled in the words of the Events API; other keys go on."""
    sim = Simulator(clock=sim.clock, limits=Limits(events=2))
    api = Api(sim, None)
    for _ in range(2):
        await api.event("trigger", "k")

    refused = await api.event("trigger", "k", expect=429)
    await api.event("trigger", "k", routing_key=sim.world.search_routing_key)
    sim.clock.advance(seconds=60)
    await api.event("trigger", "k")

    assert {
        "status": "throttle exceeded",
        "message": "Requests for this service are arriving too quickly.  Please retry later.",
        "errors": ["Enhance Your Calm."],
    } == refused


async def test_accepted_does_not_mean_done(sim: Simulator):
    """With a delay an event is accepted at once and applied later."""
    sim = Simulator(clock=sim.clock, behaviour=Behaviour(event_delay=5))

    await Api(sim, None).event("trigger", "k")
    before = len(sim.incidents())
    sim.clock.advance(seconds=5)

    assert (0, 1) == (before, len(sim.incidents()))


async def test_change_events_are_kept_and_page_nobody(sim: Simulator, api: Api):
    """A change event opens nothing, has no key, and is listed for its service."""
    body = {
        "routing_key": sim.world.routing_key,
        "payload": {"summary": "Deployed 1.2", "source": "ci", "timestamp": "2026-03-02T11:00:00Z"},
        "links": [{"href": "https://ci.example/1", "text": "Build"}],
    }

    answer = await api("POST", "/v2/change/enqueue", body=body, expect=202)

    listed = (await api("GET", "/change_events"))["change_events"]
    of_service = await api("GET", f"/services/{sim.world.service}/change_events")
    of_other = await api("GET", f"/services/{sim.world.search_service}/change_events")
    one = (await api("GET", f"/change_events/{listed[0]['id']}"))["change_event"]
    assert {"status": "success", "message": "Change event processed"} == answer
    assert ("Deployed 1.2", "2026-03-02T11:00:00Z") == (one["summary"], one["timestamp"])
    assert listed == of_service["change_events"]
    assert ([], []) == (of_other["change_events"], sim.incidents())


async def test_change_events_are_filtered_by_time(sim: Simulator, api: Api):
    """Since and until cut the list of changes."""
    for hour in (9, 10, 11):
        moment = datetime(2026, 3, 2, hour, tzinfo=UTC)
        payload = {"summary": f"at {hour}", "timestamp": moment.isoformat()}
        body = {"routing_key": sim.world.routing_key, "payload": payload}
        await api("POST", "/v2/change/enqueue", body=body, expect=202)

    window = [("since", "2026-03-02T10:00:00Z"), ("until", "2026-03-02T11:00:00Z")]
    found = (await api("GET", "/change_events", window))["change_events"]

    assert ["at 10"] == [each["summary"] for each in found]


async def test_a_change_event_needs_a_summary(sim: Simulator, api: Api):
    """Change events are checked too."""
    answer = await api("POST", "/v2/change/enqueue", body={"routing_key": sim.world.routing_key}, expect=400)

    assert ["'payload' is missing or blank"] == answer["errors"]


async def test_two_services_in_maintenance_and_out_of_it(sim: Simulator, api: Api):
    """While a maintenance window runs its services open nothing; after it they do again."""
    now = sim.clock.now()
    window = {
        "type": "maintenance_window",
        "start_time": now.isoformat(),
        "end_time": (now + timedelta(hours=1)).isoformat(),
        "services": [{"id": sim.world.service, "type": "service_reference"}],
    }
    await api("POST", "/maintenance_windows", body={"maintenance_window": window}, expect=201)

    await api.event("trigger", "k")
    during = len(sim.incidents())
    sim.clock.advance(hours=1)
    await api.event("trigger", "k")

    assert (0, 1) == (during, len(sim.incidents()))
