"""The flow adds diagnostics to an incident as soon as it is triggered."""

from flows.common.diagnostics import Diagnostics
from flows.incident_response import incident_response
from resolute.testing import FlowTester

EVENT = {
    "event": {
        "id": "01CFLVCRKLCNRSM8DTJQ7UP6ZE",
        "event_type": "incident.triggered",
        "resource_type": "incident",
        "occurred_at": "2026-01-01T00:00:00Z",
        "data": {"id": "Q2ZE3XYZ", "type": "incident", "title": "Checkout is down", "html_url": "https://x.example/Q"},
    }
}


async def test_a_note_says_what_was_seen(flow_tester: type[FlowTester]) -> None:
    """What the look around found becomes a note on the incident, and a message in the channel."""
    tester = flow_tester(incident_response, env={"DIAGNOSTIC_TARGETS": "https://shop.example", "SLACK_CHANNEL": "#ops"})
    tester.answer("diagnostics", Diagnostics(summary="shop.example: no answer", probes=()))
    tester.answer("pagerduty.AddNote", {"note_id": "PN1"})
    tester.answer("slack.PostMessage", {"channel": "C0OPS", "ts": "1.0", "thread_ts": "1.0"})

    run = await tester.run(EVENT)
    (note,) = run.calls_of("add_note")

    assert "completed" == run.status
    assert {"incident_id": "Q2ZE3XYZ", "content": "shop.example: no answer"}.items() <= note.arguments.items()
    assert "Checkout is down" in str(run.calls_of("slack.PostMessage")[0].arguments["text"])
