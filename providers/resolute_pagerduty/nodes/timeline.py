"""What is known of an incident: its alerts and its timeline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, TypeAlias

from annotated_types import MinLen

from resolute_pagerduty.account.accounts import Accounts
from resolute_pagerduty.calls.paging import read_page, walk
from resolute_pagerduty.http.operations import LIST_ALERTS, LIST_LOG_ENTRIES
from resolute_pagerduty.models.incidents import Alert, LogEntry
from resolute_pagerduty.models.outputs import (
    AllAlertsOutput,
    AllLogEntriesOutput,
    ListAlertsOutput,
    ListLogEntriesOutput,
)
from resolute_pagerduty.models.parameters import Count, DedupKey, Id, Offset, PageSize, Time
from resolute_pagerduty.nodes.declare import READS, WALK_POLICY, pagerduty_node

AlertStatuses: TypeAlias = Annotated[Sequence[Literal["triggered", "resolved"]], MinLen(1)]
AlertInclude: TypeAlias = Sequence[Literal["services", "first_trigger_log_entries", "incidents"]]
EntryInclude: TypeAlias = Sequence[Literal["incidents", "services", "channels", "teams"]]


@pagerduty_node("ListAlerts", LIST_ALERTS, repeat=READS)
async def list_alerts(
    pagerduty: Accounts,
    *,
    incident_id: Id | int,
    statuses: AlertStatuses | None = None,
    alert_key: DedupKey | None = None,
    include: AlertInclude | None = None,
    limit: PageSize = 25,
    offset: Offset = 0,
    total: bool = False,
    account: str | None = None,
) -> ListAlertsOutput:
    """Reads a page of an incident's alerts, with what the monitors said. `all_alerts` reads every page.

    Args:
        incident_id: the incident's id, or its number.
        statuses: triggered, resolved.
        alert_key: with this deduplication key.
        include: what to show in full instead of as a reference.
        limit: alerts on the page, 1 to 100.
        offset: how many to pass over; limit + offset is at most 10,000.
        total: whether `total` is counted.
        account: one of the provider's accounts by name.

    Example:
        >>> node = list_alerts(incident_id="PT4KHLK", statuses=["triggered"])
    """
    return await read_page(
        pagerduty.account(account),
        LIST_ALERTS,
        "alerts",
        ListAlertsOutput,
        limit=limit,
        offset=offset,
        total=total,
        path={"id": str(incident_id)},
        query={"statuses": statuses, "alert_key": alert_key, "include": include},
    )


@pagerduty_node("AllAlerts", LIST_ALERTS, repeat=READS, policy=WALK_POLICY)
async def all_alerts(
    pagerduty: Accounts,
    *,
    incident_id: Id | int,
    statuses: AlertStatuses | None = None,
    include: AlertInclude | None = None,
    limit: Count | None = None,
    account: str | None = None,
) -> AllAlertsOutput:
    """Reads every alert of an incident.

    Args:
        incident_id: the incident's id, or its number.
        statuses: triggered, resolved.
        include: what to show in full instead of as a reference.
        limit: reads no more than this; `more` says whether there are more.
        account: one of the provider's accounts by name.

    Example:
        >>> node = all_alerts(incident_id="PT4KHLK")
    """
    walked = await walk(
        pagerduty.account(account),
        LIST_ALERTS,
        "alerts",
        Alert,
        path={"id": str(incident_id)},
        query={"statuses": statuses, "include": include},
        limit=limit,
    )
    return AllAlertsOutput(alerts=walked.items, more=walked.more)


@pagerduty_node("ListLogEntries", LIST_LOG_ENTRIES, repeat=READS)
async def list_log_entries(
    pagerduty: Accounts,
    *,
    incident_id: Id | int,
    since: Time | None = None,
    until: Time | None = None,
    is_overview: bool | None = None,
    include: EntryInclude | None = None,
    limit: PageSize = 25,
    offset: Offset = 0,
    total: bool = False,
    account: str | None = None,
) -> ListLogEntriesOutput:
    """Reads a page of an incident's timeline, the newest entry first. `all_log_entries` reads every page.

    Args:
        incident_id: the incident's id, or its number.
        since: from here on.
        until: up to here.
        is_overview: only the entries that matter most.
        include: what to show in full: with `channels`, also what the monitor sent.
        limit: entries on the page, 1 to 100.
        offset: how many to pass over; limit + offset is at most 10,000.
        total: whether `total` is counted.
        account: one of the provider's accounts by name.

    Example:
        >>> node = list_log_entries(incident_id=12345, is_overview=True)
    """
    return await read_page(
        pagerduty.account(account),
        LIST_LOG_ENTRIES,
        "log_entries",
        ListLogEntriesOutput,
        limit=limit,
        offset=offset,
        total=total,
        path={"id": str(incident_id)},
        query={"since": since, "until": until, "is_overview": is_overview, "include": include},
    )


@pagerduty_node("AllLogEntries", LIST_LOG_ENTRIES, repeat=READS, policy=WALK_POLICY)
async def all_log_entries(
    pagerduty: Accounts,
    *,
    incident_id: Id | int,
    since: Time | None = None,
    until: Time | None = None,
    is_overview: bool | None = None,
    include: EntryInclude | None = None,
    limit: Count | None = None,
    account: str | None = None,
) -> AllLogEntriesOutput:
    """Reads an incident's whole timeline, the newest entry first.

    Args:
        incident_id: the incident's id, or its number.
        since: from here on.
        until: up to here.
        is_overview: only the entries that matter most.
        include: what to show in full: with `channels`, also what the monitor sent.
        limit: reads no more than this; `more` says whether there are more.
        account: one of the provider's accounts by name.

    Example:
        >>> node = all_log_entries(incident_id=12345)
    """
    walked = await walk(
        pagerduty.account(account),
        LIST_LOG_ENTRIES,
        "log_entries",
        LogEntry,
        path={"id": str(incident_id)},
        query={"since": since, "until": until, "is_overview": is_overview, "include": include},
        limit=limit,
    )
    return AllLogEntriesOutput(log_entries=walked.items, more=walked.more)
