"""Log entries, and the webhook events that go with them."""

from typing import Any

from . import refs
from .resources import Incident, LogEntry, Note
from .state import Account, Emission
from .values import Json, iso, iso_millis

VERBS = {
    "trigger": "Triggered",
    "acknowledge": "Acknowledged",
    "unacknowledge": "Unacknowledged",
    "resolve": "Resolved",
    "assign": "Assigned",
    "delegate": "Delegated",
    "escalate": "Escalated",
    "exhaust_escalation_path": "Escalation path exhausted",
    "repeat_escalation_path": "Escalation path repeated",
    "notify": "Notified",
    "snooze": "Snoozed",
    "annotate": "Note added",
    "urgency_change": "Urgency changed",
    "field_value_change": "Field changed",
    "status_update": "Status update sent",
}


def record(
    account: Account, incident: Incident, kind: str, agent: Json | None, channel: Json | None = None, **extra: Any
) -> LogEntry:
    """Add one line to the timeline of an incident."""
    entry = LogEntry(
        id=account.ids.next("log_entry"),
        type=f"{kind}_log_entry",
        created_at=account.now(),
        incident_id=incident.id,
        service_id=incident.service_id,
        agent=agent,
        channel=channel or _usual_channel(agent),
        extra=extra,
    )
    incident.entries.append(entry)
    account.state.log.append(entry)
    account.state.entries[entry.id] = entry
    return entry


def _usual_channel(agent: Json | None) -> Json:
    if agent is None:
        return {"type": "timeout"}
    return {"type": "website" if agent["type"] == "user_reference" else "api"}


def summary(entry: LogEntry) -> str:
    """Return one sentence about a log entry."""
    verb = VERBS[entry.type.removesuffix("_log_entry")]
    if entry.agent is None:
        return f"{verb} by timeout."
    return f"{verb} by {entry.agent['summary']}."


def reference(account: Account, entry: LogEntry) -> Json:
    """Return a reference to a log entry."""
    return {
        "id": entry.id,
        "type": f"{entry.type}_reference",
        "summary": summary(entry),
        "self": refs.link(account, f"log_entries/{entry.id}"),
        "html_url": refs.page(account, f"incidents/{entry.incident_id}/log_entries/{entry.id}"),
    }


def tell(account: Account, incident: Incident, event_type: str, agent: Json | None, data: Json | None = None) -> None:
    """Publish an `incident.*` event; without `data` it carries the incident itself."""
    service = account.state.services[incident.service_id]
    account.emit(
        Emission(
            event={
                "id": account.ids.next("event") + "0" * 12,
                "event_type": f"incident.{event_type}",
                "resource_type": "incident",
                "occurred_at": iso_millis(account.now()),
                "agent": agent and _bare(agent),
                "client": None,
                "data": data or webhook_incident(account, incident),
            },
            order_key=incident.id,
            service_id=service.id,
            team_ids=tuple(account.service_teams(service)),
        )
    )


def _bare(reference: Json) -> Json:
    return {name: reference.get(name) for name in ("html_url", "id", "self", "summary", "type")}


def webhook_incident(account: Account, incident: Incident) -> Json:
    """Return an incident as webhooks show it, which is not as the REST API shows it."""
    shown: Json = {
        "id": incident.id,
        "type": "incident",
        "self": refs.link(account, f"incidents/{incident.id}"),
        "html_url": refs.page(account, f"incidents/{incident.id}"),
        "number": incident.number,
        "status": incident.status,
        "incident_key": incident.key,
        "created_at": iso(incident.created_at),
        "title": incident.title,
        "incident_type": {"name": incident.type_name},
        "service": refs.service(account, incident.service_id),
        "assignees": [refs.user(account, stamp.id) for stamp in incident.assignments],
        "escalation_policy": refs.policy(account, incident.policy_id),
        "teams": [refs.team(account, team_id) for team_id in account.state.policies[incident.policy_id].team_ids],
        "priority": refs.priority(account, incident.priority_id) if incident.priority_id else None,
        "urgency": incident.urgency,
        "conference_bridge": incident.conference_bridge,
        "resolve_reason": incident.resolve_reason,
    }
    if incident.reopened_at:
        shown["reopened_at"] = iso(incident.reopened_at)
    return shown


def annotate(account: Account, incident: Incident, content: str, author: Json) -> Note:
    """Write a note on an incident, with its log entry and its event."""
    note = Note(
        id=account.ids.next("note"),
        content=content,
        created_at=account.now(),
        updated_at=account.now(),
        author=author,
    )
    incident.notes.append(note)
    record(account, incident, "annotate", author, {"type": "note", "summary": content})
    account.touch(incident)
    data: Json = {
        "incident": refs.incident(account, incident.id),
        "id": note.id,
        "content": content,
        "trimmed": False,
        "type": "incident_note",
    }
    tell(account, incident, "annotated", author, data)
    return note
