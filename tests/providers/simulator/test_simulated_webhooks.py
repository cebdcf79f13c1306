"""Webhooks: subscriptions, what is told, and how it is delivered."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from resolute_pagerduty.simulator import Behaviour, Clock, Limits, Pace, Simulator, signature
from resolute_pagerduty.simulator.webhooks import EVENT_TYPES
from tests.patience import PATIENCE
from tests.providers.simulator.harness import Api, token
from tests.providers.simulator.receiver import Receiver, listening

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

PATIENT = Pace(timeout=PATIENCE, spacing=(10, 60))
"""A receiver may be slow: a retry waits for a clock that stands still."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that accepts everything until a test says otherwise."""
    with listening() as found:
        yield found


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    """A simulator that is served, with a clock that stands still."""
    async with Simulator.serve(clock=Clock(NOON), limits=Limits.none(), pace=PATIENT) as found:
        yield found


@pytest.fixture
def api(sim: Simulator) -> Api:
    """A client with the account key."""
    return Api(sim, token(sim.world.account_key), sim.world.from_email)


async def settled(sim: Simulator) -> None:
    await sim.until(lambda: all(each.state != "pending" for each in sim.deliveries), PATIENCE)


async def attempts(sim: Simulator, number: int) -> None:
    await sim.until(lambda: sum(len(each.attempts) for each in sim.deliveries) == number, PATIENCE)


def told(receiver: Receiver) -> list[dict[str, Any]]:
    return [json.loads(each.body)["event"] for each in receiver.received]


def body(**fields: object) -> dict[str, object]:
    wanted = {
        "type": "webhook_subscription",
        "delivery_method": {"type": "http_delivery_method", "url": "https://hooks.example/1"},
        "events": ["incident.triggered"],
        "filter": {"type": "account_reference"},
        **fields,
    }
    return {"webhook_subscription": wanted}


async def subscribe(api: Api, **fields: object) -> dict[str, Any]:
    return (await api("POST", "/webhook_subscriptions", body=body(**fields)))["webhook_subscription"]


async def test_the_secret_is_told_once(api: Api):
    """Only the answer to the creation has the secret; header values never come back."""
    method = {
        "type": "http_delivery_method",
        "url": "https://hooks.example/1",
        "custom_headers": [{"name": "X-Key", "value": "very secret"}],
    }
    made = await subscribe(api, delivery_method=method)
    path = f"/webhook_subscriptions/{made['id']}"

    read = (await api("GET", path))["webhook_subscription"]
    [listed] = (await api("GET", "/webhook_subscriptions"))["webhook_subscriptions"]

    assert 64 == len(made["delivery_method"]["secret"])
    assert (None, "-- redacted --") == (
        read["delivery_method"]["secret"],
        read["delivery_method"]["custom_headers"][0]["value"],
    )
    assert read == listed


async def test_subscriptions_are_listed_by_what_they_are_for(sim: Simulator, api: Api):
    """filter_type speaks of account, service and team, and the latter two need an id."""
    await subscribe(api)
    await subscribe(api, filter={"type": "service_reference", "id": sim.world.service})
    await subscribe(api, filter={"type": "team_reference", "id": sim.world.payments_team})

    async def found(*query: tuple[str, str]) -> int:
        return len((await api("GET", "/webhook_subscriptions", query))["webhook_subscriptions"])

    assert 3 == await found()
    assert 1 == await found(("filter_type", "account"))
    assert 1 == await found(("filter_type", "service"), ("filter_id", sim.world.service))
    assert 0 == await found(("filter_type", "team"), ("filter_id", sim.world.platform_team))
    await api.refused("GET", "/webhook_subscriptions", [("filter_type", "service")])
    await api.refused("GET", "/webhook_subscriptions", [("filter_type", "service_reference")])


