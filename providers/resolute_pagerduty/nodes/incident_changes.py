"""Incidents: open and change them.

Source: https://developer.pagerduty.com/api-reference/a47605517c19a-api-concepts#incidents
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from resolute.plan.context import current_call
from resolute_pagerduty.account.account import object_in
from resolute_pagerduty.account.accounts import Accounts
from resolute_pagerduty.calls.bulk import update_many
from resolute_pagerduty.calls.events import given
from resolute_pagerduty.calls.incidents import create, merge, reference, snooze, update
from resolute_pagerduty.calls.repeats import at_most_once, derived_key
from resolute_pagerduty.errors import InvalidRequestError
from resolute_pagerduty.http.exchange import JsonBody
from resolute_pagerduty.http.operations import (
    CREATE_INCIDENT,
    GET_INCIDENT,
    LIST_INCIDENTS,
    LIST_LOG_ENTRIES,
    MERGE_INCIDENTS,
    SEND_STATUS_UPDATE,
    SNOOZE_INCIDENT,
    UPDATE_INCIDENT,
    UPDATE_INCIDENTS,
)
from resolute_pagerduty.models.incidents import Incident, StatusUpdate
from resolute_pagerduty.models.outputs import (
    CreateIncidentOutput,
    MergeIncidentsOutput,
    SendStatusUpdateOutput,
    SnoozeIncidentOutput,
    UpdateIncidentOutput,
    UpdateIncidentsOutput,
)
from resolute_pagerduty.models.parameters import DedupKey, Id, Ids, Status, Text, Urgency
from resolute_pagerduty.nodes.declare import LATE, NOTHING, WALK_POLICY, pagerduty_node


@pagerduty_node(
    "CreateIncident",
    CREATE_INCIDENT,
    LIST_INCIDENTS,
    repeat="it always has an incident_key; if an open incident has the same key, PagerDuty returns that one",
    remains="a second incident, if a lost request is carried out after the repeat's incident was resolved",
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
    """Opens an incident on a service directly, without an alert. The person on call is notified.

    PagerDuty limits how often an account may do this; for a monitor's findings, use `trigger_event`.

    Args:
        title: what is wrong, in one line.
        service_id: the service that has the problem.
        description: the details, as text.
        urgency: high or low; the service's own by default.
        priority_id: from `list_priorities`.
        incident_key: identifies the incident, at most 255 characters; by default, a key for this step alone.
        escalation_policy_id: who to notify, instead of the service's policy.
        assignee_id: the user to assign it to, instead of an escalation policy.
        incident_type: the name of an incident type.
        account: the name of one of the provider's accounts.

    Raises:
        InvalidRequestError: both an assignee and an escalation policy were given; nothing was sent.

    Example:
        >>> node = create_incident(title="Checkout is down", service_id="PWIXJZS", urgency="high")
    """
    if assignee_id and escalation_policy_id:
        raise InvalidRequestError("assignee_id", "cannot be combined with escalation_policy_id: give one of them")
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
    LIST_LOG_ENTRIES,
    repeat="it reads first and sends only what differs; a late acknowledgement never reopens",
    remains=f"a second escalation, assignment or resolution note {LATE}; an acknowledgement may then reopen it",
    leaves_word=True,
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

    It sends only what differs. An incident that is already resolved stays resolved when it is acknowledged late, and
    `changed` says that nothing was done.

    Args:
        id: its id, or its number.
        status: triggered, acknowledged or resolved.
        resolution: how it was resolved; only with status="resolved".
        title: a new title.
        urgency: high or low.
        priority_id: from `list_priorities`.
        escalation_level: the level of its escalation policy to escalate to.
        escalation_policy_id: another escalation policy.
        assignee_ids: the users to assign it to.
        reopen: whether a resolved incident is reopened by status="triggered" or "acknowledged".
        account: the name of one of the provider's accounts.

    Raises:
        InvalidRequestError: there is nothing to change, or a resolution without status="resolved".
        ReopenRefusedError: the incident is resolved, status is "triggered", and `reopen` is not set.

    Example:
        >>> node = update_incident(id="PT4KHLK", status="resolved", resolution="Restarted the pool")
    """
    fields = _changes(
        status, resolution, title, urgency, priority_id, escalation_level, escalation_policy_id, assignee_ids
    )
    incident, changed = await update(pagerduty.account(account), str(id), fields, reopen=reopen)
    return UpdateIncidentOutput(incident=Incident.model_validate(incident), changed=changed)


@pagerduty_node(
    "UpdateIncidents",
    UPDATE_INCIDENTS,
    LIST_INCIDENTS,
    GET_INCIDENT,
    repeat="it leaves out incidents that already have the status, and resolved ones that it would reopen",
    remains="if an answer is lost, the people the incidents are assigned or escalated to are notified again",
    policy=WALK_POLICY,
)
async def update_incidents(
    pagerduty: Accounts,
    *,
    ids: Ids,
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
) -> UpdateIncidentsOutput:
    """Changes many incidents in the same way: acknowledges or resolves them, reassigns them.

    They are sent in requests of 250, the most that PagerDuty accepts. It carries out a whole request or none of it:
    with one wrong id, none of its incidents is changed. That does not hold across requests; the error says which
    incidents were already changed. PagerDuty accepts 500 such requests a minute.

    Args:
        ids: the incidents, by id.
        status: triggered, acknowledged or resolved.
        resolution: how they were resolved; only with status="resolved".
        title: a new title.
        urgency: high or low.
        priority_id: from `list_priorities`.
        escalation_level: the level of their escalation policies to escalate to.
        escalation_policy_id: another escalation policy.
        assignee_ids: the users to assign them to.
        reopen: whether resolved incidents are reopened by status="triggered" or "acknowledged"; otherwise they stay
            resolved.
        account: the name of one of the provider's accounts.

    Raises:
        InvalidRequestError: there is nothing to change, or a resolution without status="resolved".
        BulkPartError: PagerDuty refused a request after earlier ones were carried out.

    Example:
        >>> node = update_incidents(ids=["PT4KHLK", "PT4KHLL"], status="resolved")
    """
    fields = _changes(
        status, resolution, title, urgency, priority_id, escalation_level, escalation_policy_id, assignee_ids
    )
    changed, unchanged = await update_many(pagerduty.account(account), ids, fields, reopen=reopen)
    return UpdateIncidentsOutput(changed=tuple(changed), unchanged=tuple(unchanged))


