"""Incidents: list, get, create, update, update in bulk."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from . import changes_of_incidents as changes
from . import lifecycle
from .api_errors import ApiError, invalid, not_found
from .call import Call, Reply, get, post, put, reference_id, required_text
from .render_incident import encoded
from .render_incident import incident as show
from .resources import Incident, Service
from .state import Account
from .values import as_list, as_object, as_text

STATUSES = ("triggered", "acknowledged", "resolved")
LONGEST_WINDOW = timedelta(days=184)
USUAL_WINDOW = timedelta(days=31)
URGENCY_ORDER = {"low": 0, "high": 1}

Key = Callable[[Incident], Any]
SORT_KEYS: dict[str, Key] = {
    "incident_number": lambda each: each.number,
    "created_at": lambda each: (each.created_at, each.number),
    "resolved_at": lambda each: (each.resolved_at is not None, each.resolved_at or each.created_at),
    "urgency": lambda each: URGENCY_ORDER[each.urgency],
}


def find(account: Account, identity: str) -> Incident:
    """Return an incident by its id or its number.

    Raises:
        ApiError: 404 if there is none.
    """
    found = account.state.incidents.get(identity)
    if found is None and identity.isdecimal():
        found = account.state.by_number.get(int(identity))
    if found is None:
        raise not_found("Incident")
    return found


def _found(call: Call) -> list[Incident]:
    """Return all incidents that the query asks for, in its order.

    Walking through many pages asks for the same list again and again; only the first page pays for it.
    """
    since, until = _window(call)
    exact = any(call.query.one(name) for name in ("since", "until", "date_range"))
    key = ("incidents", call.query.without("limit", "offset", "total", "include[]"), exact or since)
    return call.account.remembered(key, partial(_filtered, call, since, until))


def _window(call: Call) -> tuple[datetime | None, datetime | None]:
    if call.query.one("date_range") == "all":
        return None, None
    since, until = call.window()
    now = call.account.now()
    if since is None:
        # Cut to the minute, so that the pages of one walk see one list.
        since = ((until or now) - USUAL_WINDOW).replace(second=0, microsecond=0)
    elif (until or now) - since > LONGEST_WINDOW:
        raise ApiError(400, 2005, "The date range must not exceed 6 months")
    return since, until


def _filtered(call: Call, since: datetime | None, until: datetime | None) -> list[Incident]:
    query, account = call.query, call.account
    statuses = query.many("statuses[]")
    if not set(statuses) <= set(STATUSES):
        raise invalid("Status must be a list of triggered, acknowledged, or resolved.")
    services, teams = set(query.many("service_ids[]")), set(query.many("team_ids[]"))
    users, urgencies = set(query.many("user_ids[]")), set(query.many("urgencies[]"))
    priorities, key = set(query.many("priority_ids[]")), query.one("incident_key")

    def wanted(each: Incident) -> bool:
        return (
            (since is None or each.created_at >= since)
            and (until is None or each.created_at < until)
            and (not statuses or each.status in statuses)
            and (not services or each.service_id in services)
            and (not urgencies or each.urgency in urgencies)
            and (not priorities or each.priority_id in priorities)
            and (not teams or not teams.isdisjoint(account.state.policies[each.policy_id].team_ids))
            and (not users or any(stamp.id in users for stamp in each.assignments))
            and (key is None or each.key == key or any(alert.key == key for alert in each.alerts.values()))
        )

    found = [each for each in account.state.incidents.values() if wanted(each)]
    return _sorted(found, query.one("sort_by") or "incident_number:asc")


def _sorted(found: list[Incident], sort_by: str) -> list[Incident]:
    fields = sort_by.split(",")
    if len(fields) > 2:
        raise invalid("sort_by takes at most two fields")
    for text in reversed(fields):
        name, _, direction = text.partition(":")
        if name not in SORT_KEYS or direction not in ("", "asc", "desc"):
            raise invalid(f"sort_by must be one of {', '.join(SORT_KEYS)}, each with :asc or :desc")
        found.sort(key=SORT_KEYS[name], reverse=direction == "desc")
    return found


def list_incidents(call: Call) -> Reply:
    """GET /incidents."""
    include = call.query.many("include[]")
    call.paging()
    if not include:
        return call.encoded_page("incidents", _found(call), lambda each: encoded(call.account, each))
    return call.page("incidents", _found(call), lambda each: show(call.account, each, include))


def get_incident(call: Call) -> Reply:
    """GET /incidents/{id}: by id or number."""
    found = find(call.account, call.params["id"])
    return Reply(200, {"incident": show(call.account, found, call.query.many("include[]"))})


def create_incident(call: Call) -> Reply:
    """POST /incidents. A user who assigns a new incident to themselves has acknowledged it."""
    wanted, state = call.wrapped("incident"), call.state
    title = required_text(wanted, "title")
    service = state.services.get(reference_id(wanted.get("service"), "Service"))
    if service is None:
        raise invalid("Service not found")
    key = as_text(wanted.get("incident_key"))
    _refuse_duplicate(call.account, service, key)
    assignees = [
        reference_id(each.get("assignee"), "Assignee")
        for each in map(as_object, as_list(wanted.get("assignments")) or [])
        if each
    ]
    policy_id = changes.policy_id(state, wanted.get("escalation_policy"))
    if assignees and policy_id:
        raise invalid("Assignments and escalation policy cannot both be given")
    if unknown := [each for each in assignees if each not in state.users]:
        raise ApiError(400, 1007, f"User {unknown[0]} not found")
    body = as_object(wanted.get("body"))
    if body and not isinstance(body.get("details", ""), str):
        raise invalid("Body details must be a string")
    incident = lifecycle.open_incident(
        call.account,
        service,
        title=title,
        agent=call.agent,
        key=key,
        urgency=changes.urgency(wanted.get("urgency")),
        policy_id=policy_id,
        assignee_ids=assignees,
        priority_id=changes.priority_id(state, wanted.get("priority")),
        body=body,
        channel={"type": "website", "summary": title, "subject": title, "details": (body or {}).get("details", "")},
        by_rest=True,
    )
    incident.conference_bridge = as_object(wanted.get("conference_bridge"))
    incident.type_name = (as_object(wanted.get("incident_type")) or {}).get("name") or incident.type_name
    if assignees == [call.actor.user_id]:
        lifecycle.acknowledge(call.account, incident, call.agent)
    return Reply(201, {"incident": show(call.account, incident)})


def _refuse_duplicate(account: Account, service: Service, key: str | None) -> None:
    open_ones = account.state.open_by_service.get(service.id, {}).values()
    if key is not None and any(incident.key == key for incident in open_ones):
        raise ApiError(400, 2002, "Open incident with matching dedup key already exists on this service")


def update_incident(call: Call) -> Reply:
    """PUT /incidents/{id}."""
    incident = find(call.account, call.params["id"])
    change = changes.read(call.account, incident, call.wrapped("incident"))
    changes.apply(call.account, incident, change, call.agent)
    return Reply(200, {"incident": show(call.account, incident)})


def update_incidents(call: Call) -> Reply:
    """PUT /incidents: up to 250 at once, all or none."""
    wanted = as_list(call.body.get("incidents"))
    if not wanted:
        raise invalid("Incidents cannot be empty")
    if len(wanted) > 250:
        raise ApiError(413, 2001, "At most 250 incidents can be updated at once")
    plans: list[tuple[Incident, changes.Change]] = []
    for each in wanted:
        fields = as_object(each) or {}
        try:
            incident = find(call.account, reference_id(fields, "Incident"))
        except ApiError as error:
            raise ApiError(400, 2001, f"Incident {fields.get('id')} not found") from error
        fields.pop("service", None)
        plans.append((incident, changes.read(call.account, incident, fields)))
    agent = call.agent
    for incident, change in plans:
        changes.apply(call.account, incident, change, agent)
    shown = [show(call.account, incident) for incident, _ in plans]
    return Reply(200, {"incidents": shown, "limit": len(shown), "offset": 0, "total": None, "more": False})


ROUTES = (
    get("/incidents", list_incidents, "incidents.read"),
    post("/incidents", create_incident, "incidents.write", needs_from=True, limit="POST /incidents"),
    put("/incidents", update_incidents, "incidents.write", needs_from=True, limit="PUT /incidents"),
    get("/incidents/{id}", get_incident, "incidents.read"),
    put("/incidents/{id}", update_incident, "incidents.write", needs_from=True),
)
