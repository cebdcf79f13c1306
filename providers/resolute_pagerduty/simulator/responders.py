"""Asking people to help with an incident."""

from collections.abc import Mapping
from typing import Literal

from . import refs, timeline
from .api_errors import ApiError, invalid
from .call import Call, Reply, post, reference_id, required_text
from .incidents import find
from .oncall import first_level
from .render_responders import ABILITY
from .render_responders import request as show
from .resources import ResponderRequest
from .values import Json, as_list, as_object

Asked = tuple[Literal["user", "escalation_policy"], str]


def request_responders(call: Call) -> Reply:
    """POST /incidents/{id}/responder_requests. Each call asks, and notifies, once more."""
    account, incident = call.account, find(call.account, call.params["id"])
    if ABILITY not in account.behaviour.abilities:
        raise ApiError(402, 2014)
    requester = required_text(call.body, "requester_id")
    if requester not in call.state.users:
        raise ApiError(400, 1008)
    request = ResponderRequest(
        id=account.ids.next("responder_request"),
        requester_id=requester,
        message=required_text(call.body, "message"),
        requested_at=account.now(),
        asked=_asked(call),
    )
    incident.responder_requests.append(request)
    account.touch(incident)
    agent = refs.user(account, requester)
    for (kind, identity), users in request.asked.items():
        for each in users:
            data: Json = {
                "incident": refs.incident(account, incident.id),
                "user": refs.user(account, each),
                "escalation_policy": refs.policy(account, identity) if kind == "escalation_policy" else None,
                "message": request.message,
                "state": "pending",
                "type": "incident_responder",
            }
            timeline.tell(account, incident, "responder.added", agent, data)
    return Reply(200, {"responder_request": show(account, incident, request)})


def _asked(call: Call) -> Mapping[Asked, tuple[str, ...]]:
    found: dict[Asked, tuple[str, ...]] = {}
    for each in as_list(call.body.get("responder_request_targets")) or ():
        target = as_object((as_object(each) or {}).get("responder_request_target")) or {}
        identity = reference_id(target, "Responder request target")
        match target.get("type"):
            case "user" | "user_reference" if identity in call.state.users:
                found["user", identity] = (identity,)
            case "escalation_policy" | "escalation_policy_reference" if identity in call.state.policies:
                users = first_level(call.account, call.state.policies[identity])[1]
                found["escalation_policy", identity] = tuple(users)
            case _:
                raise invalid("Responder request target must be a user or an escalation policy of the account")
    if not found:
        raise invalid("Responder request targets cannot be empty")
    return found


ROUTES = (post("/incidents/{id}/responder_requests", request_responders, "incidents.write"),)
