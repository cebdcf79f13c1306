"""What an alarm opens and closes in PagerDuty: one incident for each time that it is raised."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from resolute import Incident, text
from resolute_pagerduty.models.parameters import Severity
from resolute_pagerduty.nodes.events import resolve_event, resolve_unless_touched, trigger_event


def incident_for(
    *,
    dedup_key: str,
    routing_key: str | None = None,
    summary: str | None = None,
    source: str | None = None,
    severity: Severity = "critical",
    custom_details: Mapping[str, Any] | None = None,
    unless_touched: bool = False,
    within: timedelta = timedelta(minutes=2),
    service_id: str | None = None,
    account: str | None = None,
) -> Incident:
    """The incident of an alarm: triggered once while that is raised, and resolved when it is cleared.

    Args:
        dedup_key: what the incident is known by. It belongs to this alarm alone: inside an `each`, make it of the item.
        routing_key: the integration key of the service, as `secret("NAME")`; the provider's own by default.
        summary: what is wrong; a text that is too long is shortened. Without it, that what `dedup_key` says is bad.
        source: what it is about; without it, `dedup_key`.
        severity: critical, error, warning or info.
        custom_details: anything that helps the person on call.
        unless_touched: leaves an incident open that a person has acknowledged, reassigned, snoozed, escalated or
            merged, or has written a note on. A note says so, once. This needs an API key beside the routing key.
        within: how long one run tries to reach PagerDuty. Then it fails, and the next run looks again and tries again.
        service_id: for `unless_touched`: the service that the incident is on.
        account: the name of one of the provider's accounts.

    >>> from resolute import alarm, output, secret
    >>> incident = incident_for(routing_key=secret("PAGERDUTY_ROUTING_KEY"), dedup_key="checkout")
    >>> watched = alarm("checkout", bad=output("health.status") == "critical", raise_after=3, incident=incident)
    """
    raises = trigger_event(
        summary=text("{} is bad", dedup_key) if summary is None else summary,
        source=dedup_key if source is None else source,
        severity=severity,
        dedup_key=dedup_key,
        truncate=True,
        **_given(routing_key=routing_key, custom_details=custom_details, account=account),
    )
    given = _given(routing_key=routing_key, account=account)
    clears = resolve_event(dedup_key=dedup_key, **given)
    if unless_touched:
        clears = resolve_unless_touched(dedup_key=dedup_key, **given, **_given(service_id=service_id))
    return Incident(raises=raises.timeout(within=within), clears=clears.timeout(within=within), known_by=dedup_key)


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
