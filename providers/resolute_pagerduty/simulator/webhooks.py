"""Webhook subscriptions: which events are delivered, where, and with which filter."""

from . import refs
from .api_errors import invalid, not_found
from .call import Call, Reply, delete, get, post, put
from .resources import Subscription
from .state import Account, Emission
from .values import Json, as_list, as_object, as_text, iso_millis

FILTERS = {"account_reference": "account", "service_reference": "service", "team_reference": "team"}

EVENT_TYPES = frozenset(
    {
        "incident.acknowledged",
        "incident.action_invocation.created",
        "incident.action_invocation.terminated",
        "incident.action_invocation.updated",
        "incident.annotated",
        "incident.conference_bridge.updated",
        "incident.custom_field_values.updated",
        "incident.delegated",
        "incident.escalated",
        "incident.incident_type.changed",
        "incident.priority_updated",
        "incident.reassigned",
        "incident.reopened",
        "incident.resolved",
        "incident.responder.added",
        "incident.responder.replied",
        "incident.role.assigned",
        "incident.service_updated",
        "incident.status_update_published",
        "incident.task.completed",
        "incident.task.created",
        "incident.task.updated",
        "incident.triggered",
        "incident.unacknowledged",
        "incident.workflow.completed",
        "incident.workflow.started",
        "service.created",
        "service.custom_field_values.updated",
        "service.deleted",
        "service.updated",
    }
)


def show(found: Subscription, account: Account, secret: str | None = None) -> Json:
    """Return a subscription; its secret is only told when it is created."""
    now = account.now()
    shown: Json = {"type": found.filter_type}
    if found.filter_id:
        shown["id"] = found.filter_id
    return {
        "id": found.id,
        "type": "webhook_subscription",
        "active": found.active,
        "delivery_method": {
            "id": found.method_id,
            "secret": secret,
            "temporarily_disabled": found.disabled_until is not None and now < found.disabled_until,
            "type": "http_delivery_method",
            "url": found.url,
            "custom_headers": [{"name": each["name"], "value": "-- redacted --"} for each in found.headers],
        },
        "description": found.description,
        "events": found.events,
        "filter": shown,
    }


def wants(found: Subscription, emission: Emission) -> bool:
    """Whether a subscription asks for an event."""
    if not found.active or emission.event["event_type"] not in found.events:
        return False
    match found.filter_type:
        case "service_reference":
            return emission.service_id == found.filter_id
        case "team_reference":
            return found.filter_id in emission.team_ids
        case _:
            return True


def _find(call: Call) -> Subscription:
    found = call.state.subscriptions.get(call.params["id"])
    if found is None:
        raise not_found("Webhook subscription")
    return found


def _events(value: object) -> list[str]:
    events = as_list(value)
    if not events:
        raise invalid("Events cannot be empty")
    if len(set(events)) != len(events):
        raise invalid("Events must be unique")
    if unknown := [each for each in events if each not in EVENT_TYPES]:
        raise invalid(f"Event type {unknown[0]} is unknown")
    return events


def _filter(call: Call, value: object) -> tuple[str, str | None]:
    wanted = as_object(value) or {}
    kind, identity = wanted.get("type"), as_text(wanted.get("id"))
    if kind not in FILTERS:
        raise invalid(f"Filter type must be one of {', '.join(FILTERS)}")
    if kind == "account_reference":
        return kind, None
    known = call.state.services if kind == "service_reference" else call.state.teams
    if identity not in known:
        raise invalid(f"Filter id {identity} not found")
    return kind, identity


def list_subscriptions(call: Call) -> Reply:
    """GET /webhook_subscriptions."""
    kind, identity = call.query.one("filter_type"), call.query.one("filter_id")
    if kind and kind not in FILTERS.values():
        raise invalid(f"filter_type must be one of {', '.join(FILTERS.values())}")
    if kind in ("service", "team") and not identity:
        raise invalid("filter_id is required for this filter_type")
    found = [
        each
        for each in call.state.subscriptions.values()
        if (kind is None or FILTERS[each.filter_type] == kind) and (not identity or each.filter_id == identity)
    ]
    return call.page("webhook_subscriptions", found, lambda each: show(each, call.account))


def get_subscription(call: Call) -> Reply:
    """GET /webhook_subscriptions/{id}."""
    return Reply(200, {"webhook_subscription": show(_find(call), call.account)})


