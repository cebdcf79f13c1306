"""Asks people once to help with an incident.

PagerDuty has no deduplication key for such a request, but shows them with the incident.
"""

from __future__ import annotations

from collections.abc import Sequence

from resolute_pagerduty.account.account import Account, list_in, object_in
from resolute_pagerduty.account.doubt import may_have_sent
from resolute_pagerduty.calls.incidents import read_incident, reference
from resolute_pagerduty.calls.repeats import is_news, is_ordered
from resolute_pagerduty.errors import MissingSettingError, UncertainOutcomeError
from resolute_pagerduty.http.exchange import JsonBody
from resolute_pagerduty.http.operations import LIST_USERS, REQUEST_RESPONDERS
from resolute_pagerduty.models.responders import ResponderRequest


async def request_once(
    account: Account, incident_id: str, requester_id: str, message: str, targets: Sequence[JsonBody]
) -> tuple[ResponderRequest, bool]:
    """The request, and whether it is new.

    Raises:
        UncertainOutcomeError: an earlier attempt may have made it, but PagerDuty does not show the incident's requests.
    """
    incident = await read_incident(account, incident_id)
    asked = {str(each["id"]) for each in targets}
    equal = [
        each
        for each in _requests(incident)
        if (each.requester.id, each.message) == (requester_id, message)
        and {one.id for one in each.responder_request_targets} == asked
    ]
    if is_news(str(len(equal))) and equal:
        return max(equal, key=lambda each: (str(each.requested_at), each.id)), False
    if may_have_sent() and not (is_ordered() or isinstance(incident.get("responder_requests"), list)):
        raise UncertainOutcomeError(
            "an earlier attempt may have asked the responders, and PagerDuty does not show whom it asked: "
            "they are not asked again. Look at the incident"
        )
    body = {
        "requester_id": requester_id,
        "message": message,
        "responder_request_targets": [{"responder_request_target": each} for each in targets],
    }
    answer = await account.send(REQUEST_RESPONDERS, path={"id": incident_id}, body=body)
    return ResponderRequest.model_validate(object_in(answer, "responder_request")), True


def _requests(incident: JsonBody) -> list[ResponderRequest]:
    if not isinstance(incident.get("responder_requests"), list):
        return []
    return [ResponderRequest.model_validate(each) for each in list_in(incident, "responder_requests")]


def targets_of(user_ids: Sequence[str] | None, escalation_policy_ids: Sequence[str] | None) -> list[JsonBody]:
    """Users and escalation policies as PagerDuty expects them here."""
    users = [reference(each, "user") for each in user_ids or ()]
    return users + [reference(each, "escalation_policy") for each in escalation_policy_ids or ()]


async def requester_of(account: Account) -> str:
    """The id of the user as whom the account makes requests.

    Raises:
        MissingSettingError: there is none.
    """
    email = account.config.from_email
    if email is None:
        user = await account.user_of_credential()
    else:
        users = list_in(await account.send(LIST_USERS, query={"query": email, "limit": 100}), "users")
        user = next((each for each in users if str(each.get("email", "")).casefold() == email.casefold()), None)
    if user is None:
        raise MissingSettingError(
            "somebody has to ask the responders: give requester_id, or set "
            f"{account.prefix}FROM_EMAIL to the login address of one of the account's users"
        )
    return str(user.get("id", ""))
