"""The responders of an incident, and the requests that asked them, as the REST API shows them."""

from . import refs
from .resources import Incident, ResponderRequest
from .state import Account
from .values import Json, iso

ABILITY = "coordinated_responding"


def shown(account: Account, incident: Incident) -> Json:
    """Return what an incident shows of its responders: nothing where the account's plan does not have them."""
    if ABILITY not in account.behaviour.abilities:
        return {}
    return {
        "incidents_responders": _latest(account, incident),
        "responder_requests": [request(account, incident, each) for each in incident.responder_requests],
    }


def _latest(account: Account, incident: Incident) -> list[Json]:
    """Each responder once, as the newest request asked."""
    found: dict[str, Json] = {}
    for each in incident.responder_requests:
        for users in each.asked.values():
            found |= {user: _responder(account, incident, each, user) for user in users}
    return list(found.values())


def _responder(account: Account, incident: Incident, found: ResponderRequest, user_id: str) -> Json:
    return {
        "state": "pending",
        "user": refs.user(account, user_id),
        "incident": refs.incident(account, incident.id),
        "updated_at": iso(found.requested_at),
        "message": found.message,
        "requester": refs.user(account, found.requester_id),
        "requested_at": iso(found.requested_at),
    }


def request(account: Account, incident: Incident, found: ResponderRequest) -> Json:
    """Return a request with everybody whom it asks."""
    targets = [
        {
            "responder_request_target": {
                "type": kind,
                "id": identity,
                "summary": (refs.user if kind == "user" else refs.policy)(account, identity)["summary"],
                "incidents_responders": [_responder(account, incident, found, each) for each in users],
            }
        }
        for (kind, identity), users in found.asked.items()
    ]
    return {
        "id": found.id,
        "incident": refs.incident(account, incident.id),
        "requester": refs.user(account, found.requester_id),
        "requested_at": iso(found.requested_at),
        "message": found.message,
        "responder_request_targets": targets,
    }
