"""Who is on call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from resolute_pagerduty.account.accounts import Accounts
from resolute_pagerduty.calls.paging import walk
from resolute_pagerduty.http.operations import LIST_ONCALLS
from resolute_pagerduty.models.oncall import OnCall
from resolute_pagerduty.models.outputs import GetOnCallsOutput
from resolute_pagerduty.models.parameters import Ids, Time
from resolute_pagerduty.nodes.declare import READS, WALK_POLICY, pagerduty_node

Include: TypeAlias = Sequence[Literal["escalation_policies", "users", "schedules"]]


@pagerduty_node("GetOnCalls", LIST_ONCALLS, repeat=READS, policy=WALK_POLICY)
async def get_on_calls(
    pagerduty: Accounts,
    *,
    escalation_policy_ids: Ids | None = None,
    schedule_ids: Ids | None = None,
    user_ids: Ids | None = None,
    since: Time | None = None,
    until: Time | None = None,
    earliest: bool | None = None,
    include: Include | None = None,
    account: str | None = None,
) -> GetOnCallsOutput:
    """Reads who is on call, now or in a period: every entry, however many pages they fill.

    Args:
        escalation_policy_ids: only these escalation policies.
        schedule_ids: only these schedules.
        user_ids: only these users.
        since: the start; now by default.
        until: the end; now by default.
        earliest: only the next shift of each user on each level of each policy.
        include: what to return in full: with `users`, also their email addresses.
        account: the name of one of the provider's accounts.

    Example:
        >>> oncall = get_on_calls(escalation_policy_ids=["PT20YPA"], include=["users"]).as_("oncall")
    """
    walked = await walk(
        pagerduty.account(account),
        LIST_ONCALLS,
        "oncalls",
        OnCall,
        query={
            "escalation_policy_ids": escalation_policy_ids,
            "schedule_ids": schedule_ids,
            "user_ids": user_ids,
            "since": since,
            "until": until,
            "earliest": earliest,
            "include": include,
        },
    )
    return GetOnCallsOutput(oncalls=walked.items)
