"""Incidents: read them.

Source: https://developer.pagerduty.com/api-reference/a47605517c19a-api-concepts#incidents
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal, TypeAlias

from resolute_pagerduty.account.accounts import Accounts
from resolute_pagerduty.calls.incidents import read_incident
from resolute_pagerduty.calls.paging import read_page, walk_incidents
from resolute_pagerduty.http.operations import GET_INCIDENT, LIST_INCIDENTS
from resolute_pagerduty.models.incidents import Incident
from resolute_pagerduty.models.outputs import AllIncidentsOutput, GetIncidentOutput, ListIncidentsOutput
from resolute_pagerduty.models.parameters import (
    Count,
    DedupKey,
    Id,
    Ids,
    Offset,
    PageSize,
    Statuses,
    Text,
    Time,
    Urgencies,
)
from resolute_pagerduty.nodes.declare import READS, WALK_POLICY, pagerduty_node

Include: TypeAlias = Sequence[
    Literal[
        "acknowledgers",
        "agents",
        "assignees",
        "body",
        "conference_bridge",
        "escalation_policies",
        "first_trigger_log_entries",
        "priorities",
        "services",
        "teams",
        "users",
    ]
]


@pagerduty_node("GetIncident", GET_INCIDENT, repeat=READS)
async def get_incident(
    pagerduty: Accounts, *, id: Id | int, include: Include | None = None, account: str | None = None
) -> GetIncidentOutput:
    """Reads an incident.

    Args:
        id: its id, or its number.
        include: what to return in full instead of as a reference.
        account: the name of one of the provider's accounts.

    Example:
        >>> incident = get_incident(id="PT4KHLK").as_("incident")
        >>> incident.output.incident.status
        incident.incident.status
    """
    found = await read_incident(pagerduty.account(account), str(id), include)
    return GetIncidentOutput(incident=Incident.model_validate(found))


@pagerduty_node("ListIncidents", LIST_INCIDENTS, repeat=READS)
async def list_incidents(
    pagerduty: Accounts,
    *,
    statuses: Statuses | None = None,
    service_ids: Ids | None = None,
    team_ids: Ids | None = None,
    user_ids: Ids | None = None,
    urgencies: Urgencies | None = None,
    incident_key: DedupKey | None = None,
    since: Time | None = None,
    until: Time | None = None,
    date_range: Literal["all"] | None = None,
    sort_by: Text | None = None,
    include: Include | None = None,
    limit: PageSize = 25,
    offset: Offset = 0,
    total: bool = False,
    account: str | None = None,
) -> ListIncidentsOutput:
    """Reads a page of the incidents that match all filters. `all_incidents` reads every page.

    Args:
        statuses: triggered, acknowledged, resolved.
        service_ids: only these services.
        team_ids: only these teams.
        user_ids: only those assigned to these users; resolved incidents are assigned to nobody.
        urgencies: high, low.
        incident_key: only those with this key, or with an alert with this key.
        since: created at or after; at most six months ago; a month ago by default, without `date_range`.
        until: created before.
        date_range: "all" for all time.
        sort_by: incident_number, created_at, resolved_at or urgency, with `:asc` or `:desc`; at most two, by comma.
        include: what to return in full instead of as a reference.
        limit: incidents on the page, 1 to 100.
        offset: how many to skip; limit + offset is at most 10,000.
        total: whether to count `total`.
        account: the name of one of the provider's accounts.

    Raises:
        InvalidRequestError: limit + offset is more than 10,000; nothing was sent.

    Example:
        >>> from datetime import timedelta
        >>> from resolute import now
        >>> node = list_incidents(statuses=["triggered"], since=now() - timedelta(hours=24), limit=50)
    """
    return await read_page(
        pagerduty.account(account),
        LIST_INCIDENTS,
        "incidents",
        ListIncidentsOutput,
        limit=limit,
        offset=offset,
        total=total,
        query={
            "statuses": statuses,
            "service_ids": service_ids,
            "team_ids": team_ids,
            "user_ids": user_ids,
            "urgencies": urgencies,
            "incident_key": incident_key,
            "since": since,
            "until": until,
            "date_range": date_range,
            "sort_by": sort_by,
            "include": include,
        },
    )


@pagerduty_node("AllIncidents", LIST_INCIDENTS, repeat=READS, policy=WALK_POLICY)
async def all_incidents(
    pagerduty: Accounts,
    *,
    since: Time,
    until: Time | None = None,
    statuses: Statuses | None = None,
    service_ids: Ids | None = None,
    team_ids: Ids | None = None,
    user_ids: Ids | None = None,
    urgencies: Urgencies | None = None,
    include: Include | None = None,
    limit: Count | None = None,
    account: str | None = None,
) -> AllIncidentsOutput:
    """Reads every incident in a period that matches all filters, oldest first.

    The period may have any length and any number of incidents: it is read in parts where PagerDuty requires that. A
    result must stay below Temporal's 2 MB, about 2,000 incidents: give a `limit`, or a shorter period.

    Args:
        since: created at or after.
        until: created before; now by default.
        statuses: triggered, acknowledged, resolved.
        service_ids: only these services.
        team_ids: only these teams.
        user_ids: only those assigned to these users; resolved incidents are assigned to nobody.
        urgencies: high, low.
        include: what to return in full instead of as a reference.
        limit: the most to read; `more` says whether there are more.
        account: the name of one of the provider's accounts.

    Example:
        >>> from datetime import timedelta
        >>> from resolute import now
        >>> node = all_incidents(since=now() - timedelta(days=7), service_ids=["PWIXJZS"])
    """
    query = {
        "statuses": statuses,
        "service_ids": service_ids,
        "team_ids": team_ids,
        "user_ids": user_ids,
        "urgencies": urgencies,
        "include": include,
    }
    end = until or datetime.now(UTC)
    walked = await walk_incidents(pagerduty.account(account), query, since=since, until=end, limit=limit)
    return AllIncidentsOutput(incidents=walked.items, more=walked.more)
