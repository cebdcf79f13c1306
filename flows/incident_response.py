"""Helps the person who was paged: gathers diagnostics as soon as an incident begins, and adds them as a note.

PagerDuty has to deliver `incident.triggered` to the worker's /pagerduty/webhook; other events start nothing.

Set DIAGNOSTIC_TARGETS (https://... and tcp://host:port between spaces), PAGERDUTY_WEBHOOK_SECRET, PAGERDUTY_API_KEY,
PAGERDUTY_FROM_EMAIL, SLACK_BOT_TOKEN and SLACK_CHANNEL.
"""

from datetime import timedelta

import resolute_pagerduty as pagerduty
from flows.common.channel import post
from flows.common.diagnostics import gather_diagnostics
from flows.common.failures import say_so
from resolute import env, flow, text

event = pagerduty.event(pagerduty.IncidentEvent)
diagnostics = gather_diagnostics(env("DIAGNOSTIC_TARGETS")).as_("diagnostics")

incident_response = (
    flow("incident-response", description="Adds diagnostics to an incident as soon as it is triggered")
    .triggered_by(pagerduty.webhook("/pagerduty/webhook", events=["incident.triggered"]))
    .then(diagnostics)
    .then(
        pagerduty.add_note(incident_id=event.data.id, content=diagnostics.output.summary).timeout(
            within=timedelta(minutes=30)
        )
    )
    .then(post(text("{}\n{}\n{}", event.data.title, event.data.html_url, diagnostics.output.summary)))
    .on_failure(say_so("incident-response"))
    .build()
)
