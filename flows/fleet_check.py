"""Checks every host of a fleet, 20 at a time, and opens one incident for all that are not well.

The incident names the hosts and what is wrong with each. A host whose check fails counts as not well, and the others
are checked all the same. The incident is resolved when the whole fleet is well again.

Set FLEET (the health endpoints, http(s) addresses between spaces), PAGERDUTY_ROUTING_KEY, SLACK_BOT_TOKEN and
SLACK_CHANNEL.
"""

from datetime import timedelta

import resolute_pagerduty as pagerduty
from flows.common.failures import page, say_so
from flows.common.fleet import is_bad, name_hosts, read_fleet
from flows.common.health import check_http_health
from resolute import count, each, env, flow, previous, schedule, secret, text, where

DEDUP_KEY = "fleet-check"
SOON = timedelta(minutes=2)

hosts = read_fleet(env("FLEET")).as_("hosts")
checked = each(
    hosts.output,
    lambda address: check_http_health(address).as_("health"),
    at_once=20,
    on_error="collect",
).as_("checked")
bad = where(checked.output, is_bad)
named = name_hosts(hosts.output, bad).as_("named")

# `named` is also what the next run remembers. It stands after the resolve and before the page: whichever step fails,
# what was opened is resolved in the end.
fleet_check = (
    flow("fleet-check", description="Opens one incident that names every host of a fleet that is not well")
    .triggered_by(schedule("*/5 * * * *"))
    .then(hosts)
    .then(checked)
    .when((count(bad) == 0) & (count(previous(named.output, default=[])) > 0))
        .then(pagerduty.resolve_event(
            routing_key=secret("PAGERDUTY_ROUTING_KEY"),
            dedup_key=DEDUP_KEY,
        ).timeout(within=SOON))
    .end_when()
    .then(named)
    .when(count(bad) > 0)
        .then(pagerduty.trigger_event(
            routing_key=secret("PAGERDUTY_ROUTING_KEY"),
            summary=text("{} of {} hosts are not well", count(bad), count(hosts.output)),
            source="fleet-check",
            severity="critical",
            dedup_key=DEDUP_KEY,
            custom_details={"hosts": named.output},
            truncate=True,
        ).timeout(within=SOON))
    .end_when()
    .on_failure(say_so("fleet-check"), page("fleet-check"))
    .build()
)  # fmt: skip
