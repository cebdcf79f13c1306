"""What Webhooks V3 deliver, typed, with room for what PagerDuty adds later.

An incident here is not quite the incident of the REST API: its number is `number`, its assignees are plain references,
and it has no details. What is missing is read with `get_incident(id=event(IncidentEvent).data.id)`.

Source: https://github.com/PagerDuty/developer-docs/blob/HEAD/docs/webhooks/01-Overview.md
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Generic, Literal, TypeAlias, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Discriminator, Tag

from resolute_pagerduty.models.base import Model, Reference
from resolute_pagerduty.models.incidents import ConferenceBridge, ResolveReason

EventType: TypeAlias = Literal[
    "incident.acknowledged",
    "incident.action_invocation.created",
    "incident.action_invocation.terminated",
    "incident.action_invocation.updated",
    "incident.annotated",
    "incident.conference_bridge.updated",
    "incident.custom_field_values.updated",
    "incident.delegated",
    "incident.escalated",
    "incident.incident_type.changed",
    "incident.priority_updated",
    "incident.reassigned",
    "incident.reopened",
    "incident.resolved",
    "incident.responder.added",
    "incident.responder.replied",
    "incident.role.assigned",
    "incident.service_updated",
    "incident.status_update_published",
    "incident.task.completed",
    "incident.task.created",
    "incident.task.updated",
    "incident.triggered",
    "incident.unacknowledged",
    "incident.workflow.completed",
    "incident.workflow.started",
    "service.created",
    "service.custom_field_values.updated",
    "service.deleted",
    "service.updated",
]


class IncidentType(Model):
    """The type of an incident by name."""

    name: str = ""


class IncidentData(Model):
    """An incident as webhooks show it."""

    id: str = ""
    type: str = ""
    html_url: str | None = None
    number: int = 0
    status: str = ""
    incident_key: str | None = None
    created_at: datetime | None = None
    reopened_at: datetime | None = None
    title: str = ""
    urgency: str = ""
    incident_type: IncidentType | None = None
    service: Reference = Reference()
    assignees: tuple[Reference, ...] = ()
    escalation_policy: Reference = Reference()
    teams: tuple[Reference, ...] = ()
    priority: Reference | None = None
    conference_bridge: ConferenceBridge | None = None
    resolve_reason: ResolveReason | None = None


class NoteData(Model):
    """A note that was added to an incident."""

    id: str = ""
    type: str = ""
    content: str = ""
    trimmed: bool = False
    incident: Reference = Reference()


class ServiceData(Reference):
    """A service that was created, changed or deleted."""

    alert_creation: str = ""
    teams: tuple[Reference, ...] = ()


class PartData(Model):
    """A part of an incident: a responder, a task, a status update, a workflow. Its own fields stay as they are."""

    model_config = ConfigDict(frozen=True, extra="allow")

    id: str = ""
    type: str = ""
    incident: Reference = Reference()


class Sender(Model):
    """The program that caused an event."""

    name: str = ""


D_co = TypeVar("D_co", bound=BaseModel, covariant=True)


class WebhookEvent(Model, Generic[D_co]):
    """An event: what happened (`event_type`), to what (`data`), when, and by whom (`agent`), if anybody."""

    id: str = ""
    event_type: str = ""
    resource_type: str = ""
    occurred_at: datetime | None = None
    agent: Reference | None = None
    client: Sender | None = None
    data: D_co


class IncidentEvent(WebhookEvent[IncidentData]):
    """An incident was triggered, acknowledged, resolved, reassigned or otherwise changed."""


class NoteEvent(WebhookEvent[NoteData]):
    """`incident.annotated`: a note was added, possibly by a resolution that says how."""


class ServiceEvent(WebhookEvent[ServiceData]):
    """A service was created, updated or deleted."""


class PartEvent(WebhookEvent[PartData]):
    """A part of an incident changed; also used for every unknown type of event."""


AnyEvent: TypeAlias = IncidentEvent | NoteEvent | ServiceEvent | PartEvent

E = TypeVar("E")

_INCIDENT: Final = frozenset(
    f"incident.{what}"
    for what in (
        "acknowledged",
        "delegated",
        "escalated",
        "incident_type.changed",
        "priority_updated",
        "reassigned",
        "reopened",
        "resolved",
        "service_updated",
        "triggered",
        "unacknowledged",
    )
)
_SERVICE: Final = frozenset({"service.created", "service.updated", "service.deleted"})


def class_of(event_type: str) -> type[AnyEvent]:
    """The class of an event type; `PartEvent` for an unknown one.

    >>> class_of("incident.triggered").__name__, class_of("incident.teleported").__name__
    ('IncidentEvent', 'PartEvent')
    """
    if event_type in _INCIDENT:
        return IncidentEvent
    if event_type == "incident.annotated":
        return NoteEvent
    return ServiceEvent if event_type in _SERVICE else PartEvent


def _class_name_of(event: Any) -> str:
    if isinstance(event, BaseModel):
        return type(event).__name__
    kind = cast("dict[str, Any]", event).get("event_type") if isinstance(event, dict) else None
    return class_of(str(kind)).__name__


_ByType: TypeAlias = Annotated[
    Annotated[IncidentEvent, Tag("IncidentEvent")]
    | Annotated[NoteEvent, Tag("NoteEvent")]
    | Annotated[ServiceEvent, Tag("ServiceEvent")]
    | Annotated[PartEvent, Tag("PartEvent")],
    Discriminator(_class_name_of),
]
"""Any event, read as the class of its type: left to itself, pydantic takes the class that seems to fit best."""


class Delivery(Model, Generic[E]):
    """The body of a delivery: one event."""

    event: E


def delivery_of(events: Sequence[str]) -> type[BaseModel]:
    """The model of deliveries of these event types; of all if none is named."""
    kinds = list(dict.fromkeys(class_of(name) for name in events))
    if len(kinds) == 1:
        return Delivery[kinds[0]]
    return Delivery[_ByType]


def parse_event(body: object) -> AnyEvent:
    """The event in a delivery's body, as the class of its type.

    Args:
        body: the JSON of the delivery, or the `event` in it.

    Raises:
        pydantic.ValidationError: it is not an event.

    Example:
        >>> parse_event({"event": {"event_type": "incident.resolved", "data": {"id": "PT4KHLK"}}}).data.id
        'PT4KHLK'
    """
    outer = cast("dict[str, Any]", body) if isinstance(body, dict) else {}
    inner: Any = outer.get("event", outer)
    kind = cast("dict[str, Any]", inner).get("event_type") if isinstance(inner, dict) else None
    return class_of(str(kind)).model_validate(inner)
