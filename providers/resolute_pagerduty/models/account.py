"""What belongs to an account as a whole: webhook subscriptions, workflows, metrics."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, cast

from pydantic import model_validator

from resolute_pagerduty.models.base import Model, Reference

_MEANS: Final = {
    "mean_seconds_to_first_ack": "total_incidents_acknowledged",
    "mean_seconds_to_resolve": None,
    "mean_seconds_to_engage": None,
    "mean_seconds_to_mobilize": None,
}
"""Mean times, each with the number of values behind it if PagerDuty counts them."""


class DeliveryMethod(Model):
    """Where a subscription delivers. `temporarily_disabled` is true after three deliveries were refused."""

    id: str = ""
    type: str = ""
    url: str = ""
    temporarily_disabled: bool = False


class SubscriptionFilter(Model):
    """What a subscription is about: the account, a team or a service."""

    id: str | None = None
    type: str = ""


class WebhookSubscription(Model):
    """A subscription to events. PagerDuty shows its secret only once, so it is not here.

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
    """A workflow that can be started on an incident. Only `get_incident_workflow` includes its steps."""

    name: str = ""
    description: str = ""
    created_at: datetime | None = None
    is_enabled: bool | None = None
    team: Reference | None = None
    steps: tuple[WorkflowStep, ...] = ()


class ExtensionSchema(Reference):
    """A kind of extension, such as a chat tool, that can receive a service's incidents."""

    key: str = ""
    label: str = ""
    description: str = ""
    send_types: tuple[str, ...] = ()


class Metrics(Model):
    """Metrics of incidents: of all, or of one service or team. Times are means in seconds.

    `mean_seconds_to_first_ack` is the MTTA, `mean_seconds_to_resolve` the MTTR. If no incident was acknowledged or
    resolved, the mean is null; PagerDuty's own answer has 0 there, which would look like the best possible time.
    PagerDuty's figures are up to a day old.

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

    @model_validator(mode="before")
    @classmethod
    def _mean_of_nothing(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        found = cast("dict[str, Any]", value)
        nothing = {
            name for name, counted in _MEANS.items() if found.get(name) == 0 and not (counted and found.get(counted))
        }
        return {name: each for name, each in found.items() if name not in nothing}
