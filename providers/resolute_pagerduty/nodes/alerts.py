"""The alerts of an incident: read them, resolve them, move them to other incidents.

Source: https://developer.pagerduty.com/api-reference/a47605517c19a-api-concepts#alerts
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, TypeAlias

from annotated_types import MinLen

from resolute_pagerduty.account.account import object_in
from resolute_pagerduty.account.accounts import Accounts
from resolute_pagerduty.calls.alerts import change_alert, change_alerts
from resolute_pagerduty.calls.events import given
from resolute_pagerduty.calls.incidents import reference
from resolute_pagerduty.calls.paging import read_page, walk
from resolute_pagerduty.errors import InvalidRequestError
from resolute_pagerduty.http.exchange import JsonBody
from resolute_pagerduty.http.operations import GET_ALERT, LIST_ALERTS, UPDATE_ALERT, UPDATE_ALERTS
from resolute_pagerduty.models.incidents import Alert
from resolute_pagerduty.models.outputs import (
    AllAlertsOutput,
    GetAlertOutput,
    ListAlertsOutput,
    UpdateAlertOutput,
    UpdateAlertsOutput,
)
from resolute_pagerduty.models.parameters import Count, DedupKey, Id, Ids, Offset, PageSize
from resolute_pagerduty.nodes.declare import LATE, READS, WALK_POLICY, pagerduty_node

AlertStatus: TypeAlias = Literal["triggered", "resolved"]
AlertStatuses: TypeAlias = Annotated[Sequence[AlertStatus], MinLen(1)]
AlertInclude: TypeAlias = Sequence[Literal["services", "first_trigger_log_entries", "incidents"]]


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
    """Reads a page of an incident's alerts, including what the monitors sent. `all_alerts` reads every page.

    Args:
        incident_id: the incident's id, or its number.
        statuses: triggered, resolved.
        alert_key: only alerts with this deduplication key.
        include: what to return in full instead of as a reference.
        limit: alerts on the page, 1 to 100.
        offset: how many to skip; limit + offset is at most 10,000.
        total: whether to count `total`.
        account: the name of one of the provider's accounts.

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
        include: what to return in full instead of as a reference.
        limit: the most to read; `more` says whether there are more.
        account: the name of one of the provider's accounts.

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


@pagerduty_node("GetAlert", GET_ALERT, repeat=READS)
async def get_alert(
    pagerduty: Accounts, *, incident_id: Id | int, alert_id: Id, account: str | None = None
) -> GetAlertOutput:
    """Reads an alert of an incident, including what the monitor sent.

    Args:
        incident_id: the incident's id, or its number.
        alert_id: the alert's id.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = get_alert(incident_id="PT4KHLK", alert_id="PXPGF42")
    """
    where = {"id": str(incident_id), "alert_id": alert_id}
    answer = await pagerduty.account(account).send(GET_ALERT, path=where)
    return GetAlertOutput(alert=Alert.model_validate(object_in(answer, "alert")))


@pagerduty_node(
    "UpdateAlert",
    UPDATE_ALERT,
    GET_ALERT,
    repeat="it reads first and sends only what differs; an alert that has already moved is found where it went",
    remains=f"a change that somebody made to the alert since is undone {LATE}",
)
async def update_alert(
    pagerduty: Accounts,
    *,
    incident_id: Id | int,
    alert_id: Id,
    status: AlertStatus | None = None,
    to_incident_id: Id | None = None,
    account: str | None = None,
) -> UpdateAlertOutput:
    """Resolves an alert, triggers it again, or moves it to another incident.

    An incident resolves when its last alert does.

    Args:
        incident_id: the id or number of the incident that the alert belongs to.
        alert_id: the alert's id.
        status: triggered or resolved.
        to_incident_id: the incident to move the alert to.
        account: the name of one of the provider's accounts.

    Raises:
        InvalidRequestError: neither a status nor another incident is given; nothing was sent.

    Example:
        >>> node = update_alert(incident_id="PT4KHLK", alert_id="PXPGF42", status="resolved")
    """
    fields = _fields(status, to_incident_id)
    alert, changed = await change_alert(pagerduty.account(account), str(incident_id), alert_id, fields)
    return UpdateAlertOutput(alert=Alert.model_validate(alert), changed=changed)


@pagerduty_node(
    "UpdateAlerts",
    UPDATE_ALERTS,
    LIST_ALERTS,
    repeat="it leaves out alerts that already have the status, or are already where they should be",
    remains=f"changes that somebody made to the alerts since are undone {LATE}",
    policy=WALK_POLICY,
)
async def update_alerts(
    pagerduty: Accounts,
    *,
    incident_id: Id | int,
    alert_ids: Ids,
    status: AlertStatus | None = None,
    to_incident_id: Id | None = None,
    account: str | None = None,
) -> UpdateAlertsOutput:
    """Resolves many alerts of an incident, triggers them again, or moves them to another incident.

    They are sent in requests of 250, the most that PagerDuty accepts.

    Args:
        incident_id: the id or number of the incident that the alerts belong to.
        alert_ids: the alerts, by id.
        status: triggered or resolved.
        to_incident_id: the incident to move the alerts to.
        account: the name of one of the provider's accounts.

    Raises:
        InvalidRequestError: neither a status nor another incident is given, or an alert belongs to another incident;
            nothing was sent.
        BulkPartError: PagerDuty refused a request after earlier ones were carried out.

    Example:
        >>> node = update_alerts(incident_id="PT4KHLK", alert_ids=["PXPGF42", "PXPGF43"], to_incident_id="PPVZH9X")
    """
    fields = _fields(status, to_incident_id)
    changed, unchanged = await change_alerts(pagerduty.account(account), str(incident_id), alert_ids, fields)
    return UpdateAlertsOutput(changed=tuple(changed), unchanged=tuple(unchanged))


def _fields(status: AlertStatus | None, to_incident_id: str | None) -> JsonBody:
    fields = given(status=status, incident=reference(to_incident_id, "incident") if to_incident_id else None)
    if not fields:
        raise InvalidRequestError("status", "or to_incident_id is missing: there is nothing to change")
    return fields
