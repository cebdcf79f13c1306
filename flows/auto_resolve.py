"""Resolves an incident as soon as its service is healthy again, no matter who opened it.

It resolves the alert with one deduplication key, which your monitor triggers with. PagerDuty ignores a resolve that
matches nothing, so one is sent after every healthy check, and no memory of an earlier run is needed.

Set SERVICE_HEALTH_URL, SERVICE_DEDUP_KEY (service-health-check if not set), PAGERDUTY_ROUTING_KEY, SLACK_BOT_TOKEN and
SLACK_CHANNEL.
"""

from datetime import timedelta

import resolute_pagerduty as pagerduty
from flows.common.failures import say_so
from flows.common.health import check_http_health
from resolute import env, flow, schedule, secret

health = check_http_health(env("SERVICE_HEALTH_URL")).as_("health")

auto_resolve = (
    flow("auto-resolve", description="Resolves an incident when its service is well again")
    .triggered_by(schedule("*/5 * * * *"))
    .then(health)
    .when(health.output.status == "healthy")
        .then(pagerduty.resolve_event(
            routing_key=secret("PAGERDUTY_ROUTING_KEY"),
            dedup_key=env("SERVICE_DEDUP_KEY", default="service-health-check"),
        ).timeout(within=timedelta(minutes=4)))
    .end_when()
    .on_failure(say_so("auto-resolve"))
    .build()
)  # fmt: skip
