"""What an alarm opens and closes in PagerDuty: one incident for each time that it is raised."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from resolute import Incident, text
from resolute_pagerduty.models.parameters import Severity
from resolute_pagerduty.nodes.events import resolve_event, resolve_unless_touched, trigger_event, trigger_or_reopen


def incident_for(
    *,
    dedup_key: str,
    routing_key: str | None = None,
    summary: str | None = None,
    source: str | None = None,
    severity: Severity = "critical",
    custom_details: Mapping[str, Any] | None = None,
    unless_touched: bool = False,
    reopen_after: timedelta | None = None,
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
        reopen_after: how long after it was triggered an incident is triggered again while the alarm is raised and the
            check is bad. PagerDuty ignores that while the incident is open; one that a person, or PagerDuty's own
            timeout, has resolved is opened anew, and the check's outcome is `paged`. To know which of both it was
            needs an API key beside the routing key.
        within: how long one run tries to reach PagerDuty. Then it fails, and the next run looks again and tries again.
        service_id: for `unless_touched` and `reopen_after`: the service that the incident is on.
        account: the name of one of the provider's accounts.

    >>> from resolute import alarm, output, secret
    >>> incident = incident_for(routing_key=secret("PAGERDUTY_ROUTING_KEY"), dedup_key="checkout")
    >>> watched = alarm("checkout", bad=output("health.status") == "critical", raise_after=3, incident=incident)
    """
    given = _given(routing_key=routing_key, account=account)
    said: dict[str, Any] = {
        "summary": text("{} is bad", dedup_key) if summary is None else summary,
        "source": dedup_key if source is None else source,
        "severity": severity,
        "dedup_key": dedup_key,
        "truncate": True,
        **given,
        **_given(custom_details=custom_details),
    }
    raises = (
        trigger_event(**said) if reopen_after is None else trigger_or_reopen(**said, **_given(service_id=service_id))
    )
    clears = resolve_event(dedup_key=dedup_key, **given)
    if unless_touched:
        clears = resolve_unless_touched(dedup_key=dedup_key, **given, **_given(service_id=service_id))
    return Incident(
        raises=raises.timeout(within=within),
        clears=clears.timeout(within=within),
        known_by=dedup_key,
        reopen_after=reopen_after,
    )


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
