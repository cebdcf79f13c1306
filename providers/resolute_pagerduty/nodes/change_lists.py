"""Change events, read: of the account and of a service.

Source: https://developer.pagerduty.com/api-reference/a47605517c19a-api-concepts#change-events
"""

from __future__ import annotations

from resolute_pagerduty.account.account import object_in
from resolute_pagerduty.account.accounts import Accounts
from resolute_pagerduty.calls.changes import changes_query
from resolute_pagerduty.calls.paging import read_page, walk
from resolute_pagerduty.http.operations import GET_CHANGE_EVENT, LIST_CHANGE_EVENTS, LIST_SERVICE_CHANGE_EVENTS
from resolute_pagerduty.models.changes import (
    AllChangeEventsOutput,
    ChangeEvent,
    GetChangeEventOutput,
    ListChangeEventsOutput,
)
from resolute_pagerduty.models.parameters import Count, Id, Ids, Offset, PageSize, Time
from resolute_pagerduty.nodes.declare import READS, WALK_POLICY, pagerduty_node


@pagerduty_node("GetChangeEvent", GET_CHANGE_EVENT, repeat=READS)
async def get_change_event(pagerduty: Accounts, *, id: Id, account: str | None = None) -> GetChangeEventOutput:
    """Reads a change event.

    Args:
        id: its id.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = get_change_event(id="01BBYA6PEVW6A852BUO6QYUE7O")
    """
    answer = await pagerduty.account(account).send(GET_CHANGE_EVENT, path={"id": id})
    return GetChangeEventOutput(change_event=ChangeEvent.model_validate(object_in(answer, "change_event")))


@pagerduty_node("ListChangeEvents", LIST_CHANGE_EVENTS, repeat=READS)
async def list_change_events(
    pagerduty: Accounts,
    *,
    since: Time | None = None,
    until: Time | None = None,
    team_ids: Ids | None = None,
    integration_ids: Ids | None = None,
    limit: PageSize = 25,
    offset: Offset = 0,
    total: bool = False,
    account: str | None = None,
) -> ListChangeEventsOutput:
    """Reads a page of the account's change events, newest first. PagerDuty keeps them for 90 days.

    Args:
        since: the start.
        until: the end.
        team_ids: only services of these teams.
        integration_ids: only those that came through these integrations.
        limit: change events on the page, 1 to 100.
        offset: how many to skip; limit + offset is at most 10,000.
        total: whether to count `total`.
        account: the name of one of the provider's accounts.

    Example:
        >>> from datetime import timedelta
        >>> from resolute import now
        >>> node = list_change_events(since=now() - timedelta(hours=2))
    """
    return await read_page(
        pagerduty.account(account),
        LIST_CHANGE_EVENTS,
        "change_events",
        ListChangeEventsOutput,
        limit=limit,
        offset=offset,
        total=total,
        query=changes_query(since, until, team_ids, integration_ids),
    )


@pagerduty_node("AllChangeEvents", LIST_CHANGE_EVENTS, repeat=READS, policy=WALK_POLICY)
async def all_change_events(
    pagerduty: Accounts,
    *,
    since: Time | None = None,
    until: Time | None = None,
    team_ids: Ids | None = None,
    integration_ids: Ids | None = None,
    limit: Count | None = None,
    account: str | None = None,
) -> AllChangeEventsOutput:
    """Reads every change event in a period, newest first. PagerDuty keeps them for 90 days.

    Args:
        since: the start.
        until: the end.
        team_ids: only services of these teams.
        integration_ids: only those that came through these integrations.
        limit: the most to read; `more` says whether there are more.
        account: the name of one of the provider's accounts.

    Example:
        >>> from datetime import timedelta
        >>> from resolute import now
        >>> node = all_change_events(since=now() - timedelta(days=1))
    """
    query = changes_query(since, until, team_ids, integration_ids)
    opened = pagerduty.account(account)
    walked = await walk(opened, LIST_CHANGE_EVENTS, "change_events", ChangeEvent, query=query, limit=limit)
    return AllChangeEventsOutput(change_events=walked.items, more=walked.more)


@pagerduty_node("ListServiceChangeEvents", LIST_SERVICE_CHANGE_EVENTS, repeat=READS)
async def list_service_change_events(
    pagerduty: Accounts,
    *,
    service_id: Id,
    since: Time | None = None,
    until: Time | None = None,
    integration_ids: Ids | None = None,
    limit: PageSize = 25,
    offset: Offset = 0,
    total: bool = False,
    account: str | None = None,
) -> ListChangeEventsOutput:
    """Reads a page of a service's change events, newest first: what changed there before it failed.

    Args:
        service_id: the service.
        since: the start.
        until: the end.
        integration_ids: only those that came through these integrations.
        limit: change events on the page, 1 to 100.
        offset: how many to skip; limit + offset is at most 10,000.
        total: whether to count `total`.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = list_service_change_events(service_id="PWIXJZS", limit=5)
    """
    return await read_page(
        pagerduty.account(account),
        LIST_SERVICE_CHANGE_EVENTS,
        "change_events",
        ListChangeEventsOutput,
        limit=limit,
        offset=offset,
        total=total,
        path={"id": service_id},
        query=changes_query(since, until, None, integration_ids),
    )


@pagerduty_node("AllServiceChangeEvents", LIST_SERVICE_CHANGE_EVENTS, repeat=READS, policy=WALK_POLICY)
async def all_service_change_events(
    pagerduty: Accounts,
    *,
    service_id: Id,
    since: Time | None = None,
    until: Time | None = None,
    integration_ids: Ids | None = None,
    limit: Count | None = None,
    account: str | None = None,
) -> AllChangeEventsOutput:
    """Reads every change event of a service in a period, newest first.

    Args:
        service_id: the service.
        since: the start.
        until: the end.
        integration_ids: only those that came through these integrations.
        limit: the most to read; `more` says whether there are more.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = all_service_change_events(service_id="PWIXJZS", limit=20)
    """
    walked = await walk(
        pagerduty.account(account),
        LIST_SERVICE_CHANGE_EVENTS,
        "change_events",
        ChangeEvent,
        path={"id": service_id},
        query=changes_query(since, until, None, integration_ids),
        limit=limit,
    )
    return AllChangeEventsOutput(change_events=walked.items, more=walked.more)
