"""Responders: ask people to help with an incident."""

from __future__ import annotations

from resolute_pagerduty.account.accounts import Accounts
from resolute_pagerduty.calls.responders import request_once, requester_of, targets_of
from resolute_pagerduty.errors import InvalidRequestError
from resolute_pagerduty.http.operations import GET_INCIDENT, GET_ME, LIST_USERS, REQUEST_RESPONDERS
from resolute_pagerduty.models.parameters import Id, Ids, Text
from resolute_pagerduty.models.responders import RequestRespondersOutput
from resolute_pagerduty.nodes.declare import LATE, pagerduty_node


@pagerduty_node(
    "RequestResponders",
    REQUEST_RESPONDERS,
    GET_INCIDENT,
    LIST_USERS,
    GET_ME,
    repeat="a repeat looks for the request on the incident first, and sends nothing if it finds it",
    remains=f"people are asked a second time {LATE}",
)
async def request_responders(
    pagerduty: Accounts,
    *,
    incident_id: Id | int,
    message: Text,
    user_ids: Ids | None = None,
    escalation_policy_ids: Ids | None = None,
    requester_id: Id | None = None,
    account: str | None = None,
) -> RequestRespondersOutput:
    """Asks more people to help with an incident. They are notified as for an urgent incident until they answer.

    Args:
        incident_id: the incident's id, or its number.
        message: what they get to read: what is wrong, and where people meet.
        user_ids: the users to ask.
        escalation_policy_ids: the escalation policies whose on-call people to ask.
        requester_id: the user who asks; by default that of PAGERDUTY_FROM_EMAIL, or the credential's user.
        account: the name of one of the provider's accounts.

    Raises:
        InvalidRequestError: neither a user nor an escalation policy is given; nothing was sent.
        MissingSettingError: there is no requester: the credential belongs to no user, and no user is named.
        MissingAbilityError: the account's plan does not include it.
        UncertainOutcomeError: an earlier attempt may have asked, but PagerDuty does not show it.

    Example:
        >>> node = request_responders(
        ...     incident_id="PT4KHLK", message="Checkout is down, please join the bridge", user_ids=["PXPGF42"]
        ... )
    """
    targets = targets_of(user_ids, escalation_policy_ids)
    if not targets:
        raise InvalidRequestError("user_ids", "or escalation_policy_ids is missing: nobody would be asked")
    opened = pagerduty.account(account)
    requester = requester_id or await requester_of(opened)
    request, created = await request_once(opened, str(incident_id), requester, message, targets)
    return RequestRespondersOutput(responder_request=request, created=created)
