"""The flow resolves the incident of its dedup key whenever the service is well."""

from flows.auto_resolve import auto_resolve
from flows.common.health import Health
from resolute.testing import FlowTester

ENVIRONMENT = {"SERVICE_HEALTH_URL": "https://shop.example", "SERVICE_DEDUP_KEY": "shop"}


async def test_it_resolves_while_the_service_is_well(flow_tester: type[FlowTester]) -> None:
    """A service that is ill keeps its incident; one that is well has it resolved."""
    tester = flow_tester(auto_resolve, env=ENVIRONMENT)
    ill = Health(status="critical", message="no connections left", component="shop")
    tester.sequence("health", [ill, ill.model_copy(update={"status": "healthy"})])
    tester.answer("pagerduty.ResolveEvent", {})

    before, after = await tester.run(), await tester.run()

    assert ["completed"] * 2 == [before.status, after.status]
    assert not before.ran("resolve_event")
    assert "shop" == after.calls_of("resolve_event")[0].arguments["dedup_key"]
