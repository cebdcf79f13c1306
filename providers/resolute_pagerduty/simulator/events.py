"""Events API v2: events open, repeat, acknowledge and resolve; change events are kept."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

from pydantic_core import from_json

from . import lifecycle, refs, timeline
from .call import Call, Reply, Route
from .oncall import first_level
from .resources import Alert, ChangeEvent, Incident, Integration, Service
from .state import Account
from .values import Json, as_list, as_object, as_text, parse_time

LARGEST = 512 * 1024
LONGEST_SUMMARY = 1024
LONGEST_DEDUP_KEY = 255
MOST_LINKS = 50
ACTIONS = ("trigger", "acknowledge", "resolve")
SEVERITIES = ("critical", "error", "warning", "info")

THROTTLED: Json = {
    "status": "throttle exceeded",
    "message": "Requests for this service are arriving too quickly.  Please retry later.",
    "errors": ["Enhance Your Calm."],
}


def refused(*errors: str, status: int = 400) -> Reply:
    """Return the answer to an event that breaks a rule."""
    return Reply(status, {"status": "invalid event", "message": "Event object is invalid", "errors": list(errors)})


def _read(call: Call) -> Json | Reply:
    if len(call.raw) > LARGEST:
        return refused("Event is too large (maximum is 512 KB)", status=call.account.behaviour.oversize_status)
    try:
        event = as_object(from_json(call.raw))
    except ValueError:
        event = None
    if event is None:
        return Reply(
            400,
            {
                "status": "Unrecognized object",
                "message": "Event object format is unrecognized",
                "errors": ["JSON parse error"],
            },
        )
    if len(as_list(event.get("links")) or []) > MOST_LINKS:
        return Reply(400, {"error": [f"links should have at most {MOST_LINKS} item(s)"]})
    return event


def _key_mistakes(event: Json) -> list[str]:
    key = as_text(event.get("routing_key"))
    if key is None:
        return ["'routing_key' is missing or blank"]
    return [] if len(key) == 32 else ["Length of 'routing_key' is incorrect (should be 32 characters)"]


def _summary_mistakes(payload: Json) -> list[str]:
    summary = as_text(payload.get("summary"))
    if summary is None:
        return ["'payload.summary' is missing or blank"]
    if len(summary) > LONGEST_SUMMARY:
        return [f"'summary' is too long (maximum is {LONGEST_SUMMARY} characters)"]
    return []


def _attachment_mistakes(event: Json) -> list[str]:
    mistakes = [
        "'links' need an 'href'"
        for each in as_list(event.get("links")) or []
        if not (as_object(each) or {}).get("href")
    ]
    for each in as_list(event.get("images")) or []:
        source = as_text((as_object(each) or {}).get("src"))
        if source is None or not source.startswith("https://"):
            mistakes.append("'images' need a 'src' that is an HTTPS address")
    return mistakes


def _time_mistakes(payload: Json) -> list[str]:
    stamp = payload.get("timestamp")
    if stamp is None:
        return []
    try:
        parse_time(stamp)
    except (ValueError, AttributeError):
        return ["'payload.timestamp' is not a valid ISO 8601 time"]
    return []


def mistakes_in(event: Json) -> list[str]:
    """Return everything that is wrong with an alert event."""
    found, action = _key_mistakes(event), event.get("event_action")
    if not as_text(action):
        found.append("'event_action' is missing or blank")
    elif action not in ACTIONS:
        found.append(f"'event_action' is invalid (must be one of {', '.join(ACTIONS)})")
    dedup_key = event.get("dedup_key")
    if isinstance(dedup_key, str) and len(dedup_key) > LONGEST_DEDUP_KEY:
        found.append(f"'dedup_key' is too long (maximum is {LONGEST_DEDUP_KEY} characters)")
    if action in ("acknowledge", "resolve") and not as_text(dedup_key):
        found.append("'dedup_key' is missing or blank")
    if action == "trigger":
        found += _payload_mistakes(event)
    return found


def _payload_mistakes(event: Json) -> list[str]:
    payload = as_object(event.get("payload"))
    if payload is None:
        return ["'payload' is missing or blank"]
    found = _summary_mistakes(payload)
    if as_text(payload.get("source")) is None:
        found.append("'payload.source' is missing or blank")
    if payload.get("severity") not in SEVERITIES:
        found.append(f"'payload.severity' is invalid (must be one of {', '.join(SEVERITIES)})")
    return found + _time_mistakes(payload) + _attachment_mistakes(event)


def _integration(call: Call, event: Json) -> Integration | Reply | None:
    """Return whose routing key it is; None if the event is to be accepted and dropped."""
    key = event["routing_key"]
    if not call.account.limits.events.take(key, call.account.now()).allowed:
        return Reply(429, THROTTLED)
    found = call.state.by_routing_key.get(key)
    if found is None and call.account.behaviour.unknown_routing_key == "reject":
        return refused("Invalid routing key")
    return found


def enqueue(call: Call) -> Reply:
    """POST /v2/enqueue: accepted means queued, not that an incident exists."""
    event = _read(call)
    if isinstance(event, Reply):
        return event
    if mistakes := mistakes_in(event):
        return refused(*mistakes)
    integration = _integration(call, event)
    if isinstance(integration, Reply):
        return integration
    dedup_key = as_text(event.get("dedup_key")) or call.account.ids.hex("dedup_key")
    if integration is not None:
        _later(call.account, partial(apply, call.account, integration, {**event, "dedup_key": dedup_key}))
    return Reply(202, {"status": "success", "message": "Event processed", "dedup_key": dedup_key})


def _later(account: Account, action: Callable[[], object]) -> None:
    if account.behaviour.event_delay:
        account.at(account.now() + timedelta(seconds=account.behaviour.event_delay), action)
    else:
        action()


def apply(account: Account, integration: Integration, event: Json) -> None:
    """Do what an accepted event asks for."""
    service = account.state.services[integration.service_id]
    alert = account.state.open_alerts.get((integration.id, event["dedup_key"]))
    agent = refs.service(account, service.id)
    if event["event_action"] == "trigger":
        if alert is None:
            _open(account, service, integration, event)
        else:
            _repeat(account, alert, event, agent)
    elif alert is None:
        return  # Nothing is open under this key: PagerDuty drops the event and says nothing.
    elif event["event_action"] == "resolve":
        _resolve(account, alert, agent)
    elif (incident := account.state.incidents[alert.incident_id]).open:
        lifecycle.acknowledge(account, incident, agent)


def _channel(event: Json) -> Json:
    payload = event["payload"]
    return {
        "type": "api",
        "summary": payload["summary"],
        "service_key": event["routing_key"],
        "description": payload["summary"],
        "incident_key": event["dedup_key"],
        "details": payload.get("custom_details") or {},
        "contexts": _contexts(event),
    }


def _objects(value: object) -> list[Json]:
    return [found for each in as_list(value) or [] if (found := as_object(each)) is not None]


def _contexts(event: Json) -> list[Json]:
    found: list[Json] = []
    if url := event.get("client_url"):
        found.append({"type": "link", "href": url, "text": event.get("client") or url})
    for link in _objects(event.get("links")):
        found.append({"type": "link", "href": link["href"], "text": link.get("text") or link["href"]})
    for image in _objects(event.get("images")):
        source = image["src"]
        found.append(
            {"type": "image", "src": source, "href": image.get("href") or source, "text": image.get("alt") or ""}
        )
    return found


def _open(account: Account, service: Service, integration: Integration, event: Json) -> None:
    payload = event["payload"]
    level, _ = first_level(account, account.state.policies[service.policy_id])
    if service.disabled or account.in_maintenance(service) or not level:
        return  # PagerDuty drops these without a word.
    lifecycle.open_incident(
        account,
        service,
        title=payload["summary"],
        agent=refs.service(account, service.id),
        key=event["dedup_key"],
        urgency=lifecycle.usual_urgency(service, payload["severity"]),
        channel=_channel(event),
        prepare=partial(_attach, account, integration, event),
    )


def _attach(account: Account, integration: Integration, event: Json, incident: Incident) -> None:
    payload = event["payload"]
    alert = Alert(
        id=account.ids.next("alert"),
        key=event["dedup_key"],
        summary=payload["summary"],
        severity=payload["severity"],
        service_id=incident.service_id,
        integration_id=integration.id,
        incident_id=incident.id,
        created_at=account.now(),
        details=_details(event),
        contexts=_contexts(event),
        log_entry_id=incident.entries[0].id,
    )
    incident.alerts[alert.id] = alert
    account.state.open_alerts[integration.id, alert.key] = alert


def _details(event: Json) -> Json:
    return event["payload"].get("custom_details") or {}


def _repeat(account: Account, alert: Alert, event: Json, agent: Json) -> None:
    """The alert shows what was said last; the incident keeps its title and its state."""
    incident = account.state.incidents[alert.incident_id]
    alert.summary, alert.severity = event["payload"]["summary"], event["payload"]["severity"]
    alert.details, alert.contexts = _details(event), _contexts(event)
    timeline.record(account, incident, "trigger", agent, _channel(event))
    account.touch(incident)


def _resolve(account: Account, alert: Alert, agent: Json) -> None:
    incident = account.state.incidents[alert.incident_id]
    lifecycle.close_alert(account, alert)
    if incident.open and all(each.status == "resolved" for each in incident.alerts.values()):
        lifecycle.resolve(account, incident, agent)
    else:
        account.touch(incident)


def enqueue_change(call: Call) -> Reply:
    """POST /v2/change/enqueue."""
    event = _read(call)
    if isinstance(event, Reply):
        return event
    payload = as_object(event.get("payload"))
    mistakes = _key_mistakes(event)
    mistakes += _summary_mistakes(payload) + _time_mistakes(payload) if payload else ["'payload' is missing or blank"]
    if mistakes := mistakes + _attachment_mistakes(event):
        return refused(*mistakes)
    integration = _integration(call, event)
    if isinstance(integration, Reply):
        return integration
    if integration is not None and payload is not None:
        _later(call.account, partial(keep, call.account, integration, event, payload))
    return Reply(202, {"status": "success", "message": "Change event processed"})


def keep(account: Account, integration: Integration, event: Json, payload: Json) -> ChangeEvent:
    """Keep a change event."""
    stamp = payload.get("timestamp")
    change = ChangeEvent(
        id=account.ids.next("change"),
        service_id=integration.service_id,
        integration_id=integration.id,
        routing_key=integration.routing_key,
        summary=payload["summary"],
        timestamp=parse_time(stamp) if stamp else account.now(),
        source=as_text(payload.get("source")) or "",
        details=as_object(payload.get("custom_details")) or {},
        links=_objects(event.get("links")),
        images=_objects(event.get("images")),
    )
    account.state.changes[change.id] = change
    return change


ROUTES = (
    Route(method="POST", path="/v2/enqueue", handler=enqueue, public=True),
    Route(method="POST", path="/v2/change/enqueue", handler=enqueue_change, public=True),
)
