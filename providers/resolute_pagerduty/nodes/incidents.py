"""Incidents: read, create, change.

Source: https://developer.pagerduty.com/api-reference/a47605517c19a-api-concepts#incidents
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from resolute.context import current_call
from resolute_pagerduty.accounts import Accounts
from resolute_pagerduty.errors import InvalidRequestError
from resolute_pagerduty.events import given
from resolute_pagerduty.incidents import create, read_incident, reference, update
from resolute_pagerduty.models.incidents import Incident
from resolute_pagerduty.models.outputs import (
    CreateIncidentOutput,
    GetIncidentOutput,
    ListIncidentsOutput,
    UpdateIncidentOutput,
)
from resolute_pagerduty.nodes.declare import pagerduty_node
from resolute_pagerduty.operations import CREATE_INCIDENT, GET_INCIDENT, LIST_INCIDENTS, UPDATE_INCIDENT
from resolute_pagerduty.paging import read_page
from resolute_pagerduty.parameters import (
    DedupKey,
    Id,
    Ids,
    Offset,
    PageSize,
    Status,
    Statuses,
    Text,
    Time,
    Urgencies,
    Urgency,
)
from resolute_pagerduty.repeats import derived_key

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


@pagerduty_node("GetIncident", GET_INCIDENT, repeat="it only reads")
async def get_incident(
    pagerduty: Accounts, *, id: Id | int, include: Include | None = None, account: str | None = None
) -> GetIncidentOutput:
    """Reads an incident.

    Args:
        id: its id, or its number.
        include: what to show in full instead of as a reference.
        account: one of the provider's accounts by name.

    Example:
        >>> incident = get_incident(id="PT4KHLK").as_("incident")
        >>> incident.output.incident.status
        incident.incident.status
    """
    found = await read_incident(pagerduty.account(account), str(id), include)
    return GetIncidentOutput(incident=Incident.model_validate(found))


@pagerduty_node("ListIncidents", LIST_INCIDENTS, repeat="it only reads")
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
    """Reads a page of the incidents that pass all filters. `all_incidents` reads every page.

    Args:
        statuses: triggered, acknowledged, resolved.
        service_ids: of these services.
        team_ids: of these teams.
        user_ids: assigned to these users; resolved incidents are assigned to nobody, so they are left out.
        urgencies: high, low.
        incident_key: with this key, or with an alert that has it.
        since: created at or after; a month ago where neither this nor `date_range` is given, at most six months.
        until: created before.
        date_range: "all" for every time there ever was.
        sort_by: incident_number, created_at, resolved_at or urgency, with `:asc` or `:desc`; at most two, by comma.
        include: what to show in full instead of as a reference.
        limit: incidents on the page, 1 to 100.
        offset: how many to pass over; limit + offset is at most 10,000.
        total: whether `total` is counted.
        account: one of the provider's accounts by name.

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


@pagerduty_node(
    "CreateIncident",
    CREATE_INCIDENT,
    LIST_INCIDENTS,
    repeat="an incident_key always goes with it; where PagerDuty knows an open incident with it, that one is returned",
)
async def create_incident(
    pagerduty: Accounts,
    *,
    title: Text,
    service_id: Id,
    description: str | None = None,
    urgency: Urgency | None = None,
    priority_id: Id | None = None,
    incident_key: DedupKey | None = None,
    escalation_policy_id: Id | None = None,
    assignee_id: Id | None = None,
    incident_type: Text | None = None,
    account: str | None = None,
) -> CreateIncidentOutput:
    """Opens an incident on a service at once, without an alert. Whoever is on call is notified.

    PagerDuty limits how often an account may do this; for what a monitor finds, `trigger_event` is the way.

    Args:
        title: what is wrong, in a line.
        service_id: the service that has the problem.
        description: the details, as text.
        urgency: high or low; else the service's own.
        priority_id: from `list_priorities`.
        incident_key: what makes it the same incident, at most 255 characters; else one for this step alone.
        escalation_policy_id: who to notify, instead of the service's policy.
        assignee_id: the user to assign it to, instead of an escalation policy.
        incident_type: the name of an incident type.
        account: one of the provider's accounts by name.

    Raises:
        InvalidRequestError: both an assignee and an escalation policy are given; nothing was sent.

    Example:
        >>> node = create_incident(title="Checkout is down", service_id="PWIXJZS", urgency="high")
    """
    if assignee_id and escalation_policy_id:
        raise InvalidRequestError("assignee_id", "cannot go with escalation_policy_id: give one of them")
    fields = given(
        title=title,
        body={"type": "incident_body", "details": description} if description else None,
        urgency=urgency,
        priority=reference(priority_id, "priority") if priority_id else None,
        escalation_policy=reference(escalation_policy_id, "escalation_policy") if escalation_policy_id else None,
        assignments=[{"assignee": reference(assignee_id, "user")}] if assignee_id else None,
        incident_type={"name": incident_type} if incident_type else None,
    )
    incident, created = await create(
        pagerduty.account(account),
        service_id,
        fields,
        key=incident_key or derived_key(),
        again=incident_key is None and current_call().attempt > 1,
    )
    return CreateIncidentOutput(incident=Incident.model_validate(incident), created=created)


@pagerduty_node(
    "UpdateIncident",
    UPDATE_INCIDENT,
    GET_INCIDENT,
    repeat="it reads first and sends only what differs; a late acknowledgement never re-opens",
)
async def update_incident(
    pagerduty: Accounts,
    *,
    id: Id | int,
    status: Status | None = None,
    resolution: Text | None = None,
    title: Text | None = None,
    urgency: Urgency | None = None,
    priority_id: Id | None = None,
    escalation_level: int | None = None,
    escalation_policy_id: Id | None = None,
    assignee_ids: Ids | None = None,
    reopen: bool = False,
    account: str | None = None,
) -> UpdateIncidentOutput:
    """Changes an incident: acknowledges or resolves it, renames, reassigns or escalates it.

    What is so already is not sent again: an incident that is resolved stays so when it is acknowledged late, and
    `changed` says that nothing was done.

    Args:
        id: its id, or its number.
        status: triggered, acknowledged or resolved.
        resolution: how it was solved; only with status="resolved".
        title: a new title.
        urgency: high or low.
        priority_id: from `list_priorities`.
        escalation_level: the level of its escalation policy to escalate to.
        escalation_policy_id: another escalation policy.
        assignee_ids: the users to assign it to.
        reopen: whether a resolved incident is opened again by status="triggered" or "acknowledged".
        account: one of the provider's accounts by name.

    Raises:
        InvalidRequestError: nothing to change is given, or a resolution without status="resolved".
        ReopenRefusedError: the incident is resolved, status is "triggered", and `reopen` is not said.

    Example:
        >>> node = update_incident(id="PT4KHLK", status="resolved", resolution="Restarted the pool")
    """
    if resolution and status != "resolved":
        raise InvalidRequestError("resolution", "goes with status='resolved' only")
    fields = given(
        status=status,
        resolution=resolution,
        title=title,
        urgency=urgency,
        priority=reference(priority_id, "priority") if priority_id else None,
        escalation_level=escalation_level,
        escalation_policy=reference(escalation_policy_id, "escalation_policy") if escalation_policy_id else None,
        assignments=[{"assignee": reference(user, "user")} for user in assignee_ids] if assignee_ids else None,
    )
    if not fields:
        raise InvalidRequestError("status", "or another field to change is missing")
    incident, changed = await update(pagerduty.account(account), str(id), fields, reopen=reopen)
    return UpdateIncidentOutput(incident=Incident.model_validate(incident), changed=changed)
