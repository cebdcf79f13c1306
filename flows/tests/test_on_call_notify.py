"""The flow sends a direct message to everybody who is on call within the next hour."""

from flows.on_call_notify import on_call_notify
from resolute.testing import FlowTester


async def test_everybody_on_call_is_told(flow_tester: type[FlowTester]) -> None:
    """The on-calls of the next hour are read, and each gets the message."""
    tester = flow_tester(on_call_notify, env={"ESCALATION_POLICY": "PT20YPA"})
    oncall = {"user": {"id": "P1", "name": "Ada Moreno", "email": "ada@example.com"}, "escalation_level": 1}
    tester.answer("pagerduty.GetOnCalls", {"oncalls": [oncall]})
    tester.answer("told", {"reached": ["ada@example.com"]})

    run = await tester.run({"message": "Deploy of the checkout begins"})

    assert "completed" == run.status
    assert {"emails": ["ada@example.com"], "text": "Deploy of the checkout begins"} == run.calls_of("told")[0].arguments
    assert ["ada@example.com"] == run.result["told"]["reached"]
