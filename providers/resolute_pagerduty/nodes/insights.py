"""Metrics of incidents: MTTA, MTTR and counts.

Source: https://developer.pagerduty.com/api-reference/, Analytics
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, TypeAlias

from resolute_pagerduty.account.accounts import Accounts
from resolute_pagerduty.calls.events import given
from resolute_pagerduty.errors import InvalidRequestError
from resolute_pagerduty.http.operations import METRICS_BY_SERVICE, METRICS_BY_TEAM, METRICS_OF_ALL, Operation
from resolute_pagerduty.models.outputs import GetMetricsOutput
from resolute_pagerduty.models.parameters import Ids, Text, Time, Urgency
from resolute_pagerduty.nodes.declare import READS, pagerduty_node

Unit: TypeAlias = Literal["day", "week", "month"]

LONGEST: Final = timedelta(days=366)


@pagerduty_node("GetIncidentMetrics", METRICS_OF_ALL, repeat=READS)
async def get_incident_metrics(
    pagerduty: Accounts,
    *,
    since: Time,
    until: Time | None = None,
    service_ids: Ids | None = None,
    team_ids: Ids | None = None,
    urgency: Urgency | None = None,
    aggregate_unit: Unit | None = None,
    time_zone: Text = "UTC",
    account: str | None = None,
) -> GetMetricsOutput:
    """Reads metrics of all incidents in a period together: how many, and how long until acknowledged and resolved.

    PagerDuty's figures are up to a day old. With a user's API key, services or teams are required.

    Args:
        since: incidents created at or after this time.
        until: created before; now by default; at most a year after `since`.
        service_ids: only these services.
        team_ids: only these teams.
        urgency: high or low.
        aggregate_unit: one entry for each day, week or month.
        time_zone: an IANA name; days begin at midnight there.
        account: the name of one of the provider's accounts.

    Raises:
        InvalidRequestError: the period is longer than a year; nothing was sent.

    Example:
        >>> from resolute import now
        >>> node = get_incident_metrics(since=now() - timedelta(days=30))
    """
    filters = _filters(since, until, service_ids, team_ids, urgency)
    return await _metrics(pagerduty, account, METRICS_OF_ALL, filters, aggregate_unit, time_zone)


@pagerduty_node("GetServiceMetrics", METRICS_BY_SERVICE, repeat=READS)
async def get_service_metrics(
    pagerduty: Accounts,
    *,
    since: Time,
    until: Time | None = None,
    service_ids: Ids | None = None,
    team_ids: Ids | None = None,
    urgency: Urgency | None = None,
    aggregate_unit: Unit | None = None,
    time_zone: Text = "UTC",
    account: str | None = None,
) -> GetMetricsOutput:
    """Reads metrics of each service's incidents: how many, and how long until acknowledged and resolved.

    PagerDuty's figures are up to a day old. With a user's API key, services or teams are required.

    Args:
        since: incidents created at or after this time.
        until: created before; now by default; at most a year after `since`.
        service_ids: only these services.
        team_ids: only these teams.
        urgency: high or low.
        aggregate_unit: one entry for each day, week or month.
        time_zone: an IANA name; days begin at midnight there.
        account: the name of one of the provider's accounts.

    Raises:
        InvalidRequestError: the period is longer than a year; nothing was sent.

    Example:
        >>> from resolute import now
        >>> node = get_service_metrics(since=now() - timedelta(days=7), aggregate_unit="day")
    """
    filters = _filters(since, until, service_ids, team_ids, urgency)
    return await _metrics(pagerduty, account, METRICS_BY_SERVICE, filters, aggregate_unit, time_zone)


@pagerduty_node("GetTeamMetrics", METRICS_BY_TEAM, repeat=READS)
async def get_team_metrics(
    pagerduty: Accounts,
    *,
    since: Time,
    until: Time | None = None,
    service_ids: Ids | None = None,
    team_ids: Ids | None = None,
    urgency: Urgency | None = None,
    aggregate_unit: Unit | None = None,
    time_zone: Text = "UTC",
    account: str | None = None,
) -> GetMetricsOutput:
    """Reads metrics of each team's incidents: how many, and how long until acknowledged and resolved.

    PagerDuty's figures are up to a day old. With a user's API key, services or teams are required.

    Args:
        since: incidents created at or after this time.
        until: created before; now by default; at most a year after `since`.
        service_ids: only these services.
        team_ids: only these teams.
        urgency: high or low.
        aggregate_unit: one entry for each day, week or month.
        time_zone: an IANA name; days begin at midnight there.
        account: the name of one of the provider's accounts.

    Raises:
        InvalidRequestError: the period is longer than a year; nothing was sent.

    Example:
        >>> from resolute import now
        >>> node = get_team_metrics(since=now() - timedelta(days=7), team_ids=["PQ9K7I8"])
    """
    filters = _filters(since, until, service_ids, team_ids, urgency)
    return await _metrics(pagerduty, account, METRICS_BY_TEAM, filters, aggregate_unit, time_zone)


def _filters(
    since: datetime, until: datetime | None, service_ids: Ids | None, team_ids: Ids | None, urgency: Urgency | None
) -> dict[str, Any]:
    end = until or datetime.now(UTC)
    if end - since > LONGEST:
        raise InvalidRequestError("since", f"is {(end - since).days} days before the end, PagerDuty counts over a year")
    return given(
        created_at_start=since.isoformat(),
        created_at_end=end.isoformat(),
        service_ids=list(service_ids) if service_ids else None,
        team_ids=list(team_ids) if team_ids else None,
        urgency=urgency,
    )


async def _metrics(
    pagerduty: Accounts,
    account: str | None,
    operation: Operation,
    filters: dict[str, Any],
    aggregate_unit: Unit | None,
    time_zone: str,
) -> GetMetricsOutput:
    body = given(filters=filters, aggregate_unit=aggregate_unit, time_zone=time_zone)
    return GetMetricsOutput.model_validate(await pagerduty.account(account).send(operation, body=body))
