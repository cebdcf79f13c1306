"""Users and teams: read one team, change and remove what exists."""

from __future__ import annotations

from typing import Final, Literal

from resolute_pagerduty.account.account import object_in
from resolute_pagerduty.account.accounts import Accounts
from resolute_pagerduty.calls.edits import Editable, remove
from resolute_pagerduty.calls.events import given
from resolute_pagerduty.errors import NotFoundError
from resolute_pagerduty.http.operations import (
    DELETE_TEAM,
    GET_TEAM,
    GET_USER,
    REMOVE_TEAM_MEMBER,
    UPDATE_TEAM,
    UPDATE_USER,
)
from resolute_pagerduty.models.outputs import GetTeamOutput, GetUserOutput
from resolute_pagerduty.models.parameters import Id, Text
from resolute_pagerduty.models.people import Team, User
from resolute_pagerduty.nodes.declare import NOTHING, READS, pagerduty_node
from resolute_pagerduty.nodes.people import Email, Name, Role

USER: Final = Editable(name="user", read=GET_USER, update=UPDATE_USER, needed=("name", "email"))
TEAM: Final = Editable(name="team", read=GET_TEAM, update=UPDATE_TEAM, needed=("name",))


@pagerduty_node("UpdateUser", UPDATE_USER, GET_USER, repeat="a repeated change has no further effect", remains=NOTHING)
async def update_user(
    pagerduty: Accounts,
    *,
    id: Id,
    name: Name | None = None,
    email: Email | None = None,
    role: Role | None = None,
    job_title: Name | None = None,
    time_zone: Text | None = None,
    description: str | None = None,
    account: str | None = None,
) -> GetUserOutput:
    """Changes a user; what you leave out stays as it is.

    Args:
        id: the user's id.
        name: a new name, at most 100 characters.
        email: a new login address.
        role: what the user may do in the account.
        job_title: what the user does.
        time_zone: an IANA name.
        description: what the user says about themselves.
        account: the name of one of the provider's accounts.

    Raises:
        InvalidRequestError: there is nothing to change; nothing was sent.

    Example:
        >>> node = update_user(id="PXPGF42", time_zone="Europe/Paris")
    """
    body = given(name=name, email=email, role=role, job_title=job_title, time_zone=time_zone, description=description)
    changed = await USER.change(pagerduty.account(account), id, body)
    return GetUserOutput(user=User.model_validate(changed))


@pagerduty_node("GetTeam", GET_TEAM, repeat=READS)
async def get_team(pagerduty: Accounts, *, id: Id, account: str | None = None) -> GetTeamOutput:
    """Reads a team.

    Args:
        id: its id.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = get_team(id="PQ9K7I8")
    """
    answer = await pagerduty.account(account).send(GET_TEAM, path={"id": id})
    return GetTeamOutput(team=Team.model_validate(object_in(answer, "team")))


@pagerduty_node("UpdateTeam", UPDATE_TEAM, GET_TEAM, repeat="a repeated change has no further effect", remains=NOTHING)
async def update_team(
    pagerduty: Accounts,
    *,
    id: Id,
    name: Name | None = None,
    description: str | None = None,
    default_role: Literal["manager", "none"] | None = None,
    account: str | None = None,
) -> GetTeamOutput:
    """Changes a team; what you leave out stays as it is.

    Args:
        id: its id.
        name: a new name, at most 100 characters.
        description: what it is for.
        default_role: the role of new members; `none` makes the team private.
        account: the name of one of the provider's accounts.

    Raises:
        InvalidRequestError: there is nothing to change; nothing was sent.

    Example:
        >>> node = update_team(id="PQ9K7I8", description="Takes the money")
    """
    body = given(name=name, description=description, default_role=default_role)
    return GetTeamOutput(team=Team.model_validate(await TEAM.change(pagerduty.account(account), id, body)))


@pagerduty_node("DeleteTeam", DELETE_TEAM, repeat="a team that is gone is a success", remains=NOTHING)
async def delete_team(
    pagerduty: Accounts, *, id: Id, reassignment_team_id: Id | None = None, account: str | None = None
) -> None:
    """Removes a team that has no escalation policies, services, schedules or teams below it.

    Args:
        id: its id.
        reassignment_team_id: the team that gets its unresolved incidents; by default they belong to no team.
        account: the name of one of the provider's accounts.

    Raises:
        BadRequestError: something still belongs to the team.

    Example:
        >>> node = delete_team(id="PQ9K7I8")
    """
    query = {"reassignment_team": reassignment_team_id}
    try:
        await pagerduty.account(account).send(DELETE_TEAM, path={"id": id}, query=query)
    except NotFoundError:
        return


@pagerduty_node("RemoveTeamMember", REMOVE_TEAM_MEMBER, repeat="a missing member is a success", remains=NOTHING)
async def remove_team_member(pagerduty: Accounts, *, team_id: Id, user_id: Id, account: str | None = None) -> None:
    """Takes a user out of a team.

    Args:
        team_id: the team.
        user_id: the user.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = remove_team_member(team_id="PQ9K7I8", user_id="PXPGF42")
    """
    await remove(pagerduty.account(account), REMOVE_TEAM_MEMBER, {"id": team_id, "user_id": user_id})
