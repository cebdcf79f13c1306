"""Schedules and escalation policies: who is on call when, and who is notified next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, Literal, TypeAlias

from annotated_types import MaxLen, MinLen
from pydantic import Field

from resolute import Record
from resolute_pagerduty.account.account import list_in, object_in
from resolute_pagerduty.account.accounts import Accounts
from resolute_pagerduty.calls.events import given
from resolute_pagerduty.calls.incidents import reference
from resolute_pagerduty.calls.lookups import Kind
from resolute_pagerduty.calls.overrides import override_once
from resolute_pagerduty.calls.paging import read_page, walk
from resolute_pagerduty.errors import InvalidRequestError
from resolute_pagerduty.http.exchange import JsonBody
from resolute_pagerduty.http.operations import (
    CREATE_ESCALATION_POLICY,
    CREATE_OVERRIDES,
    DELETE_OVERRIDE,
    GET_ESCALATION_POLICY,
    GET_SCHEDULE,
    LIST_ESCALATION_POLICIES,
    LIST_OVERRIDES,
    LIST_SCHEDULES,
)
from resolute_pagerduty.models.oncall import EscalationPolicy, Schedule, Shift
from resolute_pagerduty.models.outputs import (
    AllEscalationPoliciesOutput,
    AllSchedulesOutput,
    CreateEscalationPolicyOutput,
    CreateOverrideOutput,
    GetEscalationPolicyOutput,
    GetScheduleOutput,
    ListEscalationPoliciesOutput,
    ListOverridesOutput,
    ListSchedulesOutput,
)
from resolute_pagerduty.models.parameters import Count, Id, Ids, Offset, PageSize, Text, Time
from resolute_pagerduty.nodes.declare import LATE, NOTHING, READS, WALK_POLICY, pagerduty_node

PolicyInclude: TypeAlias = Sequence[Literal["services", "teams", "targets"]]
POLICIES: Final = Kind(
    model=EscalationPolicy,
    name="escalation_policy",
    plural="escalation_policies",
    lookup=LIST_ESCALATION_POLICIES,
    create=CREATE_ESCALATION_POLICY,
)


class EscalationLevel(Record):
    """A level of an escalation policy: who is notified, and after how many minutes the next level is.

    Example:
        >>> level = EscalationLevel(delay_minutes=30, schedule_ids=["PI7DH85"])
    """

    delay_minutes: Annotated[int, Field(ge=1)]
    user_ids: Sequence[Id] = ()
    schedule_ids: Sequence[Id] = ()


Levels: TypeAlias = Annotated[Sequence[EscalationLevel], MinLen(1), MaxLen(20)]


@pagerduty_node("ListSchedules", LIST_SCHEDULES, repeat=READS)
async def list_schedules(
    pagerduty: Accounts,
    *,
    query: Text | None = None,
    team_ids: Ids | None = None,
    limit: PageSize = 25,
    offset: Offset = 0,
    total: bool = False,
    account: str | None = None,
) -> ListSchedulesOutput:
    """Reads a page of the schedules that match all filters. `all_schedules` reads every page.

    Args:
        query: part of the name.
        team_ids: only these teams.
        limit: schedules on the page, 1 to 100.
        offset: how many to skip; limit + offset is at most 10,000.
        total: whether to count `total`.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = list_schedules(query="primary")
    """
    return await read_page(
        pagerduty.account(account),
        LIST_SCHEDULES,
        "schedules",
        ListSchedulesOutput,
        limit=limit,
        offset=offset,
        total=total,
        query={"query": query, "team_ids": team_ids},
    )


@pagerduty_node("AllSchedules", LIST_SCHEDULES, repeat=READS, policy=WALK_POLICY)
async def all_schedules(
    pagerduty: Accounts,
    *,
    query: Text | None = None,
    team_ids: Ids | None = None,
    limit: Count | None = None,
    account: str | None = None,
) -> AllSchedulesOutput:
    """Reads every schedule that matches all filters.

    Args:
        query: part of the name.
        team_ids: only these teams.
        limit: the most to read; `more` says whether there are more.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = all_schedules()
    """
    asked = {"query": query, "team_ids": team_ids}
    walked = await walk(pagerduty.account(account), LIST_SCHEDULES, "schedules", Schedule, query=asked, limit=limit)
    return AllSchedulesOutput(schedules=walked.items, more=walked.more)


@pagerduty_node("GetSchedule", GET_SCHEDULE, repeat=READS)
async def get_schedule(
    pagerduty: Accounts,
    *,
    id: Id,
    since: Time | None = None,
    until: Time | None = None,
    time_zone: Text | None = None,
    overflow: bool | None = None,
    account: str | None = None,
) -> GetScheduleOutput:
    """Reads a schedule with its shifts in a period: `final_schedule` says who is on call, including overrides.

    Args:
        id: its id.
        since: the start; now by default.
        until: the end; two weeks from now by default.
        time_zone: an IANA name for the times; the schedule's own by default.
        overflow: shows shifts that extend beyond the period in full, instead of cutting them off.
        account: the name of one of the provider's accounts.

    Example:
        >>> from datetime import timedelta
        >>> from resolute import now
        >>> node = get_schedule(id="PI7DH85", since=now(), until=now() + timedelta(days=1))
    """
    query = {"since": since, "until": until, "time_zone": time_zone, "overflow": overflow}
    answer = await pagerduty.account(account).send(GET_SCHEDULE, path={"id": id}, query=query)
    return GetScheduleOutput(schedule=Schedule.model_validate(object_in(answer, "schedule")))


@pagerduty_node("ListOverrides", LIST_OVERRIDES, repeat=READS)
async def list_overrides(
    pagerduty: Accounts, *, schedule_id: Id, since: Time, until: Time, account: str | None = None
) -> ListOverridesOutput:
    """Reads the overrides of a schedule in a period; PagerDuty returns them in one response.

    Args:
        schedule_id: the schedule.
        since: the start.
        until: the end.
        account: the name of one of the provider's accounts.

    Example:
        >>> from datetime import timedelta
        >>> from resolute import now
        >>> node = list_overrides(schedule_id="PI7DH85", since=now(), until=now() + timedelta(days=7))
    """
    query = {"since": since, "until": until}
    answer = await pagerduty.account(account).send(LIST_OVERRIDES, path={"id": schedule_id}, query=query)
    return ListOverridesOutput(overrides=tuple(Shift.model_validate(each) for each in list_in(answer, "overrides")))


@pagerduty_node(
    "CreateOverride",
    CREATE_OVERRIDES,
    LIST_OVERRIDES,
    DELETE_OVERRIDE,
    repeat="an existing override with the same user and times is returned, and a second one is removed",
    remains=f"a second, equal override {LATE} and no later attempt removes it",
)
async def create_override(
    pagerduty: Accounts, *, schedule_id: Id, user_id: Id, start: Time, end: Time, account: str | None = None
) -> CreateOverrideOutput:
    """Puts a user on call for a while, in place of the scheduled one. The newest override wins.

    Args:
        schedule_id: the schedule.
        user_id: the user to put on call.
        start: when it starts.
        end: when it ends.
        account: the name of one of the provider's accounts.

    Raises:
        InvalidRequestError: the end is not after the start; nothing was sent.
        BadRequestError: PagerDuty refuses the override, and says why.

    Example:
        >>> from datetime import timedelta
        >>> from resolute import now
        >>> node = create_override(
        ...     schedule_id="PI7DH85", user_id="PXPGF42", start=now(), end=now() + timedelta(hours=8)
        ... )
    """
    if end <= start:
        raise InvalidRequestError("end", f"{end.isoformat()} is not after start, {start.isoformat()}")
    override, created = await override_once(pagerduty.account(account), schedule_id, user_id, start, end)
    return CreateOverrideOutput(override=override, created=created)


@pagerduty_node("ListEscalationPolicies", LIST_ESCALATION_POLICIES, repeat=READS)
async def list_escalation_policies(
    pagerduty: Accounts,
    *,
    query: Text | None = None,
    user_ids: Ids | None = None,
    team_ids: Ids | None = None,
    include: PolicyInclude | None = None,
    limit: PageSize = 25,
    offset: Offset = 0,
    total: bool = False,
    account: str | None = None,
) -> ListEscalationPoliciesOutput:
    """Reads a page of the escalation policies that match all filters. `all_escalation_policies` reads every page.

    Args:
        query: part of the name.
        user_ids: only those that notify these users.
        team_ids: only these teams.
        include: what to return in full instead of as a reference.
        limit: policies on the page, 1 to 100.
        offset: how many to skip; limit + offset is at most 10,000.
        total: whether to count `total`.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = list_escalation_policies(query="payments")
    """
    return await read_page(
        pagerduty.account(account),
        LIST_ESCALATION_POLICIES,
        "escalation_policies",
        ListEscalationPoliciesOutput,
        limit=limit,
        offset=offset,
        total=total,
        query={"query": query, "user_ids": user_ids, "team_ids": team_ids, "include": include},
    )


@pagerduty_node("AllEscalationPolicies", LIST_ESCALATION_POLICIES, repeat=READS, policy=WALK_POLICY)
async def all_escalation_policies(
    pagerduty: Accounts,
    *,
    query: Text | None = None,
    user_ids: Ids | None = None,
    team_ids: Ids | None = None,
    include: PolicyInclude | None = None,
    limit: Count | None = None,
    account: str | None = None,
) -> AllEscalationPoliciesOutput:
    """Reads every escalation policy that matches all filters.

    Args:
        query: part of the name.
        user_ids: only those that notify these users.
        team_ids: only these teams.
        include: what to return in full instead of as a reference.
        limit: the most to read; `more` says whether there are more.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = all_escalation_policies()
    """
    walked = await walk(
        pagerduty.account(account),
        LIST_ESCALATION_POLICIES,
        "escalation_policies",
        EscalationPolicy,
        query={"query": query, "user_ids": user_ids, "team_ids": team_ids, "include": include},
        limit=limit,
    )
    return AllEscalationPoliciesOutput(escalation_policies=walked.items, more=walked.more)


@pagerduty_node("GetEscalationPolicy", GET_ESCALATION_POLICY, repeat=READS)
async def get_escalation_policy(
    pagerduty: Accounts, *, id: Id, include: PolicyInclude | None = None, account: str | None = None
) -> GetEscalationPolicyOutput:
    """Reads an escalation policy with its levels.

    Args:
        id: its id.
        include: what to return in full instead of as a reference.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = get_escalation_policy(id="PT20YPA", include=["targets"])
    """
    opened = pagerduty.account(account)
    answer = await opened.send(GET_ESCALATION_POLICY, path={"id": id}, query={"include": include})
    found = object_in(answer, "escalation_policy")
    return GetEscalationPolicyOutput(escalation_policy=EscalationPolicy.model_validate(found))


@pagerduty_node(
    "CreateEscalationPolicy",
    CREATE_ESCALATION_POLICY,
    LIST_ESCALATION_POLICIES,
    repeat="an existing policy with that name is returned; PagerDuty's names are unique",
    remains=NOTHING,
)
async def create_escalation_policy(
    pagerduty: Accounts,
    *,
    name: Text,
    levels: Levels,
    num_loops: Annotated[int, Field(ge=0)] = 0,
    description: str | None = None,
    team_ids: Ids | None = None,
    account: str | None = None,
) -> CreateEscalationPolicyOutput:
    """Creates an escalation policy. An existing one with that name is returned unchanged, with `created` false.

    Args:
        name: its name, which must be unique.
        levels: who is notified, in order.
        num_loops: how often to start again after the last level.
        description: what it is for.
        team_ids: the teams it belongs to.
        account: the name of one of the provider's accounts.

    Raises:
        InvalidRequestError: a level notifies nobody; nothing was sent.

    Example:
        >>> levels = [EscalationLevel(delay_minutes=15, schedule_ids=["PI7DH85"])]
        >>> node = create_escalation_policy(name="Payments", levels=levels, num_loops=2)
    """
    body = given(
        name=name,
        description=description,
        num_loops=num_loops,
        escalation_rules=rules_of(levels),
        teams=[reference(team, "team") for team in team_ids] if team_ids else None,
    )
    policy, created = await POLICIES.make(pagerduty.account(account), body)
    return CreateEscalationPolicyOutput(escalation_policy=policy, created=created)


def rules_of(levels: Sequence[EscalationLevel]) -> list[JsonBody]:
    """Levels as PagerDuty expects them.

    Raises:
        InvalidRequestError: a level notifies nobody, or too many.
    """
    return [_rule(number, level) for number, level in enumerate(levels)]


def _rule(number: int, level: EscalationLevel) -> JsonBody:
    targets = [reference(user, "user") for user in level.user_ids]
    targets += [reference(schedule, "schedule") for schedule in level.schedule_ids]
    if not 1 <= len(targets) <= 10:
        raise InvalidRequestError(
            f"levels[{number}]", f"notifies {len(targets)} users and schedules, 1 to 10 are possible"
        )
    return {"escalation_delay_in_minutes": level.delay_minutes, "targets": targets}
