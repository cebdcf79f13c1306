"""Incidents and what belongs to them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, cast

from pydantic import ConfigDict, Field, model_validator

from resolute_pagerduty.models.base import Model, Reference
from resolute_pagerduty.models.people import User


class Priority(Reference):
    """How important an incident is. `name` comes with the whole priority; `summary` always does."""

    name: str = ""
    description: str = ""


class Assignment(Model):
    """Who an incident is assigned to, and since when."""

    at: datetime | None = None
    assignee: User = User()


class Acknowledgement(Model):
    """Who acknowledged an incident, and when."""

    at: datetime | None = None
    acknowledger: User = User()


class AlertCounts(Model):
    """How many alerts an incident has."""

    all: int = 0
    triggered: int = 0
    resolved: int = 0


class PendingAction(Model):
    """What will happen to an incident automatically: unacknowledge, escalate, resolve, urgency_change."""

    type: str = ""
    at: datetime | None = None
    to: str | None = None


class IncidentBody(Model):
    """The details that an incident was created with."""

    type: str = ""
    details: str = ""


class ConferenceBridge(Model):
    """Where responders meet."""

    conference_number: str | None = None
    conference_url: str | None = None


class ResolveReason(Model):
    """Why an incident was resolved, if not by a person: merged into `incident`."""

    type: str = ""
    incident: Reference | None = None


class Incident(Reference):
    """An incident. `assignments` and `acknowledgements` are empty once it is resolved.

    Source: https://developer.pagerduty.com/api-reference/a47605517c19a-api-concepts#incidents
    """

    incident_number: int = 0
    title: str = ""
    status: str = ""
    urgency: str = ""
    incident_key: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    resolved_at: datetime | None = None
    last_status_change_at: datetime | None = None
    last_status_change_by: Reference | None = None
    priority: Priority | None = None
    service: Reference = Reference()
    escalation_policy: Reference = Reference()
    teams: tuple[Reference, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    acknowledgements: tuple[Acknowledgement, ...] = ()
    assigned_via: str = ""
    alert_counts: AlertCounts = AlertCounts()
    pending_actions: tuple[PendingAction, ...] = ()
    body: IncidentBody | None = None
    conference_bridge: ConferenceBridge | None = None
    resolve_reason: ResolveReason | None = None
    is_mergeable: bool | None = None


class Note(Model):
    """A note on an incident.

    Source: https://developer.pagerduty.com/api-reference/a47605517c19a-api-concepts#incidents
    """

    id: str = ""
    content: str = ""
    created_at: datetime | None = None
    updated_at: datetime | None = None
    user: Reference = Reference()


class AlertContext(Model):
    """A link or an image that came with an alert."""

    type: str = ""
    href: str | None = None
    src: str | None = None
    text: str | None = None


class AlertBody(Model):
    """What the monitor sent. `details` is an object or text, as it was sent."""

    type: str = ""
    contexts: tuple[AlertContext, ...] = ()
    details: Any = None


class Alert(Reference):
    """An alert: what a monitor reported, and what belongs to an incident. Its status is triggered or resolved.

    Source: https://developer.pagerduty.com/api-reference/a47605517c19a-api-concepts#alerts
    """

    status: str = ""
    severity: str = ""
    alert_key: str | None = None
    created_at: datetime | None = None
    suppressed: bool = False
    service: Reference = Reference()
    incident: Reference | None = None
    integration: Reference | None = None
    body: AlertBody = AlertBody()


_KEYS: Final = frozenset({"service_key", "routing_key", "integration_key"})
"""What lets a service receive events. PagerDuty shows it next to what a monitor sent."""


class Channel(Model):
    """How something reached PagerDuty; it has only `type` unless channels are included.

    The key that an event came with is a secret, so it is not here.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    type: str = ""

    @model_validator(mode="before")
    @classmethod
    def _without_keys(cls, value: Any) -> Any:
        return _without_keys(value)


def _without_keys(value: Any) -> Any:
    match value:
        case dict():
            found = cast("dict[str, Any]", value)
            return {name: _without_keys(each) for name, each in found.items() if name not in _KEYS}
        case list():
            return [_without_keys(each) for each in cast("list[Any]", value)]
        case _:
            return value


class LogEntry(Reference):
    """Something that happened to an incident: `type` says what, `summary` says it in a sentence, `agent` who did it.

    The types are trigger, acknowledge, unacknowledge, escalate, assign, notify, annotate, snooze, resolve and others,
    each followed by `_log_entry`.

    Source: https://developer.pagerduty.com/api-reference/a47605517c19a-api-concepts#log-entries
    """

    created_at: datetime | None = None
    agent: Reference | None = None
    channel: Channel = Channel()
    note: str | None = None
    service: Reference = Reference()
    incident: Reference = Reference()
    teams: tuple[Reference, ...] = ()
    contexts: tuple[AlertContext, ...] = ()
    event_details: dict[str, Any] = Field(default_factory=dict[str, Any])


class StatusUpdate(Model):
    """What stakeholders got to read."""

    id: str = ""
    message: str = ""
    subject: str | None = None
    html_message: str | None = None
    created_at: datetime | None = None
    sender: Reference = Reference()
