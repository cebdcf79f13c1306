"""What an account holds. Plain records: they change in place, and only through the rooms that own them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from .values import Json

Status = Literal["triggered", "acknowledged", "resolved"]
Urgency = Literal["high", "low"]


@dataclass(slots=True, kw_only=True, eq=False)
class User:
    """A person with a login."""

    id: str
    name: str
    email: str
    role: str = "limited_user"
    time_zone: str = "UTC"
    color: str = "teal"
    job_title: str = ""
    description: str | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class Team:
    """A group of users; `members` maps user ids to roles."""

    id: str
    name: str
    description: str = ""
    default_role: str = "manager"
    members: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class Restriction:
    """The part of each day or week in which a layer is on call."""

    type: Literal["daily_restriction", "weekly_restriction"]
    start_time_of_day: str
    duration_seconds: int
    start_day_of_week: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """Users who take turns of equal length, from `start` on. Later layers of a schedule win over earlier ones."""

    id: str
    name: str
    start: datetime
    turn_seconds: int
    user_ids: tuple[str, ...]
    virtual_start: datetime | None = None
    end: datetime | None = None
    restrictions: tuple[Restriction, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """Somebody who is on call instead of whom the layers name."""

    id: str
    start: datetime
    end: datetime
    user_id: str


@dataclass(slots=True, kw_only=True, eq=False)
class Schedule:
    """Layers of turns with overrides on top; the newest override wins."""

    id: str
    name: str
    time_zone: str = "UTC"
    description: str = ""
    layers: list[Layer] = field(default_factory=list[Layer])
    overrides: list[Override] = field(default_factory=list[Override])
    team_ids: list[str] = field(default_factory=list[str])


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A user or a schedule that an escalation rule pages."""

    kind: Literal["user", "schedule"]
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One level of an escalation policy."""

    id: str
    delay_minutes: int
    targets: tuple[Target, ...]


@dataclass(slots=True, kw_only=True, eq=False)
class EscalationPolicy:
    """Who is paged, level by level, until somebody acknowledges."""

    id: str
    name: str
    rules: list[Rule]
    description: str = ""
    num_loops: int = 0
    handoff: str = "if_has_services"
    team_ids: list[str] = field(default_factory=list[str])


@dataclass(slots=True, kw_only=True, eq=False)
class Integration:
    """A way into a service. For Events API v2 the routing key is the credential."""

    id: str
    service_id: str
    name: str
    routing_key: str
    created_at: datetime
    type: str = "events_api_v2_inbound_integration"


@dataclass(slots=True, kw_only=True, eq=False)
class Service:
    """Something that can fail. Timeouts are in seconds; None switches them off."""

    id: str
    name: str
    policy_id: str
    created_at: datetime
    description: str = ""
    acknowledgement_timeout: int | None = 1800
    auto_resolve_timeout: int | None = 14400
    urgency_rule: Json = field(default_factory=lambda: {"type": "constant", "urgency": "high"})
    support_hours: Json | None = None
    scheduled_actions: list[Json] = field(default_factory=list[Json])
    disabled: bool = False
    integrations: list[Integration] = field(default_factory=list[Integration])
    last_incident_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Priority:
    """A priority; the account lists them with the most severe first."""

    id: str
    name: str
    description: str


@dataclass(slots=True, kw_only=True, eq=False)
class LogEntry:
    """One line of an incident's timeline; `extra` holds what only its type has."""

    id: str
    type: str
    created_at: datetime
    incident_id: str
    service_id: str
    agent: Json | None
    channel: Json
    extra: Json = field(default_factory=dict[str, "object"])


@dataclass(slots=True, kw_only=True, eq=False)
class Alert:
    """What an integration reported; it has no acknowledged state."""

    id: str
    key: str
    summary: str
    severity: str
    service_id: str
    integration_id: str
    incident_id: str
    created_at: datetime
    details: Json
    contexts: list[Json]
    status: Literal["triggered", "resolved"] = "triggered"
    resolved_at: datetime | None = None
    log_entry_id: str = ""


@dataclass(slots=True, kw_only=True, eq=False)
class Note:
    """A note that somebody wrote on an incident."""

    id: str
    content: str
    created_at: datetime
    updated_at: datetime
    author: Json
    channel: str = "The PagerDuty website or APIs"


@dataclass(frozen=True, slots=True)
class Stamp:
    """Somebody and a time: an assignment or an acknowledgement."""

    at: datetime
    who: Json

    @property
    def id(self) -> str:
        """The id of whom it names."""
        return self.who["id"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponderRequest:
    """People who were asked to help; `asked` maps each target to the users whom it means."""

    id: str
    requester_id: str
    message: str
    requested_at: datetime
    asked: Mapping[tuple[Literal["user", "escalation_policy"], str], tuple[str, ...]]


@dataclass(slots=True, kw_only=True, eq=False)
class Incident:
    """An incident and everything that hangs on it."""

    id: str
    number: int
    title: str
    key: str
    service_id: str
    policy_id: str
    urgency: Urgency
    created_at: datetime
    updated_at: datetime
    last_change_at: datetime
    last_change_by: Json
    status: Status = "triggered"
    type_name: str = "incident_default"
    priority_id: str | None = None
    assignments: list[Stamp] = field(default_factory=list[Stamp])
    acknowledgements: list[Stamp] = field(default_factory=list[Stamp])
    directly_assigned: bool = False
    level: int = 1
    loops_left: int = 0
    resolved_at: datetime | None = None
    reopened_at: datetime | None = None
    resolve_reason: Json | None = None
    merged_into: str | None = None
    body: Json | None = None
    conference_bridge: Json | None = None
    alerts: dict[str, Alert] = field(default_factory=dict[str, Alert])
    notes: list[Note] = field(default_factory=list[Note])
    entries: list[LogEntry] = field(default_factory=list[LogEntry])
    responder_requests: list[ResponderRequest] = field(default_factory=list[ResponderRequest])
    pending: dict[str, datetime] = field(default_factory=dict[str, datetime])
    custom_fields: Mapping[str, object] = field(default_factory=dict[str, object])
    by_rest: bool = False
    cached: tuple[int, Json, str] | None = None

    @property
    def open(self) -> bool:
        """Whether somebody still has to do something about it."""
        return self.status != "resolved"


@dataclass(slots=True, kw_only=True, eq=False)
class Subscription:
    """A webhook subscription. With two secrets a delivery carries two signatures."""

    id: str
    method_id: str
    url: str
    events: list[str]
    filter_type: str
    filter_id: str | None
    secrets: list[str]
    description: str = ""
    active: bool = True
    headers: list[Json] = field(default_factory=list[Json])
    drops: int = 0
    disabled_until: datetime | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class MaintenanceWindow:
    """A time in which the services in it open no incident for an event."""

    id: str
    number: int
    start: datetime
    end: datetime
    service_ids: list[str]
    created_by: str
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeEvent:
    """A deploy or a changed setting: shown, never paged."""

    id: str
    service_id: str
    integration_id: str
    routing_key: str
    summary: str
    timestamp: datetime
    source: str
    details: Json
    links: list[Json]
    images: list[Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """An incident workflow."""

    id: str
    name: str
    description: str
    created_at: datetime
    steps: tuple[Json, ...] = ()
    team_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowInstance:
    """One start of an incident workflow."""

    id: str
    workflow_id: str
    incident_id: str
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusUpdate:
    """A message to the stakeholders of an incident."""

    id: str
    incident_id: str
    message: str
    created_at: datetime
    sender: Json
    subject: str | None = None
    html_message: str | None = None
