"""What belongs to an account as a whole: webhook subscriptions, workflows, metrics."""

from __future__ import annotations

from datetime import datetime

from resolute_pagerduty.models.base import Model, Reference


class DeliveryMethod(Model):
    """Where a subscription delivers to. `temporarily_disabled` is true after three deliveries were refused."""

    id: str = ""
    type: str = ""
    url: str = ""
    temporarily_disabled: bool = False


class SubscriptionFilter(Model):
    """What a subscription is about: the account, a team or a service."""

    id: str | None = None
    type: str = ""


class WebhookSubscription(Model):
    """A subscription to events. Its secret is shown by PagerDuty only once, so it is not here.

    Source: https://github.com/PagerDuty/developer-docs/blob/HEAD/docs/webhooks/01-Overview.md
    """

    id: str = ""
    type: str = ""
    description: str = ""
    active: bool = True
    events: tuple[str, ...] = ()
    delivery_method: DeliveryMethod = DeliveryMethod()
    filter: SubscriptionFilter = SubscriptionFilter()


class WorkflowStep(Reference):
    """A step of an incident workflow."""

    name: str = ""
    description: str = ""


class IncidentWorkflow(Reference):
    """A workflow that can be started on an incident. Only `get_incident_workflow` brings its steps."""

    name: str = ""
    description: str = ""
    created_at: datetime | None = None
    is_enabled: bool | None = None
    team: Reference | None = None
    steps: tuple[WorkflowStep, ...] = ()


class Metrics(Model):
    """Figures about incidents: of all, or of one service or team. Times are means in seconds.

    `mean_seconds_to_first_ack` is what people call MTTA, `mean_seconds_to_resolve` MTTR; null where nothing was
    acknowledged or resolved. PagerDuty's figures are up to a day old.

    Source: https://developer.pagerduty.com/api-reference/, Analytics
    """

    range_start: datetime | None = None
    service_id: str | None = None
    service_name: str | None = None
    team_id: str | None = None
    team_name: str | None = None
    total_incident_count: int = 0
    mean_seconds_to_first_ack: float | None = None
    mean_seconds_to_resolve: float | None = None
    mean_seconds_to_engage: float | None = None
    mean_seconds_to_mobilize: float | None = None
    mean_assignment_count: float | None = None
    total_incidents_acknowledged: int | None = None
    total_incidents_auto_resolved: int | None = None
    total_incidents_manual_escalated: int | None = None
    total_incidents_timeout_escalated: int | None = None
    total_incidents_reassigned: int | None = None
    total_escalation_count: int | None = None
    total_interruptions: int | None = None
    total_notifications: int | None = None
    total_business_hour_interruptions: int | None = None
    total_off_hour_interruptions: int | None = None
    total_sleep_hour_interruptions: int | None = None
    total_snoozed_seconds: int | None = None
    total_engaged_seconds: int | None = None
    up_time_pct: float | None = None
