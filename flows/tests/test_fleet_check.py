"""The flow checks every host of a fleet, and opens one incident for all that are not well."""

from flows.common.health import Health
from flows.fleet_check import fleet_check
from resolute import TerminalError
from resolute.testing import FlowTester

FLEET = {"FLEET": "https://a.example/health https://b.example/health https://c.example/health"}


def health_of(url: str, confirm: int = 3) -> Health:
    """Host a is well, b is ill, and c has no health endpoint."""
    if "//c." in url:
        raise TerminalError("answers 404: is this its health endpoint?")
    ill = "//b." in url
    return Health(status="critical" if ill else "healthy", message="disk full" if ill else "fine", component="disk")


async def test_one_incident_names_every_bad_host(flow_tester: type[FlowTester]) -> None:
    """Hosts that are ill, and those that cannot be checked, stand in one incident; it is resolved when all are well."""
    tester = flow_tester(fleet_check, env=FLEET)
    tester.answer("check_http_health", health_of)
    tester.answer("pagerduty.TriggerEvent", {"dedup_key": "fleet-check"})
    tester.answer("pagerduty.ResolveEvent", {})

    ill = await tester.run()
    tester.answer("check_http_health", Health(status="healthy", message="fine", component="disk"))
    well, later = await tester.run(), await tester.run()
    (told,) = ill.calls_of("trigger_event")
    named = ["b.example: disk full", "c.example: answers 404: is this its health endpoint?"]

    assert ["completed"] * 3 == [ill.status, well.status, later.status]
    assert "2 of 3 hosts are not well" == told.arguments["summary"]
    assert {"hosts": named} == told.arguments["custom_details"]
    assert [False, True, False] == [run.ran("resolve_event") for run in (ill, well, later)]
    assert not well.ran("trigger_event")
