"""What type checkers see of the provider. Never run: it only has to pass them."""

from typing import assert_type

import resolute_pagerduty as pagerduty
from resolute import Node, env, secret
from resolute_pagerduty.models.incidents import Incident
from resolute_pagerduty.models.outputs import CreateIncidentOutput, GetOnCallsOutput, UpdateIncidentOutput
from resolute_pagerduty.models.webhooks import IncidentData

created = pagerduty.create_incident(title="Slow", service_id=env("SERVICE"))
assert_type(created, Node[CreateIncidentOutput])
assert_type(created.output.incident, Incident)
assert_type(created.output.incident.title, str)

resolved = pagerduty.update_incident(id=created.output.incident.id, status="resolved")
assert_type(resolved, Node[UpdateIncidentOutput])

oncall = pagerduty.get_on_calls(escalation_policy_ids=[created.output.incident.escalation_policy.id]).as_("oncall")
assert_type(oncall.output, GetOnCallsOutput)
assert_type(oncall.output.oncalls[0].user.summary, str)

event = pagerduty.event(pagerduty.IncidentEvent)
assert_type(event.data, IncidentData)

pagerduty.trigger_event(
    routing_key=secret("PAGERDUTY_ROUTING_KEY"),
    summary=event.data.title,
    source=event.data.service.summary,
    severity="critical",
    custom_details={"urgency": event.data.urgency},
    links=[pagerduty.EventLink(href=env("DASHBOARD"), text=event.data.title)],
)
pagerduty.trigger_event(summary="s", source="s", severity="fatal")  # pyright: ignore[reportArgumentType]  # no such severity
