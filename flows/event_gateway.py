"""Takes the events that monitoring tools send to PagerDuty, and hands on those that are worth a page.

A tool sends to http(s)://WORKER/v2/enqueue instead of https://events.pagerduty.com, with PAGERDUTY_INLET_ROUTING_KEY.

- Damped: a critical alert pages at once, an error or a warning when the tool has sent it twice, an info never.
- Enriched: an alert gets a link to the runbook of its class.
- Grouped: a source pages ten times an hour at most. What it sends beyond that becomes one alert of its own, which a
  person resolves.

What the tool acknowledges or resolves is always handed on: PagerDuty ignores what it does not know.

Set PAGERDUTY_INLET_ROUTING_KEY (a key that you make up for your tools), PAGERDUTY_ROUTING_KEY (the service's) and, if
you have runbooks, RUNBOOKS (addresses by class, as JSON).
"""

from datetime import timedelta

import resolute_pagerduty as pagerduty
from flows.common.events import enrich
from resolute import alarm, budget, env, flow, secret, text

MOST = 10

sent = pagerduty.sent_event()
is_trigger = sent.event_action == "trigger"
is_resolve = sent.event_action == "resolve"
is_critical = sent.payload.severity == "critical"

# Each dedup_key is a key of its own to the trigger, and so has a memory of its own.
urgent = alarm("urgent", bad=is_trigger & is_critical, clear=is_resolve, raise_after=1, clear_after=1)
repeated = alarm(
    "repeated", bad=is_trigger & (sent.payload.severity != "info"), clear=is_resolve, raise_after=2, clear_after=1
)
allowance = budget("event-gateway", at_most=MOST, per=timedelta(hours=1), key=sent.payload.source).as_("allowance")
enriched = enrich(sent, env("RUNBOOKS", default="{}")).as_("enriched")

event_gateway = (
    flow("event-gateway", description="Damps, enriches and groups the events that tools send to PagerDuty")
    .triggered_by(pagerduty.events_api("/v2/enqueue"))
    .then(urgent)
    .then(repeated)
    .when(is_trigger & (urgent.output.raised | repeated.output.raised))
        .then(allowance)
        .when(allowance.output.granted)
            .then(enriched)
            .then(pagerduty.send_event(event=enriched.output, routing_key=secret("PAGERDUTY_ROUTING_KEY")))
        .otherwise()
            .then(pagerduty.trigger_event(
                routing_key=secret("PAGERDUTY_ROUTING_KEY"),
                summary=text("{} has sent more than {} alerts in an hour", sent.payload.source, MOST),
                source=sent.payload.source,
                severity="critical",
                dedup_key=text("storm of {}", sent.payload.source),
                custom_details={"latest": sent.payload.summary},
                truncate=True,
            ))
        .end_when()
    .end_when()
    .when(sent.event_action != "trigger")
        .then(pagerduty.send_event(event=sent, routing_key=secret("PAGERDUTY_ROUTING_KEY")))
    .end_when()
    .build()
)  # fmt: skip
