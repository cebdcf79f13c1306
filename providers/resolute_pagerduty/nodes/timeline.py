"""What happened: the timeline of an incident, and of all incidents of the account."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from resolute_pagerduty.account.account import object_in
from resolute_pagerduty.account.accounts import Accounts
from resolute_pagerduty.calls.paging import read_page, walk
from resolute_pagerduty.http.operations import GET_LOG_ENTRY, LIST_ACCOUNT_LOG_ENTRIES, LIST_LOG_ENTRIES
from resolute_pagerduty.models.incidents import LogEntry
from resolute_pagerduty.models.outputs import (
    AllAccountLogEntriesOutput,
    AllLogEntriesOutput,
    GetLogEntryOutput,
    ListAccountLogEntriesOutput,
    ListLogEntriesOutput,
)
from resolute_pagerduty.models.parameters import Count, Id, Ids, Offset, PageSize, Time
from resolute_pagerduty.nodes.declare import READS, WALK_POLICY, pagerduty_node

EntryInclude: TypeAlias = Sequence[Literal["incidents", "services", "channels", "teams"]]


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
    """Reads a page of an incident's timeline, newest entry first. `all_log_entries` reads every page.

    Args:
        incident_id: the incident's id, or its number.
        since: the start.
        until: the end.
        is_overview: only the entries that matter most.
        include: what to return in full: with `channels`, also what the monitor sent.
        limit: entries on the page, 1 to 100.
        offset: how many to skip; limit + offset is at most 10,000.
        total: whether to count `total`.
        account: the name of one of the provider's accounts.

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
    """Reads an incident's whole timeline, newest entry first.

    Args:
        incident_id: the incident's id, or its number.
        since: the start.
        until: the end.
        is_overview: only the entries that matter most.
        include: what to return in full: with `channels`, also what the monitor sent.
        limit: the most to read; `more` says whether there are more.
        account: the name of one of the provider's accounts.

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


@pagerduty_node("GetLogEntry", GET_LOG_ENTRY, repeat=READS)
async def get_log_entry(
    pagerduty: Accounts, *, id: Id, include: EntryInclude | None = None, account: str | None = None
) -> GetLogEntryOutput:
    """Reads one entry of a timeline; with `include=["channels"]` also what the monitor sent.

    Args:
        id: its id, from a timeline or an incident's `first_trigger_log_entry`.
        include: what to return in full: with `channels`, also what the monitor sent.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = get_log_entry(id="Q02JTSNZWHSEKV", include=["channels"])
    """
    answer = await pagerduty.account(account).send(GET_LOG_ENTRY, path={"id": id}, query={"include": include})
    return GetLogEntryOutput(log_entry=LogEntry.model_validate(object_in(answer, "log_entry")))


@pagerduty_node("ListAccountLogEntries", LIST_ACCOUNT_LOG_ENTRIES, repeat=READS)
async def list_account_log_entries(
    pagerduty: Accounts,
    *,
    since: Time | None = None,
    until: Time | None = None,
    team_ids: Ids | None = None,
    is_overview: bool | None = None,
    include: EntryInclude | None = None,
    limit: PageSize = 25,
    offset: Offset = 0,
    total: bool = False,
    account: str | None = None,
) -> ListAccountLogEntriesOutput:
    """Reads a page of what happened to all incidents of the account, newest entry first.

    `all_account_log_entries` reads every page; `list_log_entries` reads the timeline of one incident.

    Args:
        since: the start.
        until: the end.
        team_ids: only incidents of these teams.
        is_overview: only the entries that matter most.
        include: what to return in full: with `channels`, also what the monitor sent.
        limit: entries on the page, 1 to 100.
        offset: how many to skip; limit + offset is at most 10,000.
        total: whether to count `total`.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = list_account_log_entries(is_overview=True, limit=50)
    """
    return await read_page(
        pagerduty.account(account),
        LIST_ACCOUNT_LOG_ENTRIES,
        "log_entries",
        ListAccountLogEntriesOutput,
        limit=limit,
        offset=offset,
        total=total,
        query={
            "since": since,
            "until": until,
            "team_ids": team_ids,
            "is_overview": is_overview,
            "include": include,
        },
    )


@pagerduty_node("AllAccountLogEntries", LIST_ACCOUNT_LOG_ENTRIES, repeat=READS, policy=WALK_POLICY)
async def all_account_log_entries(
    pagerduty: Accounts,
    *,
    since: Time,
    until: Time | None = None,
    team_ids: Ids | None = None,
    is_overview: bool | None = None,
    include: EntryInclude | None = None,
    limit: Count | None = None,
    account: str | None = None,
) -> AllAccountLogEntriesOutput:
    """Reads everything that happened to the account's incidents in a period, newest entry first.

    PagerDuty pages through at most 10,000 entries; for a busy account, ask for a shorter period.

    Args:
        since: the start.
        until: the end; now by default.
        team_ids: only incidents of these teams.
        is_overview: only the entries that matter most.
        include: what to return in full: with `channels`, also what the monitor sent.
        limit: the most to read; `more` says whether there are more.
        account: the name of one of the provider's accounts.

    Raises:
        InvalidRequestError: there are more than 10,000 entries; nothing is left out silently.

    Example:
        >>> from datetime import timedelta
        >>> from resolute import now
        >>> node = all_account_log_entries(since=now() - timedelta(hours=8), is_overview=True)
    """
    walked = await walk(
        pagerduty.account(account),
        LIST_ACCOUNT_LOG_ENTRIES,
        "log_entries",
        LogEntry,
        query={
            "since": since,
            "until": until,
            "team_ids": team_ids,
            "is_overview": is_overview,
            "include": include,
        },
        limit=limit,
    )
    return AllAccountLogEntriesOutput(log_entries=walked.items, more=walked.more)