@pytest.mark.parametrize(
    "fields",
    [
        {"events": []},
        {"events": ["incident.exploded"]},
        {"events": ["incident.triggered", "incident.triggered"]},
        {"filter": {"type": "service"}},
        {"filter": {"type": "service_reference", "id": "PNOTHING"}},
        {"delivery_method": {"type": "http_delivery_method", "url": "ftp://hooks.example"}},
    ],
)
async def test_a_subscription_that_cannot_be_is_refused(api: Api, fields: dict[str, object]):
    """Unknown events, filters and addresses are refused."""
    assert 2001 == (await api.refused("POST", "/webhook_subscriptions", body=body(**fields)))[0]


async def test_a_subscription_is_changed_and_deleted(sim: Simulator, api: Api):
    """Everything but the delivery method can change; deleted is gone."""
    made = await subscribe(api)
    path = f"/webhook_subscriptions/{made['id']}"
    wanted = {
        "description": "new",
        "active": False,
        "events": ["incident.resolved"],
        "filter": {"type": "service_reference", "id": sim.world.service},
        "delivery_method": {"url": "https://elsewhere.example"},
    }

    changed = (await api("PUT", path, body={"webhook_subscription": wanted}))["webhook_subscription"]
    await api("DELETE", path, expect=204)

    assert ("new", False, ["incident.resolved"], "https://hooks.example/1") == (
        changed["description"],
        changed["active"],
        changed["events"],
        changed["delivery_method"]["url"],
    )
    assert 2100 == (await api.refused("GET", path, expect=404))[0]


async def test_a_delivery_looks_like_pagerdutys(sim: Simulator, api: Api, receiver: Receiver):
    """Headers, signature on the raw bytes, and one event in an envelope."""
    subscription = sim.add_webhook(receiver.url, secret="s3cret")
    incident = await api.open_incident()
    await settled(sim)

    [request] = receiver.received
    expected = "v1=" + hmac.new(b"s3cret", request.body, hashlib.sha256).hexdigest()
    assert ("PagerDuty-Webhook/V3.0", "application/json", subscription.id, sim.deliveries[0].id, expected) == (
        request.headers["User-Agent"],
        request.headers["Content-Type"],
        request.headers["X-Webhook-Subscription"],
        request.headers["X-Webhook-Id"],
        request.headers["X-PagerDuty-Signature"],
    )
    [event] = told(receiver)
    assert {"id", "event_type", "resource_type", "occurred_at", "agent", "client", "data"} == set(event)
    assert ("incident.triggered", "incident", "2026-03-02T12:00:00.000Z", sim.world.ada) == (
        event["event_type"],
        event["resource_type"],
        event["occurred_at"],
        event["agent"]["id"],
    )
    data = event["data"]
    assert (incident["incident_number"], [sim.world.ada]) == (
        data["number"],
        [each["id"] for each in data["assignees"]],
    )
    assert not {"incident_number", "assignments", "summary", "alert_counts"} & set(data)


def test_the_signature_is_pagerdutys():
    """The official test vector: a real secret, a real body, its signature."""
    secret = "HvPtlQNKMPpHSSqJpCdndXfo7HnGXa1pnH6w5axpxLFn9aRBNBGh4e8/HlonK5mz"
    event = (
        b'{"event":{"id":"01FKZOXA868SHYEE4DVNWB5P9W","event_type":"pagey.ping","resource_type":"pagey",'
        b'"occurred_at":"2025-04-07T03:00:55.532Z","agent":{"id":"PVE0ZR9","type":"user_reference"},"client":null,'
        b'"data":{"message":"Hello from your friend Pagey!","type":"ping"}}}'
    )

    assert "v1=0e83584cbab86f98c51517cf96a70c90e910532d3d2f067d58c753cc8980a05b" == signature(event, [secret])


async def test_while_a_secret_is_rotated_there_are_two_signatures(sim: Simulator, api: Api, receiver: Receiver):
    """Either secret verifies the delivery."""
    subscription = sim.add_webhook(receiver.url, secret="old")
    subscription.secrets.append("new")
    await api.open_incident()
    await settled(sim)

    [request] = receiver.received
    expected = [f"v1={hmac.new(key, request.body, hashlib.sha256).hexdigest()}" for key in (b"old", b"new")]
    assert expected == request.headers["X-PagerDuty-Signature"].split(",")


