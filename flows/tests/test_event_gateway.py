"""The flow hands on what is worth a page, with its runbook, and sums up what comes in masses."""

from typing import Any

from flows.event_gateway import MOST, event_gateway
from resolute.testing import FlowTester

SENT = {"status": "success", "message": "Event processed", "dedup_key": "any"}
ENV = {"RUNBOOKS": '{"latency": "https://wiki.example/latency"}'}


def event(severity: str = "error", action: str = "trigger", key: str = "web-1/latency") -> dict[str, Any]:
    """What a tool sends, without its routing key."""
    payload = {"summary": "p99 above 2 s", "source": "web-1", "severity": severity, "class": "latency"}
    return {"event_action": action, "dedup_key": key, "payload": payload}


def ready(flow_tester: type[FlowTester]) -> FlowTester:
    """A tester in which PagerDuty takes everything."""
    tester = flow_tester(event_gateway, env=ENV)
    tester.answer("pagerduty.SendEvent", SENT)
    tester.answer("pagerduty.TriggerEvent", SENT)
    return tester


async def test_only_what_lasts_or_is_critical_pages(flow_tester: type[FlowTester]) -> None:
    """An error pages when it comes again, a critical alert at once, an info never; a resolve is handed on."""
    tester = ready(flow_tester)
    runs = [await tester.run(event(severity)) for severity in ("info", "error", "error", "error")]
    assert [False, False, True, False] == [run.ran("pagerduty.SendEvent") for run in runs]
    assert (await tester.run(event(action="resolve"))).ran("pagerduty.SendEvent")
    urgent = await tester.run(event("critical"))
    (call,) = urgent.calls_of("pagerduty.SendEvent")
    handed_on: Any = call.arguments["event"]
    assert "https://wiki.example/latency" == handed_on["links"][0]["href"]


async def test_a_storm_is_one_alert(flow_tester: type[FlowTester]) -> None:
    """Beyond ten pages an hour a source gets one that says so."""
    tester = ready(flow_tester)
    for number in range(MOST):
        paged = await tester.run(event("critical", key=f"disk-{number}"))
        assert paged.ran("pagerduty.SendEvent")
        await tester.run(event(action="resolve", key=f"disk-{number}"))
    storm = await tester.run(event("critical", key="disk-more"))
    assert not storm.ran("pagerduty.SendEvent")
    assert "storm of web-1" == storm.calls_of("pagerduty.TriggerEvent")[0].arguments["dedup_key"]
