"""The provider's nodes, by topic."""

from __future__ import annotations

from typing import Any, Final, TypeGuard

from resolute.writing.node import NodeFactory
from resolute_pagerduty.nodes import (
    alerts,
    business,
    change_lists,
    changes,
    events,
    extensions,
    incident_changes,
    incidents,
    insights,
    maintenance,
    notes,
    oncall,
    orchestrations,
    people,
    people_changes,
    plan,
    policy_changes,
    responders,
    schedule_changes,
    schedules,
    services,
    similar,
    status_pages,
    subscriptions,
    timeline,
)


def is_factory(value: object) -> TypeGuard[NodeFactory[..., Any]]:
    """Whether a value is a declared node."""
    return isinstance(value, NodeFactory)


FACTORIES: Final[tuple[NodeFactory[..., Any], ...]] = tuple(
    value
    for module in (
        events,
        changes,
        change_lists,
        incidents,
        incident_changes,
        notes,
        responders,
        alerts,
        timeline,
        similar,
        oncall,
        schedules,
        schedule_changes,
        policy_changes,
        services,
        maintenance,
        business,
        orchestrations,
        status_pages,
        people,
        people_changes,
        plan,
        insights,
        subscriptions,
        extensions,
    )
    for value in vars(module).values()
    if is_factory(value)
)
"""Every node of the provider."""
