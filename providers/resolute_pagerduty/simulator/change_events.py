"""Change events: what has been deployed or changed, listed beside incidents."""

import re

from . import refs
from .api_errors import ApiError, not_found
from .call import Call, Reply, get
from .resources import ChangeEvent
from .state import Account
from .values import Json, iso

_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def show(account: Account, found: ChangeEvent) -> Json:
    """Return a change event."""
    service = account.state.services[found.service_id]
    integration = next(each for each in service.integrations if each.id == found.integration_id)
    return {
        "id": found.id,
        "type": "change_event",
        "summary": found.summary,
        "self": refs.link(account, f"change_events/{found.id}"),
        "html_url": refs.page(account, f"change_events/{found.id}"),
        "timestamp": iso(found.timestamp),
        "source": found.source,
        "services": [refs.service(account, service.id)],
        "integration": refs.integration(account, service.id, integration.id, integration.name, integration.type),
        "routing_key": found.routing_key,
        "links": found.links,
        "images": found.images,
        "custom_details": found.details,
    }


def _page(call: Call, service_id: str | None) -> Reply:
    for name in ("since", "until"):
        if (text := call.query.one(name)) and not _UTC.fullmatch(text):
            raise ApiError(400, 2004, f"{name} must be a UTC time such as 2026-03-02T12:00:00Z")
    since, until = call.window()
    teams, integrations = set(call.query.many("team_ids[]")), set(call.query.many("integration_ids[]"))
    found = [
        each
        for each in call.state.changes.values()
        if (service_id is None or each.service_id == service_id)
        and (since is None or each.timestamp >= since)
        and (until is None or each.timestamp < until)
        and (not integrations or each.integration_id in integrations)
        and (not teams or teams.intersection(call.account.service_teams(call.state.services[each.service_id])))
    ]
    found.sort(key=lambda each: each.timestamp, reverse=True)
    return call.page("change_events", found, lambda each: show(call.account, each))


def list_changes(call: Call) -> Reply:
    """GET /change_events: the newest first."""
    return _page(call, None)


def list_changes_of_service(call: Call) -> Reply:
    """GET /services/{id}/change_events."""
    if call.params["id"] not in call.state.services:
        raise not_found("Service")
    return _page(call, call.params["id"])


def get_change(call: Call) -> Reply:
    """GET /change_events/{id}."""
    found = call.state.changes.get(call.params["id"])
    if found is None:
        raise not_found("Change event")
    return Reply(200, {"change_event": show(call.account, found)})


ROUTES = (
    get("/change_events", list_changes, "change_events.read"),
    get("/change_events/{id}", get_change, "change_events.read"),
    get("/services/{id}/change_events", list_changes_of_service, "services.read"),
)