def create_subscription(call: Call) -> Reply:
    """POST /webhook_subscriptions: the only answer that tells the secret."""
    wanted = call.wrapped("webhook_subscription")
    method = as_object(wanted.get("delivery_method")) or {}
    url = as_text(method.get("url"))
    if url is None or not url.startswith(("https://", "http://")):
        raise invalid("Delivery method url must be an http or https address")
    kind, identity = _filter(call, wanted.get("filter"))
    found = add_subscription(
        call.account,
        url=url,
        events=_events(wanted.get("events")),
        filter_type=kind,
        filter_id=identity,
        description=as_text(wanted.get("description")) or "",
        active=wanted.get("active", True) is True,
        headers=[dict(each) for each in as_list(method.get("custom_headers")) or []],
    )
    return Reply(200, {"webhook_subscription": show(found, call.account, found.secrets[0])})


def add_subscription(
    account: Account,
    *,
    url: str,
    events: list[str],
    filter_type: str = "account_reference",
    filter_id: str | None = None,
    secret: str | None = None,
    description: str = "",
    active: bool = True,
    headers: list[Json] | None = None,
) -> Subscription:
    """Subscribe an address to events."""
    found = Subscription(
        id=account.ids.next("subscription"),
        method_id=account.ids.next("delivery_method"),
        url=url,
        events=events,
        filter_type=filter_type,
        filter_id=filter_id,
        secrets=[secret or account.ids.secret("webhook_secret")],
        description=description,
        active=active,
        headers=headers or [],
    )
    account.state.subscriptions[found.id] = found
    return found


def update_subscription(call: Call) -> Reply:
    """PUT /webhook_subscriptions/{id}: everything but the delivery method."""
    found, wanted = _find(call), call.wrapped("webhook_subscription")
    events = _events(wanted["events"]) if "events" in wanted else found.events
    kind, identity = _filter(call, wanted["filter"]) if "filter" in wanted else (found.filter_type, found.filter_id)
    found.events, found.filter_type, found.filter_id = events, kind, identity
    if "description" in wanted:
        found.description = as_text(wanted["description"]) or ""
    if isinstance(wanted.get("active"), bool):
        found.active = wanted["active"]
    return Reply(200, {"webhook_subscription": show(found, call.account)})


def delete_subscription(call: Call) -> Reply:
    """DELETE /webhook_subscriptions/{id}."""
    del call.state.subscriptions[_find(call).id]
    return Reply(204)


def enable_subscription(call: Call) -> Reply:
    """POST /webhook_subscriptions/{id}/enable: end a temporary disabling."""
    found = _find(call)
    found.disabled_until, found.drops = None, 0
    return Reply(200, {"webhook_subscription": show(found, call.account)})


def ping_subscription(call: Call) -> Reply:
    """POST /webhook_subscriptions/{id}/ping: have `pagey.ping` delivered to this subscription alone."""
    found = _find(call)
    agent = refs.user(call.account, call.actor.user_id) if call.actor.user_id else None
    call.account.emit(
        Emission(
            event={
                "id": call.account.ids.next("event") + "0" * 12,
                "event_type": "pagey.ping",
                "resource_type": "pagey",
                "occurred_at": iso_millis(call.account.now()),
                "agent": agent and {"id": agent["id"], "type": agent["type"]},
                "client": None,
                "data": {"message": "Hello from your friend Pagey!", "type": "ping"},
            },
            order_key="pagey",
            service_id=None,
            team_ids=(),
            only_to=found.id,
        )
    )
    return Reply(202)


ROUTES = (
    get("/webhook_subscriptions", list_subscriptions, "webhook_subscriptions.read"),
    post("/webhook_subscriptions", create_subscription, "webhook_subscriptions.write"),
    get("/webhook_subscriptions/{id}", get_subscription, "webhook_subscriptions.read"),
    put("/webhook_subscriptions/{id}", update_subscription, "webhook_subscriptions.write"),
    delete("/webhook_subscriptions/{id}", delete_subscription, "webhook_subscriptions.write"),
    post("/webhook_subscriptions/{id}/enable", enable_subscription, "webhook_subscriptions.write"),
    post("/webhook_subscriptions/{id}/ping", ping_subscription, "webhook_subscriptions.write"),
)
