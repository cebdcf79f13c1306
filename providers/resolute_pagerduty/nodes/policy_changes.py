"""Escalation policies: change and remove them."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from resolute_pagerduty.account.accounts import Accounts
from resolute_pagerduty.calls.edits import Editable, remove
from resolute_pagerduty.calls.events import given
from resolute_pagerduty.calls.incidents import reference
from resolute_pagerduty.http.operations import (
    DELETE_ESCALATION_POLICY,
    GET_ESCALATION_POLICY,
    UPDATE_ESCALATION_POLICY,
)
from resolute_pagerduty.models.oncall import EscalationPolicy
from resolute_pagerduty.models.outputs import GetEscalationPolicyOutput
from resolute_pagerduty.models.parameters import Id, Ids, Text
from resolute_pagerduty.nodes.declare import NOTHING, pagerduty_node
from resolute_pagerduty.nodes.schedules import Levels, rules_of

POLICY: Final = Editable(
    name="escalation_policy",
    read=GET_ESCALATION_POLICY,
    update=UPDATE_ESCALATION_POLICY,
    needed=("name", "escalation_rules"),
)


@pagerduty_node(
    "UpdateEscalationPolicy",
    UPDATE_ESCALATION_POLICY,
    GET_ESCALATION_POLICY,
    repeat="a repeated change has no further effect",
    remains=NOTHING,
)
async def update_escalation_policy(
    pagerduty: Accounts,
    *,
    id: Id,
    name: Text | None = None,
    levels: Levels | None = None,
    num_loops: Annotated[int, Field(ge=0)] | None = None,
    description: str | None = None,
    team_ids: Ids | None = None,
    account: str | None = None,
) -> GetEscalationPolicyOutput:
    """Changes an escalation policy; what you leave out stays as it is. Open incidents follow the new levels.

    Args:
        id: its id.
        name: a new name; names are unique.
        levels: who is notified, in order; they replace all existing levels.
        num_loops: how often to start again after the last level.
        description: what it is for.
        team_ids: the teams it belongs to.
        account: the name of one of the provider's accounts.

    Raises:
        InvalidRequestError: there is nothing to change, or a level notifies nobody; nothing was sent.

    Example:
        >>> node = update_escalation_policy(id="PT20YPA", num_loops=3)
    """
    body = given(
        name=name,
        description=description,
        num_loops=num_loops,
        escalation_rules=rules_of(levels) if levels else None,
        teams=[reference(team, "team") for team in team_ids] if team_ids else None,
    )
    changed = await POLICY.change(pagerduty.account(account), id, body)
    return GetEscalationPolicyOutput(escalation_policy=EscalationPolicy.model_validate(changed))


@pagerduty_node(
    "DeleteEscalationPolicy", DELETE_ESCALATION_POLICY, repeat="a policy that is gone is a success", remains=NOTHING
)
async def delete_escalation_policy(pagerduty: Accounts, *, id: Id, account: str | None = None) -> None:
    """Removes an escalation policy that no service uses.

    Args:
        id: its id.
        account: the name of one of the provider's accounts.

    Raises:
        BadRequestError: a service uses it.

    Example:
        >>> node = delete_escalation_policy(id="PT20YPA")
    """
    await remove(pagerduty.account(account), DELETE_ESCALATION_POLICY, {"id": id})
