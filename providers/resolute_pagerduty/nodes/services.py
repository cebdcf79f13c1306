"""Services: what PagerDuty watches over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from resolute_pagerduty.accounts import Accounts
from resolute_pagerduty.models.outputs import ListServicesOutput
from resolute_pagerduty.nodes.declare import pagerduty_node
from resolute_pagerduty.operations import LIST_SERVICES
from resolute_pagerduty.paging import read_page
from resolute_pagerduty.parameters import Ids, Offset, PageSize, Text

Include: TypeAlias = Sequence[
    Literal["escalation_policies", "teams", "integrations", "auto_pause_notifications_parameters"]
]


@pagerduty_node("ListServices", LIST_SERVICES, repeat="it only reads")
async def list_services(
    pagerduty: Accounts,
    *,
    query: Text | None = None,
    name: Text | None = None,
    team_ids: Ids | None = None,
    sort_by: Literal["name", "name:asc", "name:desc"] | None = None,
    include: Include | None = None,
    limit: PageSize = 25,
    offset: Offset = 0,
    total: bool = False,
    account: str | None = None,
) -> ListServicesOutput:
    """Reads a page of the services that pass all filters. `all_services` reads every page.

    Args:
        query: a part of the name.
        name: the whole name.
        team_ids: of these teams.
        sort_by: by name, up or down.
        include: what to show in full instead of as a reference.
        limit: services on the page, 1 to 100.
        offset: how many to pass over; limit + offset is at most 10,000.
        total: whether `total` is counted.
        account: one of the provider's accounts by name.

    Example:
        >>> node = list_services(query="checkout", limit=100)
    """
    return await read_page(
        pagerduty.account(account),
        LIST_SERVICES,
        "services",
        ListServicesOutput,
        limit=limit,
        offset=offset,
        total=total,
        query={"query": query, "name": name, "team_ids": team_ids, "sort_by": sort_by, "include": include},
    )
