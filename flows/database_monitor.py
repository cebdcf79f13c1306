"""Watches a database from outside: opens an incident when it accepts no connections, resolves it when it does again.

Set DATABASE_ADDRESS (host:port), DATABASE_PROTOCOL (tcp, postgresql, mysql or redis; tcp if not set),
PAGERDUTY_ROUTING_KEY, SLACK_BOT_TOKEN and SLACK_CHANNEL.
"""

from datetime import timedelta
from typing import cast

import resolute_pagerduty as pagerduty
from flows.common.database import Protocol, check_database_health
from flows.common.failures import page, say_so
from flows.common.health import remember
from resolute import env, flow, previous, schedule, secret

DEDUP_KEY = "db-health-check"
SOON = timedelta(minutes=4)

protocol = cast("Protocol", env("DATABASE_PROTOCOL", default="tcp"))
health = check_database_health(env("DATABASE_ADDRESS"), protocol).as_("health")
known = remember(health.output.status).as_("known")

# `known` stands after the resolve and before the page: whichever step fails, what was opened is resolved in the end.
database_monitor = (
    flow("database-monitor", description="Opens an incident while a database takes no connections")
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
            source="database-monitor",
            severity="critical",
            dedup_key=DEDUP_KEY,
            component=health.output.component,
            truncate=True,
        ).timeout(within=SOON))
    .end_when()
    .on_failure(say_so("database-monitor"), page("database-monitor"))
    .build()
)  # fmt: skip
