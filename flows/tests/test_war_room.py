"""The flow stays with an incident until somebody has acknowledged it, and asks one level after the other."""

from datetime import timedelta
from typing import Any

from flows.common.diagnostics import Diagnostics
from flows.war_room import PATIENCE, war_room
from resolute.testing import FlowTester

INCIDENT = {
    "id": "Q2ZE3XYZ",
    "type": "incident",
    "title": "Checkout is down",
    "html_url": "https://x.example/Q",
    "service": {"id": "PSVC"},
    "escalation_policy": {"id": "PPOLICY"},
}
ONCALLS = [
    {"user": {"id": "P1", "name": "Ada Moreno"}, "escalation_level": 1},
    {"user": {"id": "P2", "name": "Chen Wei"}, "escalation_level": 2},
]


def event(event_type: str, **data: Any) -> dict[str, Any]:
    """An event of PagerDuty about the incident."""
    return {"id": "01CFL", "event_type": event_type, "resource_type": "incident", "data": {**INCIDENT, **data}}


DELIVERY = {"event": event("incident.triggered")}


def room(flow_tester: type[FlowTester]) -> FlowTester:
    """A tester whose incident is on a policy of two levels, and stays triggered."""
    tester = flow_tester(war_room, env={"DIAGNOSTIC_TARGETS": "https://shop.example", "SLACK_CHANNEL": "#ops"})
    tester.answer("oncall", {"oncalls": ONCALLS})
    tester.answer("policy", {"escalation_policy": {"id": "PPOLICY", "escalation_rules": [{"id": "R1"}, {"id": "R2"}]}})
    tester.answer("changes", {"change_events": [{"id": "C1", "summary": "Deploy of checkout 41"}]})
    tester.answer("seen", Diagnostics(summary="shop.example: no answer", probes=()))
    tester.answer("look", {"incident": {**INCIDENT, "status": "triggered"}})
    tester.answer("escalated", {"incident": INCIDENT})
    tester.answer("slack.PostMessage", {"channel": "C0OPS", "ts": "1.0", "thread_ts": "1.0"})
    return tester


async def test_an_acknowledgement_ends_it(flow_tester: type[FlowTester]) -> None:
    """The channel reads how it began and who took it; nobody else is asked."""
    tester = room(flow_tester)
    taken = {**INCIDENT, "status": "acknowledged", "acknowledgements": [{"acknowledger": {"name": "Ada Moreno"}}]}
    tester.answer("look", {"incident": taken})
    tester.tells("incident.acknowledged", event("incident.acknowledged", id="ANOTHER"), after=timedelta(minutes=1))
    tester.tells("incident.acknowledged", event("incident.acknowledged"), after=timedelta(minutes=5))
    began = tester.clock.now()

    run = await tester.run(DELIVERY)
    opened, closed = (str(run.calls_of(step)[0].arguments["text"]) for step in ("opened", "closed"))

    assert 'Ada Moreno has acknowledged "Checkout is down".' == run.result == closed
    assert timedelta(minutes=5) == tester.clock.now() - began
    for words in ("Checkout is down", "Ada Moreno (level 1)", "- Deploy of checkout 41", "shop.example: no answer"):
        assert words in opened
    assert not run.ran("escalated")


async def test_silence_asks_the_next_level(flow_tester: type[FlowTester]) -> None:
    """After 15 minutes the next level is asked, once; after the last one the channel reads that nobody has answered."""
    tester = room(flow_tester)
    began = tester.clock.now()

    run = await tester.run(DELIVERY)
    (escalated,), (told,) = run.calls_of("escalated"), run.calls_of("told")

    assert run.result.startswith('Nobody has acknowledged "Checkout is down"')
    assert 2 * PATIENCE == tester.clock.now() - began
    assert {"id": "Q2ZE3XYZ", "escalation_level": 2} == escalated.arguments
    assert (
        "Nobody has acknowledged Checkout is down: escalated to level 2 of 2\nOn call: Chen Wei (level 2)"
        == told.arguments["text"]
    )


async def test_an_acknowledgement_whose_webhook_was_lost_counts(flow_tester: type[FlowTester]) -> None:
    """The incident itself is read before anybody else is asked."""
    tester = room(flow_tester)
    tester.answer("look", {"incident": {**INCIDENT, "status": "resolved"}})

    run = await tester.run(DELIVERY)

    assert '"Checkout is down" is resolved.' == run.result
    assert not run.ran("escalated")
