"""Event orchestrations: rules that route events and say what happens to them.

Routing keys, and the URLs, headers and parameters of webhooks that rules call, may be secrets: they are left out.

Source: https://developer.pagerduty.com/api-reference/a47605517c19a-api-concepts#event-orchestrations
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from resolute_pagerduty.models.base import Model, Reference


class OrchestrationIntegration(Model):
    """A way for events to reach an orchestration. Its routing key is a secret, so it is not here."""

    id: str = ""
    label: str = ""


class Orchestration(Model):
    """An event orchestration. `routes` counts its routing rules; in lists, `integrations` is empty."""

    id: str = ""
    name: str = ""
    description: str = ""
    team: Reference | None = None
    routes: int = 0
    integrations: tuple[OrchestrationIntegration, ...] = ()
    created_at: datetime | None = None
    created_by: Reference | None = None
    updated_at: datetime | None = None
    updated_by: Reference | None = None
    version: str = ""


class RuleCondition(Model):
    """An expression in PagerDuty's condition language."""

    expression: str = ""


class DynamicRoute(Model):
    """How a service is found from what an event says."""

    source: str = ""
    regex: str = ""
    lookup_by: str = ""


class WebhookAction(Model):
    """A webhook that a rule calls."""

    name: str = ""
    auto_send: bool = False
    trigger_types: tuple[str, ...] = ()


class RuleActions(Model):
    """What happens to an event that a rule matches.

    `route_to` is a service in a router, and in other rules the set of rules that comes next.
    """

    route_to: str | None = None
    dynamic_route_to: DynamicRoute | None = None
    suppress: bool | None = None
    suspend: int | None = None
    drop_event: bool | None = None
    priority: str | None = None
    escalation_policy: str | None = None
    annotate: str | None = None
    severity: str | None = None
    event_action: str | None = None
    variables: tuple[dict[str, Any], ...] = ()
    extractions: tuple[dict[str, Any], ...] = ()
    automation_actions: tuple[WebhookAction, ...] = ()
    incident_custom_field_updates: tuple[dict[str, Any], ...] = ()


class OrchestrationRule(Model):
    """A rule. It matches if one of its conditions holds, and always if it has none."""

    id: str = ""
    label: str = ""
    conditions: tuple[RuleCondition, ...] = ()
    actions: RuleActions = RuleActions()
    disabled: bool = False


class RuleSet(Model):
    """Rules that are tried in order; the one named `start` is the first."""

    id: str = ""
    rules: tuple[OrchestrationRule, ...] = ()


class CatchAll(Model):
    """What happens to an event that no rule matches."""

    actions: RuleActions = RuleActions()


class OrchestrationPath(Model):
    """The rules of a router, of all events of an orchestration, or of a service."""

    type: str = ""
    parent: Reference = Reference()
    sets: tuple[RuleSet, ...] = ()
    catch_all: CatchAll = CatchAll()
    updated_at: datetime | None = None
    updated_by: Reference | None = None
    version: str = ""