async def test_the_life_of_an_incident_is_told_in_order(sim: Simulator, api: Api, receiver: Receiver):
    """Each change is one event, in the order in which it happened."""
    sim.add_webhook(receiver.url)
    incident = await api.open_incident()
    path = f"/incidents/{incident['id']}"
    policy = {"id": sim.world.platform_policy, "type": "escalation_policy_reference"}
    other = {"id": sim.world.search_service, "type": "service_reference"}
    to_bo = [{"assignee": {"id": sim.world.bo, "type": "user_reference"}}]
    await api.put_incident(incident["id"], status="acknowledged")
    await api.put_incident(incident["id"], status="triggered")
    await api.put_incident(incident["id"], assignments=to_bo)
    await api.put_incident(incident["id"], escalation_policy=policy)
    await api.put_incident(incident["id"], escalation_level=2)
    await api.put_incident(incident["id"], priority="P1")
    await api.put_incident(incident["id"], service=other)
    await api("POST", f"{path}/notes", body={"note": {"content": "looking"}})
    await api("POST", f"{path}/status_updates", body={"message": "soon"})
    await api.put_incident(incident["id"], status="resolved", resolution="done")
    await api.put_incident(incident["id"], status="triggered")
    await settled(sim)

    assert [
        "incident.triggered",
        "incident.acknowledged",
        "incident.unacknowledged",
        "incident.reassigned",
        "incident.delegated",
        "incident.escalated",
        "incident.priority_updated",
        "incident.service_updated",
        "incident.annotated",
        "incident.status_update_published",
        "incident.resolved",
        "incident.annotated",
        "incident.reopened",
    ] == [event["event_type"] for event in told(receiver)]
    events = {event["event_type"]: event["data"] for event in told(receiver)}
    assert ("incident_note", "Resolution Note: done", False) == (
        events["incident.annotated"]["type"],
        events["incident.annotated"]["content"],
        events["incident.annotated"]["trimmed"],
    )
    assert ([], "2026-03-02T12:00:00Z") == (
        events["incident.resolved"]["assignees"],
        events["incident.reopened"]["reopened_at"],
    )


async def test_services_are_told_of_too(sim: Simulator, api: Api, receiver: Receiver):
    """service.created and service.updated carry the service and no agent."""
    sim.add_webhook(receiver.url)
    policy = {"id": sim.world.payments_policy, "type": "escalation_policy_reference"}
    service = {"type": "service", "name": "Ledger", "escalation_policy": policy}
    made = (await api("POST", "/services", body={"service": service}, expect=201))["service"]
    await api("PUT", f"/services/{made['id']}", body={"service": {"description": "x"}})
    await settled(sim)

    events = told(receiver)
    assert ["service.created", "service.updated"] == [event["event_type"] for event in events]
    assert {"html_url", "id", "self", "summary", "alert_creation", "teams", "type"} == set(events[0]["data"])
    assert (None, None) == (events[0]["agent"], events[0]["client"])


async def test_only_what_was_subscribed_to_is_told(sim: Simulator, api: Api, receiver: Receiver):
    """Events, service, team, and whether the subscription is active: all of them must fit."""
    sim.add_webhook(receiver.url, service_id=sim.world.search_service)
    sim.add_webhook(receiver.url, team_id=sim.world.platform_team)
    sim.add_webhook(receiver.url, events=["incident.resolved"])
    sim.add_webhook(receiver.url).active = False
    matching = sim.add_webhook(receiver.url, team_id=sim.world.payments_team, events=["incident.triggered"])
    await api.open_incident()
    await settled(sim)

    assert [matching.id] == [request.headers["X-Webhook-Subscription"] for request in receiver.received]


