"""Maintenance windows: periods in which services open no incidents."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, Literal, TypeAlias

from resolute.plan.muted import Muted
from resolute.plan.policies import Policy, Retry
from resolute_pagerduty.account.account import object_in
from resolute_pagerduty.account.accounts import Accounts
from resolute_pagerduty.calls.edits import Editable
from resolute_pagerduty.calls.events import given
from resolute_pagerduty.calls.incidents import reference
from resolute_pagerduty.calls.paging import read_page, walk
from resolute_pagerduty.calls.windows import Wanted, window_once
from resolute_pagerduty.errors import InvalidRequestError, MethodNotAllowedError, NotFoundError
from resolute_pagerduty.http.operations import (
    CREATE_MAINTENANCE_WINDOW,
    DELETE_MAINTENANCE_WINDOW,
    GET_MAINTENANCE_WINDOW,
    LIST_MAINTENANCE_WINDOWS,
    UPDATE_MAINTENANCE_WINDOW,
)
from resolute_pagerduty.models.outputs import (
    AllMaintenanceWindowsOutput,
    CreateMaintenanceWindowOutput,
    GetMaintenanceWindowOutput,
    ListMaintenanceWindowsOutput,
)
from resolute_pagerduty.models.parameters import Count, Id, Ids, Offset, PageSize, Text, Time
from resolute_pagerduty.models.services import MaintenanceWindow
from resolute_pagerduty.nodes.declare import LATE, NOTHING, READS, WALK_POLICY, pagerduty_node

When: TypeAlias = Literal["past", "future", "ongoing", "open", "all"]
Include: TypeAlias = Sequence[Literal["teams", "services", "users"]]

WINDOW: Final = Editable(
    name="maintenance_window",
    read=GET_MAINTENANCE_WINDOW,
    update=UPDATE_MAINTENANCE_WINDOW,
    needed=("start_time", "end_time", "services"),
)

_SOON: Final = Policy(retry=Retry(attempts=5, initial=1, maximum=8), timeout=10, within=30)
"""For what a page waits for."""


@pagerduty_node("ListMaintenanceWindows", LIST_MAINTENANCE_WINDOWS, repeat=READS)
async def list_maintenance_windows(
    pagerduty: Accounts,
    *,
    service_ids: Ids | None = None,
    team_ids: Ids | None = None,
    filter: When | None = None,  # PagerDuty's word
    query: Text | None = None,
    include: Include | None = None,
    limit: PageSize = 25,
    offset: Offset = 0,
    total: bool = False,
    account: str | None = None,
) -> ListMaintenanceWindowsOutput:
    """Reads a page of the maintenance windows that match all filters. `all_maintenance_windows` reads every page.

    Args:
        service_ids: only these services.
        team_ids: only these teams.
        filter: past, future, ongoing, open (ongoing or future) or all.
        query: part of the description.
        include: what to return in full instead of as a reference.
        limit: windows on the page, 1 to 100.
        offset: how many to skip; limit + offset is at most 10,000.
        total: whether to count `total`.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = list_maintenance_windows(service_ids=["PWIXJZS"], filter="open")
    """
    return await read_page(
        pagerduty.account(account),
        LIST_MAINTENANCE_WINDOWS,
        "maintenance_windows",
        ListMaintenanceWindowsOutput,
        limit=limit,
        offset=offset,
        total=total,
        query={
            "service_ids": service_ids,
            "team_ids": team_ids,
            "filter": filter,
            "query": query,
            "include": include,
        },
    )


@pagerduty_node("AllMaintenanceWindows", LIST_MAINTENANCE_WINDOWS, repeat=READS, policy=WALK_POLICY)
async def all_maintenance_windows(
    pagerduty: Accounts,
    *,
    service_ids: Ids | None = None,
    team_ids: Ids | None = None,
    filter: When | None = None,  # PagerDuty's word
    limit: Count | None = None,
    account: str | None = None,
) -> AllMaintenanceWindowsOutput:
    """Reads every maintenance window that matches all filters.

    Args:
        service_ids: only these services.
        team_ids: only these teams.
        filter: past, future, ongoing, open (ongoing or future) or all.
        limit: the most to read; `more` says whether there are more.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = all_maintenance_windows(filter="ongoing")
    """
    walked = await walk(
        pagerduty.account(account),
        LIST_MAINTENANCE_WINDOWS,
        "maintenance_windows",
        MaintenanceWindow,
        query={"service_ids": service_ids, "team_ids": team_ids, "filter": filter},
        limit=limit,
    )
    return AllMaintenanceWindowsOutput(maintenance_windows=walked.items, more=walked.more)


@pagerduty_node("Maintenance", LIST_MAINTENANCE_WINDOWS, repeat=READS, policy=_SOON)
async def maintenance(pagerduty: Accounts, *, service_ids: Ids, account: str | None = None) -> Muted:
    """Says whether one of these services is in a maintenance window now: for `alarm(..., mute_during=...)`.

    During a window PagerDuty opens no incident for an event, and opens none for it afterwards. An alarm that is muted
    meanwhile is raised when the window is over, if it is still bad. The node is tried for 30 seconds.

    Args:
        service_ids: the services that the alarm is about; a window of one of them counts.
        account: the name of one of the provider's accounts.

    Example:
        >>> from resolute import alarm, output
        >>> muted = maintenance(service_ids=["PWIXJZS"])
        >>> watched = alarm("checkout", bad=output("health.status") == "critical", mute_during=muted)
    """
    walked = await walk(
        pagerduty.account(account),
        LIST_MAINTENANCE_WINDOWS,
        "maintenance_windows",
        MaintenanceWindow,
        query={"service_ids": service_ids, "filter": "ongoing"},
    )
    window = max(walked.items, key=_ends, default=None)
    if window is None:
        return Muted(muted=False)
    what = window.description or window.summary or ""
    return Muted(muted=True, until=window.end_time, reason=f"maintenance window {window.id}" + (what and f", {what}"))


def _ends(window: MaintenanceWindow) -> datetime:
    return window.end_time or datetime.max.replace(tzinfo=UTC)


@pagerduty_node("GetMaintenanceWindow", GET_MAINTENANCE_WINDOW, repeat=READS)
async def get_maintenance_window(
    pagerduty: Accounts, *, id: Id, include: Include | None = None, account: str | None = None
) -> GetMaintenanceWindowOutput:
    """Reads a maintenance window.

    Args:
        id: its id.
        include: what to return in full instead of as a reference.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = get_maintenance_window(id="PW98YIO")
    """
    answer = await pagerduty.account(account).send(GET_MAINTENANCE_WINDOW, path={"id": id}, query={"include": include})
    found = object_in(answer, "maintenance_window")
    return GetMaintenanceWindowOutput(maintenance_window=MaintenanceWindow.model_validate(found))


@pagerduty_node(
    "CreateMaintenanceWindow",
    CREATE_MAINTENANCE_WINDOW,
    LIST_MAINTENANCE_WINDOWS,
    DELETE_MAINTENANCE_WINDOW,
    repeat="an identical window that already exists is returned, and a second one is ended",
    remains=f"a second, identical window {LATE} and no later attempt ends it",
)
async def create_maintenance_window(
    pagerduty: Accounts,
    *,
    service_ids: Ids,
    start_time: Time,
    end_time: Time,
    description: str = "",
    account: str | None = None,
) -> CreateMaintenanceWindowOutput:
    """Keeps services quiet for a while: no incident is opened for them.

    Args:
        service_ids: the services.
        start_time: when it starts.
        end_time: when it ends.
        description: what is being done.
        account: the name of one of the provider's accounts.

    Raises:
        InvalidRequestError: the end is not after the start; nothing was sent.

    Example:
        >>> from datetime import timedelta
        >>> from resolute import now
        >>> node = create_maintenance_window(
        ...     service_ids=["PWIXJZS"], start_time=now(), end_time=now() + timedelta(hours=2), description="Upgrade"
        ... )
    """
    if end_time <= start_time:
        raise InvalidRequestError("end_time", f"{end_time.isoformat()} is not after {start_time.isoformat()}")
    wanted = Wanted(service_ids=service_ids, start=start_time, end=end_time, description=description)
    window, created = await window_once(pagerduty.account(account), wanted)
    return CreateMaintenanceWindowOutput(maintenance_window=window, created=created)


@pagerduty_node(
    "UpdateMaintenanceWindow",
    UPDATE_MAINTENANCE_WINDOW,
    GET_MAINTENANCE_WINDOW,
    repeat="a repeated change has no further effect",
    remains=NOTHING,
)
async def update_maintenance_window(
    pagerduty: Accounts,
    *,
    id: Id,
    start_time: Time | None = None,
    end_time: Time | None = None,
    service_ids: Ids | None = None,
    description: str | None = None,
    account: str | None = None,
) -> GetMaintenanceWindowOutput:
    """Changes a maintenance window, for instance because the work takes longer; what you leave out stays as it is.

    Args:
        id: its id.
        start_time: when it starts.
        end_time: when it ends.
        service_ids: the services; they replace all that it has.
        description: what is being done.
        account: the name of one of the provider's accounts.

    Raises:
        InvalidRequestError: there is nothing to change, or the end is not after the start; nothing was sent.

    Example:
        >>> from datetime import timedelta
        >>> from resolute import now
        >>> node = update_maintenance_window(id="PW98YIO", end_time=now() + timedelta(hours=1))
    """
    if start_time is not None and end_time is not None and end_time <= start_time:
        raise InvalidRequestError("end_time", f"{end_time.isoformat()} is not after {start_time.isoformat()}")
    body = given(
        start_time=start_time and start_time.isoformat(),
        end_time=end_time and end_time.isoformat(),
        description=description,
        services=[reference(service, "service") for service in service_ids] if service_ids else None,
    )
    changed = await WINDOW.change(pagerduty.account(account), id, body)
    return GetMaintenanceWindowOutput(maintenance_window=MaintenanceWindow.model_validate(changed))


@pagerduty_node(
    "DeleteMaintenanceWindow",
    DELETE_MAINTENANCE_WINDOW,
    repeat="a window that is gone, or over, is a success",
    remains=NOTHING,
)
async def delete_maintenance_window(pagerduty: Accounts, *, id: Id, account: str | None = None) -> None:
    """Ends an ongoing maintenance window, or removes one that has not started.

    Args:
        id: its id.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = delete_maintenance_window(id="PW98YIO")
    """
    try:
        await pagerduty.account(account).send(DELETE_MAINTENANCE_WINDOW, path={"id": id})
    except (NotFoundError, MethodNotAllowedError):
        return  # gone, or over: 405 is what PagerDuty answers for a window in the past
