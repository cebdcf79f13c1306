"""The flow publishes MTTA and MTTR of the last day."""

from flows.common.metrics import IncidentMetrics
from flows.incident_metrics import incident_metrics
from resolute.testing import FlowTester


async def test_the_figures_are_published(flow_tester: type[FlowTester]) -> None:
    """What was calculated is the result, and is posted to the channel."""
    figures = IncidentMetrics(
        count=2,
        mtta_seconds=60.0,
        mttr_seconds=600.0,
        longest_seconds=900.0,
        by_service={"Checkout": 2},
        summary="2 incidents, MTTA 1 min",
    )
    tester = flow_tester(incident_metrics, env={"SLACK_CHANNEL": "#ops"})
    tester.answer("pagerduty.AllIncidents", {"incidents": []})
    tester.answer("pagerduty.GetIncidentMetrics", {"data": []})
    tester.answer("metrics", figures)
    tester.answer("slack.PostMessage", {"channel": "C0OPS", "ts": "1.0", "thread_ts": "1.0"})

    run = await tester.run()

    assert "completed" == run.status
    assert figures.summary == run.result["summary"]
    assert figures.summary in str(run.calls_of("slack.PostMessage")[0].arguments["text"])