async def test_a_ping_reaches_its_subscription_whatever_it_asked_for(sim: Simulator, api: Api, receiver: Receiver):
    """pagey.ping goes to one subscription, also to one that asked for something else."""
    subscription = sim.add_webhook(receiver.url, events=["incident.resolved"])
    sim.add_webhook(receiver.url)
    await api("POST", f"/webhook_subscriptions/{subscription.id}/ping", expect=202)
    await settled(sim)

    [event] = told(receiver)
    assert ("pagey.ping", "pagey", {"message": "Hello from your friend Pagey!", "type": "ping"}) == (
        event["event_type"],
        event["resource_type"],
        event["data"],
    )


@pytest.mark.parametrize("status", [500, 503, 429])
async def test_a_failed_delivery_is_tried_again(sim: Simulator, api: Api, receiver: Receiver, status: int):
    """5xx and 429 are retried after the spacing, with the same id and the same bytes."""
    receiver.answer = lambda number: status if number < 3 else 202
    sim.add_webhook(receiver.url)
    await api.open_incident()
    for number, seconds in ((1, 10), (2, 60)):
        await attempts(sim, number)
        sim.clock.advance(seconds=seconds)
    await settled(sim)

    [delivery] = sim.deliveries
    assert ("delivered", [status, status, 202]) == (delivery.state, [each.status for each in delivery.attempts])
    assert [0, 10, 70] == [int((each.at - NOON).total_seconds()) for each in delivery.attempts]
    assert 1 == len({(request.headers["X-Webhook-Id"], request.body) for request in receiver.received})


async def test_a_receiver_that_says_nothing_is_tried_again(sim: Simulator, api: Api, receiver: Receiver):
    """No answer in time counts as a failure that is retried."""
    receiver.answer = lambda _: None
    sim.webhooks.pace = replace(PATIENT, timeout=0.5)
    sim.add_webhook(receiver.url)
    await api.open_incident()
    await attempts(sim, 1)
    receiver.answer = lambda _: 202
    sim.webhooks.pace = PATIENT
    sim.clock.advance(seconds=10)
    await settled(sim)

    first, second = sim.deliveries[0].attempts
    assert ("no answer within 0.5 seconds", 202) == (first.error, second.status)


async def test_a_receiver_that_is_not_there_is_tried_for_two_days(sim: Simulator, api: Api):
    """Refused connections are retried until 48 hours have passed; then the webhook is dropped."""
    sim.add_webhook("http://127.0.0.1:9/hook")
    await api.open_incident()
    await attempts(sim, 1)
    sim.clock.advance(timedelta(hours=48))
    delivery = sim.deliveries[0]
    await sim.until(lambda: delivery.state != "pending", PATIENCE)

    assert ("dropped", 2) == (delivery.state, len(delivery.attempts))
    assert (delivery.attempts[0].error or "").startswith("ConnectError")


async def test_later_events_of_an_incident_wait_for_earlier_ones(sim: Simulator, api: Api, receiver: Receiver):
    """Order is kept per subscription and incident; other incidents go ahead."""
    receiver.answer = lambda number: 500 if number == 1 else 202
    sim.add_webhook(receiver.url)
    first = await api.open_incident("first")
    await attempts(sim, 1)
    await api.put_incident(first["id"], status="acknowledged")
    await api.open_incident("second")
    await attempts(sim, 2)
    before = [(event["event_type"], event["data"]["title"]) for event in told(receiver)]
    sim.clock.advance(seconds=10)
    await settled(sim)

    after = [(event["event_type"], event["data"]["title"]) for event in told(receiver)]
    assert [("incident.triggered", "first"), ("incident.triggered", "second")] == before
    assert [("incident.triggered", "first"), ("incident.acknowledged", "first")] == after[2:]


