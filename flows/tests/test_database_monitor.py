"""The flow opens an incident while a database takes no connections, and resolves it after."""

from flows.common.health import Health
from flows.database_monitor import database_monitor
from resolute.testing import FlowTester

ENVIRONMENT = {"DATABASE_ADDRESS": "db.example:5432"}
ILL = Health(status="critical", message="no connections left", component="db")
WELL = Health(status="healthy", message="all is well", component="db")


async def test_an_incident_is_opened_and_resolved(flow_tester: type[FlowTester]) -> None:
    """Nothing happens while all is well; an incident comes with the illness, and goes with it."""
    tester = flow_tester(database_monitor, env=ENVIRONMENT)
    tester.sequence("health", [WELL, ILL, WELL])
    tester.answer("pagerduty.TriggerEvent", {"dedup_key": "any"})
    tester.answer("pagerduty.ResolveEvent", {})

    before, ill, after = [await tester.run() for _ in range(3)]

    assert ["completed"] * 3 == [run.status for run in (before, ill, after)]
    assert not before.ran("trigger_event")
    assert "no connections left" == ill.calls_of("trigger_event")[0].arguments["summary"]
    assert after.ran("resolve_event")
