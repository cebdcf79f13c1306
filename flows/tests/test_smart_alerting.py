"""The flow opens an incident while a health endpoint is critical, and resolves it after."""

from flows.common.health import Health
from flows.smart_alerting import smart_alerting
from resolute.testing import FlowTester

ENVIRONMENT = {"HEALTH_URL": "https://shop.example", "ESCALATION_POLICY": "PT20YPA", "SLACK_CHANNEL": "#ops"}
ILL = Health(status="critical", message="no connections left", component="db")
WELL = Health(status="healthy", message="all is well", component="db")


async def test_an_incident_is_opened_and_resolved(flow_tester: type[FlowTester]) -> None:
    """Nothing happens while all is well; an incident comes with the illness, and goes with it."""
    tester = flow_tester(smart_alerting, env=ENVIRONMENT)
    tester.sequence("health", [WELL, ILL, WELL])
    tester.answer("pagerduty.TriggerEvent", {"dedup_key": "any"})
    tester.answer("pagerduty.ResolveEvent", {})
    tester.answer("pagerduty.GetOnCalls", {"oncalls": []})
    tester.answer("slack.PostMessage", {"channel": "C0OPS", "ts": "1.0", "thread_ts": "1.0"})

    before, ill, after = [await tester.run() for _ in range(3)]

    assert ["completed"] * 3 == [run.status for run in (before, ill, after)]
    assert not before.ran("trigger_event")
    assert "no connections left" == ill.calls_of("trigger_event")[0].arguments["summary"]
    assert after.ran("resolve_event")
