"""Publishes how many incidents were resolved in the last day, and how quickly: MTTA and MTTR.

Set PAGERDUTY_API_KEY (a key of the account, for the figures), SLACK_BOT_TOKEN and SLACK_CHANNEL; with PUSHGATEWAY_URL
the figures
also go into a Prometheus Pushgateway.
"""

from datetime import timedelta

import resolute_pagerduty as pagerduty
from flows.common.channel import post
from flows.common.failures import say_so
from flows.common.metrics import calculate_metrics, push_metrics
from resolute import env, flow, now, schedule, text

MOST = 1_500
"""The most incidents read per day: as many as fit into one result."""

# The window belongs to each run: it is moved from the run's own clock, not from when the worker was started.
incidents = pagerduty.all_incidents(
    statuses=["resolved"], since=now() - timedelta(hours=24), until=now(), limit=MOST
).as_("incidents")
figures = pagerduty.get_incident_metrics(since=now() - timedelta(hours=24), until=now()).as_("figures")
metrics = calculate_metrics(incidents.output.incidents, figures.output.data).as_("metrics")

incident_metrics = (
    flow("incident-metrics", description="Publishes MTTA and MTTR of the last day")
    .triggered_by(schedule("0 0 * * *"))
    .then_parallel(incidents, figures)
    .then(metrics)
    .then(
        post(text("The last 24 hours: {}", metrics.output.summary))
    )
    .when(env("PUSHGATEWAY_URL", default="") != "")
        .then(push_metrics(metrics.output, env("PUSHGATEWAY_URL", default="")))
    .end_when()
    .on_failure(say_so("incident-metrics"))
    .returns(metrics.output)
    .build()
)  # fmt: skip