@pagerduty_node(
    "MergeIncidents",
    MERGE_INCIDENTS,
    GET_INCIDENT,
    repeat="incidents that are already merged into the target are left out",
    remains=NOTHING,
)
async def merge_incidents(
    pagerduty: Accounts, *, id: Id, source_ids: Ids, account: str | None = None
) -> MergeIncidentsOutput:
    """Merges incidents into one, which gets their alerts; the others are resolved.

    PagerDuty merges only incidents that have alerts or were created on its website, and only into an open one.

    Args:
        id: the incident to merge into.
        source_ids: the incidents to merge into it; together they may have at most 1000 alerts.
        account: the name of one of the provider's accounts.

    Raises:
        BadRequestError: PagerDuty cannot merge them, and says why.

    Example:
        >>> node = merge_incidents(id="PT4KHLK", source_ids=["PT4KHLL", "PT4KHLM"])
    """
    found = await merge(pagerduty.account(account), id, source_ids)
    return MergeIncidentsOutput(incident=Incident.model_validate(found))


@pagerduty_node(
    "SnoozeIncident",
    SNOOZE_INCIDENT,
    GET_INCIDENT,
    LIST_LOG_ENTRIES,
    repeat="a repeat looks for the snooze in the timeline, because a second one would restart the clock",
    remains=f"the snooze restarts {LATE}",
)
async def snooze_incident(
    pagerduty: Accounts, *, id: Id | int, seconds: Annotated[int, Field(ge=1, le=604_800)], account: str | None = None
) -> SnoozeIncidentOutput:
    """Keeps an acknowledged incident quiet for a while; then it is triggered again.

    Args:
        id: its id, or its number.
        seconds: 1 to 604,800, which is a week.
        account: the name of one of the provider's accounts.

    Raises:
        BadRequestError: the incident is not acknowledged.

    Example:
        >>> node = snooze_incident(id="PT4KHLK", seconds=3600)
    """
    found = await snooze(pagerduty.account(account), str(id), seconds)
    return SnoozeIncidentOutput(incident=Incident.model_validate(found))


@pagerduty_node(
    "SendStatusUpdate",
    SEND_STATUS_UPDATE,
    repeat="PagerDuty shows no trace of it, so it is sent at most once: if the answer is lost, the step ends",
    remains="if the answer is lost, nobody knows whether the update was sent; the step says so and fails",
    leaves_word=True,
)
async def send_status_update(
    pagerduty: Accounts,
    *,
    incident_id: Id | int,
    message: Text,
    subject: Text | None = None,
    html_message: Text | None = None,
    repeat: bool = False,
    account: str | None = None,
) -> SendStatusUpdateOutput:
    """Sends a status update to the subscribers of an incident.

    If the answer is lost, nobody can find out whether it was sent. The step then fails instead of notifying everybody
    a second time, unless `repeat` says that twice is better than not at all.

    Args:
        incident_id: the incident's id, or its number.
        message: the text.
        subject: the email's subject; needs `html_message`.
        html_message: the email's text; needs `subject`.
        repeat: whether to send it again when it may already have been sent.
        account: the name of one of the provider's accounts.

    Raises:
        InvalidRequestError: a subject without html_message, or html_message without a subject.
        UncertainOutcomeError: it may or may not have been sent.

    Example:
        >>> node = send_status_update(incident_id="PT4KHLK", message="A fix is on its way")
    """
    if (subject is None) != (html_message is None):
        raise InvalidRequestError("subject", "needs html_message, and html_message needs subject")
    opened = pagerduty.account(account)
    body = given(message=message, subject=subject, html_message=html_message)

    async def send() -> JsonBody:
        answer = await opened.send(SEND_STATUS_UPDATE, path={"id": str(incident_id)}, body=body)
        return object_in(answer, "status_update")

    found = await at_most_once(send, "the status update", repeat=repeat)
    return SendStatusUpdateOutput(status_update=StatusUpdate.model_validate(found))


def _changes(
    status: Status | None,
    resolution: str | None,
    title: str | None,
    urgency: Urgency | None,
    priority_id: str | None,
    escalation_level: int | None,
    escalation_policy_id: str | None,
    assignee_ids: Ids | None,
) -> JsonBody:
    """The change, as PagerDuty expects it.

    Raises:
        InvalidRequestError: there is nothing to change, or a resolution with another status.
    """
    if resolution and status != "resolved":
        raise InvalidRequestError("resolution", "needs status='resolved'")
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
    return fields