async def test_three_refused_webhooks_disable_a_subscription_for_a_day(sim: Simulator, api: Api, receiver: Receiver):
    """4xx answers are not retried; after three in a row nothing is sent for 24 hours, and what waited is lost."""
    receiver.answer = lambda _: 403
    subscription = sim.add_webhook(receiver.url, events=["incident.triggered"])
    path = f"/webhook_subscriptions/{subscription.id}"

    async def disabled() -> bool:
        return (await api("GET", path))["webhook_subscription"]["delivery_method"]["temporarily_disabled"]

    for _ in range(3):
        await api.open_incident()
        await settled(sim)
    stopped = await disabled()
    await api.open_incident()
    sim.clock.advance(timedelta(hours=24))
    receiver.answer = lambda _: 202
    again = await disabled()
    await api.open_incident()
    await settled(sim)

    assert (True, False) == (stopped, again)
    assert ["dropped", "dropped", "dropped", "delivered"] == [each.state for each in sim.deliveries]


async def test_a_disabled_subscription_can_be_enabled(sim: Simulator, api: Api, receiver: Receiver):
    """POST enable ends the disabling at once; an accepted webhook forgets earlier refusals."""
    receiver.answer = lambda number: 202 if number == 3 else 400
    subscription = sim.add_webhook(receiver.url, events=["incident.triggered"])
    for _ in range(6):
        await api.open_incident()
        await settled(sim)

    path = f"/webhook_subscriptions/{subscription.id}"
    before = (await api("GET", path))["webhook_subscription"]["delivery_method"]["temporarily_disabled"]
    after = (await api("POST", f"{path}/enable"))["webhook_subscription"]["delivery_method"]["temporarily_disabled"]

    assert (6, True, False) == (len(receiver.received), before, after)


async def test_webhooks_can_come_twice(sim: Simulator, api: Api, receiver: Receiver):
    """At least once means sometimes twice: copies and redeliveries carry the same id."""
    sim.add_webhook(receiver.url)
    sim.webhooks.pace = replace(PATIENT, copies=2)
    await api.open_incident()
    await sim.until(lambda: len(receiver.received) == 2 and sim.webhooks.idle, PATIENCE)
    sim.webhooks.redeliver(sim.deliveries[0])
    await sim.until(lambda: len(receiver.received) == 3 and sim.webhooks.idle, PATIENCE)

    assert 1 == len({request.headers["X-Webhook-Id"] for request in receiver.received})


async def test_a_timer_tells_without_any_request(receiver: Receiver):
    """What happens by itself is delivered by itself, also on a clock that runs."""
    async with Simulator.serve(pace=PATIENT) as sim:
        sim.add_webhook(receiver.url, events=["incident.triggered", "incident.resolved"])
        service = sim.add_service("Quick", sim.world.payments_policy, auto_resolve_timeout=3600)
        sim.add_incident("x", service.id, created_at=sim.clock.now() - timedelta(seconds=3599.8))
        await sim.until(lambda: len(receiver.received) == 2, PATIENCE)

    assert ["incident.triggered", "incident.resolved"] == [event["event_type"] for event in told(receiver)]


async def test_an_event_that_is_applied_later_is_told_without_another_request(receiver: Receiver):
    """Whoever waits for the next thing to fall due hears of one that was set after that."""
    async with Simulator.serve(pace=PATIENT, behaviour=Behaviour(event_delay=0.2)) as sim:
        sim.add_webhook(receiver.url, events=["incident.triggered"])
        sim.add_incident("The first one", sim.world.service)
        await sim.until(lambda: receiver.received and sim.webhooks.idle, PATIENCE)
        await Api(sim, None).event("trigger", "k")
        await sim.until(lambda: len(receiver.received) == 2, PATIENCE)

    assert ["incident.triggered"] * 2 == [event["event_type"] for event in told(receiver)]


async def test_any_official_event_can_be_announced(sim: Simulator, api: Api, receiver: Receiver):
    """Tests of receivers can have every type of the official list."""
    sim.add_webhook(receiver.url)
    await api.open_incident()
    types = sorted(each for each in EVENT_TYPES if each.startswith("incident."))
    for event_type in types:
        sim.announce(sim.incidents()[0], event_type)
    await settled(sim)

    assert types == [event["event_type"] for event in told(receiver)][1:]
