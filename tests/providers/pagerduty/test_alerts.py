"""Alert events: what is sent, what is refused before, and what a repeat does."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

import resolute_pagerduty as pagerduty
from resolute import flow, manual
from resolute.plan.errors import FlowBuildError, InvalidArgumentsError
from resolute_pagerduty import errors
from tests.providers.pagerduty.harness import Bench


def alert(**changes: Any) -> dict[str, Any]:
    return {"summary": "Disk full", "source": "db-1", "severity": "critical"} | changes


ALERT = alert()


async def test_an_alert_opens_is_acknowledged_and_resolved(bench: Bench):
    """Three events with one key are one incident, from triggered to resolved."""
    output = await bench.run(pagerduty.trigger_event, **ALERT, dedup_key="disk")
    (incident,) = bench.sim.incidents("triggered")
    await bench.run(pagerduty.acknowledge_event, dedup_key="disk")
    acknowledged = incident.status
    resolved = await bench.run(pagerduty.resolve_event, dedup_key="disk")

    assert ("success", "Event processed", "disk") == (output.status, output.message, output.dedup_key)
    assert ("acknowledged", "resolved", "success") == (acknowledged, incident.status, resolved.status)


async def test_everything_an_author_gives_arrives(bench: Bench):
    """Details, links, images and the rest arrive under PagerDuty's names; what is left open is not sent."""
    await bench.run(
        pagerduty.trigger_event,
        **ALERT,
        dedup_key="disk",
        component="disk",
        group="databases",
        class_="capacity",
        custom_details={"free": 0, "$mounts": ["/"]},
        links=[pagerduty.EventLink(href="https://wiki.example/disk")],
        images=[pagerduty.EventImage(src="https://graphs.example/disk.png", alt="Disk")],
        client="monitor",
        client_url="https://monitor.example",
        timestamp=datetime(2026, 3, 2, 11, 59, tzinfo=UTC),
    )

    assert {
        "routing_key": bench.sim.world.routing_key,
        "event_action": "trigger",
        "dedup_key": "disk",
        "payload": {
            "summary": "Disk full",
            "source": "db-1",
            "severity": "critical",
            "timestamp": "2026-03-02T11:59:00+00:00",
            "component": "disk",
            "group": "databases",
            "class": "capacity",
            "custom_details": {"free": 0, "$mounts": ["/"]},
        },
        "links": [{"href": "https://wiki.example/disk"}],
        "images": [{"src": "https://graphs.example/disk.png", "alt": "Disk"}],
        "client": "monitor",
        "client_url": "https://monitor.example",
    } == json.loads(bench.sent()[0].body)


async def test_a_key_is_derived_where_none_is_given(bench: Bench):
    """Every attempt of a step has the same key, and every other step another."""
    first = await bench.run(pagerduty.trigger_event, **ALERT)
    again = await bench.run(pagerduty.trigger_event, **ALERT, attempt=2)
    other = await bench.run(pagerduty.trigger_event, **ALERT, step="other")

    assert first.dedup_key == again.dedup_key
    assert first.dedup_key != other.dedup_key
    assert 2 == len(bench.sim.incidents())


async def test_an_alert_whose_answer_is_lost_is_one_alert(bench: Bench):
    """The event was taken, the answer never came: the next attempt adds nothing new."""
    bench.sim.faults.add(action="reset", method="POST", path="/v2/enqueue", after=True, times=2)
    await bench.insist(pagerduty.trigger_event, **ALERT)

    assert 1 == len(bench.sim.incidents())


async def test_values_that_pagerduty_refuses_are_never_sent(bench: Bench):
    """A long summary, a large event and too many links are refused with the argument's name."""
    with pytest.raises(errors.InvalidRequestError, match=r"summary: has 1,025 characters.*truncate=True"):
        await bench.run(pagerduty.trigger_event, **alert(summary="x" * 1025))
    with pytest.raises(errors.InvalidRequestError, match=r"custom_details: makes the event 6.* bytes"):
        await bench.run(pagerduty.trigger_event, **ALERT, custom_details={"log": "x" * 600_000})
    with pytest.raises(errors.InvalidRequestError, match="links: has 51 items"):
        await bench.run(pagerduty.trigger_event, **ALERT, links=[pagerduty.EventLink(href="https://a.example")] * 51)
    with pytest.raises(InvalidArgumentsError, match="dedup_key: String should have at most 255"):
        await bench.run(pagerduty.trigger_event, **ALERT, dedup_key="k" * 256)
    with pytest.raises(InvalidArgumentsError, match="severity"):
        await bench.run(pagerduty.trigger_event, **alert(severity="fatal"))

    assert [] == bench.sent()


async def test_a_long_summary_is_cut_where_the_author_says_so(bench: Bench):
    """With truncate=True a summary ends after 1024 characters, visibly cut."""
    await bench.run(pagerduty.trigger_event, **alert(summary="x" * 2000), truncate=True)

    assert "x" * 1023 + "…" == json.loads(bench.sent()[0].body)["payload"]["summary"]


def test_a_flow_with_values_that_pagerduty_refuses_does_not_build():
    """Literals are checked where the flow is written: a severity that is none, a routing key in the clear."""
    node = pagerduty.trigger_event(summary="s", source="s", severity="fatal", routing_key="r" * 32)  # pyright: ignore[reportArgumentType]  # the mistake

    with pytest.raises(FlowBuildError, match=r"(?s)severity.*critical.*routing_key.*secret"):
        flow("f").triggered_by(manual("go")).then(node).build()


async def test_a_throttled_event_is_left_to_the_policy(bench: Bench):
    """The Events API does not say how long to wait, so the node's own policy decides."""
    bench.sim.faults.add(action="rate_limit", path="/v2/enqueue", with_headers=False)
    with pytest.raises(errors.RateLimitedError) as caught:
        await bench.run(pagerduty.trigger_event, **ALERT)

    assert (429, None, True) == (caught.value.status, caught.value.retry_after, caught.value.retryable)


async def test_an_invalid_event_is_refused_for_good(bench: Bench):
    """What PagerDuty says of the event is in the message; trying again would not help."""
    with pytest.raises(errors.BadRequestError, match=r"POST /v2/enqueue: 400.*routing_key") as caught:
        await bench.run(pagerduty.trigger_event, **ALERT, routing_key="short")

    assert not caught.value.retryable


def test_an_alert_is_tried_for_hours():
    """The default policy of an alert outlasts an outage of PagerDuty, without a limit on attempts."""
    policies = [factory.definition.policy for factory in (pagerduty.trigger_event, pagerduty.resolve_event)]

    assert [(0, 43200.0)] * 2 == [(policy.retry.attempts, policy.within) for policy in policies]
