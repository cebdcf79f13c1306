"""Users and teams."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, Literal, TypeAlias

from annotated_types import MaxLen, MinLen
from pydantic import StringConstraints

from resolute_pagerduty.account.account import object_in
from resolute_pagerduty.account.accounts import Accounts
from resolute_pagerduty.calls.events import given
from resolute_pagerduty.calls.lookups import Kind
from resolute_pagerduty.calls.paging import read_page, walk
from resolute_pagerduty.http.operations import (
    ADD_TEAM_MEMBER,
    CREATE_TEAM,
    CREATE_USER,
    GET_ME,
    GET_USER,
    LIST_TEAM_MEMBERS,
    LIST_TEAMS,
    LIST_USERS,
)
from resolute_pagerduty.models.outputs import (
    AllTeamMembersOutput,
    AllTeamsOutput,
    AllUsersOutput,
    CreateTeamOutput,
    CreateUserOutput,
    GetUserOutput,
    ListTeamMembersOutput,
    ListTeamsOutput,
    ListUsersOutput,
)
from resolute_pagerduty.models.parameters import Count, Id, Ids, Offset, PageSize, Text
from resolute_pagerduty.models.people import Team, TeamMember, User
from resolute_pagerduty.nodes.declare import LATE, NOTHING, READS, WALK_POLICY, pagerduty_node

Include: TypeAlias = Sequence[Literal["contact_methods", "notification_rules", "teams", "subdomains"]]
Name: TypeAlias = Annotated[str, MinLen(1), MaxLen(100)]
Email: TypeAlias = Annotated[str, StringConstraints(min_length=6, max_length=100, pattern=r"^[^@\s]+@[^@\s]+$")]
Role: TypeAlias = Literal[
    "admin",
    "limited_user",
    "observer",
    "owner",
    "read_only_limited_user",
    "read_only_user",
    "restricted_access",
    "user",
]

USERS: Final = Kind(model=User, name="user", plural="users", lookup=LIST_USERS, create=CREATE_USER, field="email")
TEAMS: Final = Kind(model=Team, name="team", plural="teams", lookup=LIST_TEAMS, create=CREATE_TEAM)


@pagerduty_node("ListUsers", LIST_USERS, repeat=READS)
async def list_users(
    pagerduty: Accounts,
    *,
    query: Text | None = None,
    team_ids: Ids | None = None,
    include: Include | None = None,
    limit: PageSize = 25,
    offset: Offset = 0,
    total: bool = False,
    account: str | None = None,
) -> ListUsersOutput:
    """Reads a page of the users that match all filters. `all_users` reads every page.

    Args:
        query: part of the name or email address.
        team_ids: only these teams.
        include: what to return in full instead of as a reference.
        limit: users on the page, 1 to 100.
        offset: how many to skip; limit + offset is at most 10,000.
        total: whether to count `total`.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = list_users(query="ada", include=["contact_methods"])
    """
    return await read_page(
        pagerduty.account(account),
        LIST_USERS,
        "users",
        ListUsersOutput,
        limit=limit,
        offset=offset,
        total=total,
        query={"query": query, "team_ids": team_ids, "include": include},
    )


@pagerduty_node("AllUsers", LIST_USERS, repeat=READS, policy=WALK_POLICY)
async def all_users(
    pagerduty: Accounts,
    *,
    query: Text | None = None,
    team_ids: Ids | None = None,
    include: Include | None = None,
    limit: Count | None = None,
    account: str | None = None,
) -> AllUsersOutput:
    """Reads every user that matches all filters.

    Args:
        query: part of the name or email address.
        team_ids: only these teams.
        include: what to return in full instead of as a reference.
        limit: the most to read; `more` says whether there are more.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = all_users(team_ids=["PQ9K7I8"])
    """
    asked = {"query": query, "team_ids": team_ids, "include": include}
    walked = await walk(pagerduty.account(account), LIST_USERS, "users", User, query=asked, limit=limit)
    return AllUsersOutput(users=walked.items, more=walked.more)


@pagerduty_node("GetUser", GET_USER, repeat=READS)
async def get_user(
    pagerduty: Accounts, *, id: Id, include: Include | None = None, account: str | None = None
) -> GetUserOutput:
    """Reads a user.

    Args:
        id: the user's id.
        include: what to return in full: with `contact_methods`, how the user is reached.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = get_user(id="PXPGF42", include=["contact_methods"])
    """
    answer = await pagerduty.account(account).send(GET_USER, path={"id": id}, query={"include": include})
    return GetUserOutput(user=User.model_validate(object_in(answer, "user")))


@pagerduty_node("GetCurrentUser", GET_ME, repeat=READS)
async def get_current_user(pagerduty: Accounts, *, account: str | None = None) -> GetUserOutput:
    """Reads the user that the credential belongs to.

    Args:
        account: the name of one of the provider's accounts.

    Raises:
        BadRequestError: the credential is an account's API key, which belongs to no user.

    Example:
        >>> node = get_current_user()
    """
    answer = await pagerduty.account(account).send(GET_ME)
    return GetUserOutput(user=User.model_validate(object_in(answer, "user")))


@pagerduty_node(
    "CreateUser",
    CREATE_USER,
    LIST_USERS,
    repeat="an existing user with that email address is returned",
    remains=NOTHING,
)
async def create_user(
    pagerduty: Accounts,
    *,
    name: Name,
    email: Email,
    role: Role | None = None,
    job_title: Name | None = None,
    time_zone: Text | None = None,
    account: str | None = None,
) -> CreateUserOutput:
    """Adds a user, who is invited by email. An existing user with that address is returned unchanged.

    Args:
        name: at most 100 characters.
        email: the login address, which must be unique.
        role: what the user may do in the account.
        job_title: what the user does.
        time_zone: an IANA name; the account's by default.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = create_user(name="Ada Moreno", email="ada@harbour.example")
    """
    body = given(name=name, email=email, role=role, job_title=job_title, time_zone=time_zone)
    user, created = await USERS.make(pagerduty.account(account), body)
    return CreateUserOutput(user=user, created=created)


@pagerduty_node("ListTeams", LIST_TEAMS, repeat=READS)
async def list_teams(
    pagerduty: Accounts,
    *,
    query: Text | None = None,
    limit: PageSize = 25,
    offset: Offset = 0,
    total: bool = False,
    account: str | None = None,
) -> ListTeamsOutput:
    """Reads a page of the teams. `all_teams` reads every page.

    Args:
        query: part of the name.
        limit: teams on the page, 1 to 100.
        offset: how many to skip; limit + offset is at most 10,000.
        total: whether to count `total`.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = list_teams(query="payments")
    """
    return await read_page(
        pagerduty.account(account),
        LIST_TEAMS,
        "teams",
        ListTeamsOutput,
        limit=limit,
        offset=offset,
        total=total,
        query={"query": query},
    )


@pagerduty_node("AllTeams", LIST_TEAMS, repeat=READS, policy=WALK_POLICY)
async def all_teams(
    pagerduty: Accounts, *, query: Text | None = None, limit: Count | None = None, account: str | None = None
) -> AllTeamsOutput:
    """Reads every team.

    Args:
        query: part of the name.
        limit: the most to read; `more` says whether there are more.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = all_teams()
    """
    walked = await walk(pagerduty.account(account), LIST_TEAMS, "teams", Team, query={"query": query}, limit=limit)
    return AllTeamsOutput(teams=walked.items, more=walked.more)


@pagerduty_node(
    "CreateTeam",
    CREATE_TEAM,
    LIST_TEAMS,
    repeat="an existing team with that name is returned",
    remains=f"a second team with that name {LATE}",
)
async def create_team(
    pagerduty: Accounts, *, name: Name, description: str | None = None, account: str | None = None
) -> CreateTeamOutput:
    """Creates a team. An existing team with that name is returned unchanged, with `created` false.

    Args:
        name: at most 100 characters.
        description: what it is for.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = create_team(name="Payments")
    """
    team, created = await TEAMS.make(pagerduty.account(account), given(name=name, description=description))
    return CreateTeamOutput(team=team, created=created)


@pagerduty_node("AddTeamMember", ADD_TEAM_MEMBER, repeat="adding a member twice has no further effect", remains=NOTHING)
async def add_team_member(
    pagerduty: Accounts,
    *,
    team_id: Id,
    user_id: Id,
    role: Literal["observer", "responder", "manager"] | None = None,
    account: str | None = None,
) -> None:
    """Adds a user to a team, or changes the user's role there.

    Args:
        team_id: the team.
        user_id: the user.
        role: observer, responder or manager; by default, what PagerDuty derives from the user's own role.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = add_team_member(team_id="PQ9K7I8", user_id="PXPGF42", role="responder")
    """
    path = {"id": team_id, "user_id": user_id}
    await pagerduty.account(account).send(ADD_TEAM_MEMBER, path=path, body=given(role=role))


@pagerduty_node("ListTeamMembers", LIST_TEAM_MEMBERS, repeat=READS)
async def list_team_members(
    pagerduty: Accounts,
    *,
    team_id: Id,
    include: Sequence[Literal["users"]] | None = None,
    limit: PageSize = 25,
    offset: Offset = 0,
    total: bool = False,
    account: str | None = None,
) -> ListTeamMembersOutput:
    """Reads a page of a team's members, each with their role there. `all_team_members` reads every page.

    Args:
        team_id: the team.
        include: with `users`, everything about them.
        limit: members on the page, 1 to 100.
        offset: how many to skip; limit + offset is at most 10,000.
        total: whether to count `total`.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = list_team_members(team_id="PQ9K7I8")
    """
    return await read_page(
        pagerduty.account(account),
        LIST_TEAM_MEMBERS,
        "members",
        ListTeamMembersOutput,
        limit=limit,
        offset=offset,
        total=total,
        path={"id": team_id},
        query={"include": include},
    )


@pagerduty_node("AllTeamMembers", LIST_TEAM_MEMBERS, repeat=READS, policy=WALK_POLICY)
async def all_team_members(
    pagerduty: Accounts,
    *,
    team_id: Id,
    include: Sequence[Literal["users"]] | None = None,
    limit: Count | None = None,
    account: str | None = None,
) -> AllTeamMembersOutput:
    """Reads every member of a team, each with their role there.

    Args:
        team_id: the team.
        include: with `users`, everything about them.
        limit: the most to read; `more` says whether there are more.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = all_team_members(team_id="PQ9K7I8")
    """
    walked = await walk(
        pagerduty.account(account),
        LIST_TEAM_MEMBERS,
        "members",
        TeamMember,
        path={"id": team_id},
        query={"include": include},
        limit=limit,
    )
    return AllTeamMembersOutput(members=walked.items, more=walked.more)
