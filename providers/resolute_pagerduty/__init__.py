"""PagerDuty for Resolute: alerts, incidents, on-calls and webhooks as nodes and triggers of flows."""

from resolute_pagerduty.config import PagerDutyConfig
from resolute_pagerduty.errors import PagerDutyAPIError
from resolute_pagerduty.models.events import EventImage, EventLink
from resolute_pagerduty.models.webhooks import IncidentEvent, NoteEvent, PartEvent, ServiceEvent, parse_event
from resolute_pagerduty.nodes.events import acknowledge_event, resolve_event, trigger_event
from resolute_pagerduty.nodes.incidents import create_incident, get_incident, list_incidents, update_incident
from resolute_pagerduty.nodes.notes import add_note
from resolute_pagerduty.nodes.oncall import get_on_calls
from resolute_pagerduty.nodes.services import list_services
from resolute_pagerduty.provider import PagerDuty
from resolute_pagerduty.webhooks import event, webhook

__all__ = [
    "EventImage",
    "EventLink",
    "IncidentEvent",
    "NoteEvent",
    "PagerDuty",
    "PagerDutyAPIError",
    "PagerDutyConfig",
    "PartEvent",
    "ServiceEvent",
    "acknowledge_event",
    "add_note",
    "create_incident",
    "event",
    "get_incident",
    "get_on_calls",
    "list_incidents",
    "list_services",
    "parse_event",
    "resolve_event",
    "trigger_event",
    "update_incident",
    "webhook",
]
