"""Watches a health endpoint: opens an incident, notifies the people on call, and resolves it after recovery.

Set HEALTH_URL, ESCALATION_POLICY (the id), PAGERDUTY_ROUTING_KEY, PAGERDUTY_API_KEY, SLACK_BOT_TOKEN and SLACK_CHANNEL.
"""

from datetime import timedelta

import resolute_pagerduty as pagerduty
from flows.common.channel import post
from flows.common.failures import page, say_so
from flows.common.health import check_http_health, remember
from flows.common.on_call import with_names
from resolute import env, flow, previous, schedule, secret, text

DEDUP_KEY = "system-health"

# Less than the five minutes between two runs: a run that cannot reach PagerDuty ends and says so in the channel, and
# the next one, which looks anew, tries again.
SOON = timedelta(minutes=2)

health = check_http_health(env("HEALTH_URL")).as_("health")
known = remember(health.output.status).as_("known")
oncall = pagerduty.get_on_calls(escalation_policy_ids=[env("ESCALATION_POLICY")]).as_("oncall").timeout(within=SOON)
words = with_names(
    text("{} is critical: {}", health.output.component, health.output.message), oncall.output.oncalls
).as_("words")

# `known` stands after the resolve and before the page: whichever step fails, what was opened is resolved in the end.
smart_alerting = (
    flow("smart-alerting", description="Opens an incident while a health endpoint is critical, and resolves it after")
    .triggered_by(schedule("*/5 * * * *"))
    .then(health)
    .when((health.output.status == "healthy") & (previous(known.output) == "critical"))
        .then(pagerduty.resolve_event(
            routing_key=secret("PAGERDUTY_ROUTING_KEY"),
            dedup_key=DEDUP_KEY,
        ).timeout(within=SOON))
    .end_when()
    .then(known)
    .when(health.output.status == "critical")
        .then(pagerduty.trigger_event(
            routing_key=secret("PAGERDUTY_ROUTING_KEY"),
            summary=health.output.message,
            source="health-monitor",
            severity="critical",
            dedup_key=DEDUP_KEY,
            component=health.output.component,
            custom_details={"metrics": health.output.metrics},
            truncate=True,
        ).timeout(within=SOON))
        .then(oncall)
        .then(words)
        .then(post(words.output))
    .end_when()
    .on_failure(say_so("smart-alerting"), page("smart-alerting"))
    .build()
)  # fmt: skip
