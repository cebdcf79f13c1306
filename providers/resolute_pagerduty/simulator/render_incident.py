"""An incident, its alerts, notes and log entries as the REST API shows them."""

import json
from collections.abc import Collection

from . import refs, render_responders, shapes, timeline
from .resources import Alert, Incident, LogEntry, Note, Stamp
from .state import Account
from .values import Json, iso


def incident(account: Account, found: Incident, include: Collection[str] = ()) -> Json:
    """Return an incident; `include` swaps references for whole objects.

    The answer without `include` is kept until something in it changes, and must not be altered.
    """
    shown = _kept(account, found)[1]
    return _included(account, found, dict(shown), include) if include else shown


def encoded(account: Account, found: Incident) -> str:
    """Return an incident without includes as JSON text."""
    return _kept(account, found)[2]


def _kept(account: Account, found: Incident) -> tuple[int, Json, str]:
    if found.cached is None or found.cached[0] != account.generation:
        shown = _incident(account, found)
        found.cached = (account.generation, shown, json.dumps(shown, separators=(",", ":")))
    return found.cached


def _incident(account: Account, found: Incident) -> Json:
    state = account.state
    resolved = sum(alert.status == "resolved" for alert in found.alerts.values())
    return {
        **refs.base(account, "incident", found.id, f"[#{found.number}] {found.title}"),
        "incident_number": found.number,
        "title": found.title,
        "created_at": iso(found.created_at),
        "updated_at": iso(found.updated_at),
        "resolved_at": iso(found.resolved_at) if found.resolved_at else None,
        "status": found.status,
        "incident_key": found.key,
        "service": refs.service(account, found.service_id),
        "assignments": [{"at": iso(each.at), "assignee": refs.user(account, each.id)} for each in found.assignments],
        "assigned_via": "direct_assignment" if found.directly_assigned else "escalation_policy",
        "last_status_change_at": iso(found.last_change_at),
        "last_status_change_by": found.last_change_by,
        "first_trigger_log_entry": timeline.reference(account, found.entries[0]),
        "alert_counts": {
            "all": len(found.alerts),
            "triggered": len(found.alerts) - resolved,
            "resolved": resolved,
        },
        "is_mergeable": found.open,
        "incident_type": {"name": found.type_name},
        "escalation_policy": refs.policy(account, found.policy_id),
        "teams": [refs.team(account, team) for team in state.policies[found.policy_id].team_ids],
        "pending_actions": [{"type": kind, "at": iso(at)} for kind, at in sorted(found.pending.items())],
        "acknowledgements": [{"at": iso(each.at), "acknowledger": each.who} for each in found.acknowledgements],
        "alert_grouping": None,
        "priority": _priority(account, found),
        "resolve_reason": found.resolve_reason,
        "urgency": found.urgency,
        **({"conference_bridge": found.conference_bridge} if found.conference_bridge else {}),
        **render_responders.shown(account, found),
    }


def _priority(account: Account, found: Incident) -> Json | None:
    if found.priority_id is None:
        return None
    priority = account.state.priorities[found.priority_id]
    return {
        **refs.base(account, "priority", priority.id, priority.name),
        "name": priority.name,
        "description": priority.description,
    }


def _included(account: Account, found: Incident, shown: Json, include: Collection[str]) -> Json:
    state = account.state

    def whole(stamps: list[Stamp], role: str) -> list[Json]:
        return [
            {
                "at": iso(each.at),
                role: shapes.user(account, state.users[each.id]) if each.id in state.users else each.who,
            }
            for each in stamps
        ]

    if "services" in include:
        shown["service"] = shapes.service(account, state.services[found.service_id])
    if "escalation_policies" in include:
        shown["escalation_policy"] = shapes.policy(account, state.policies[found.policy_id])
    if "teams" in include:
        ids = state.policies[found.policy_id].team_ids
        shown["teams"] = [shapes.team(account, state.teams[team]) for team in ids]
    if "assignees" in include or "users" in include:
        shown["assignments"] = whole(found.assignments, "assignee")
    if "acknowledgers" in include or "users" in include:
        shown["acknowledgements"] = whole(found.acknowledgements, "acknowledger")
    if "agents" in include and (user := state.users.get(found.last_change_by["id"])):
        shown["last_status_change_by"] = shapes.user(account, user)
    if "first_trigger_log_entries" in include:
        shown["first_trigger_log_entry"] = log_entry(account, found.entries[0])
    if "body" in include:
        shown["body"] = _body(found)
    if "custom_fields" in include:
        shown["custom_fields"] = list(found.custom_fields.values())
    return shown


def _body(found: Incident) -> Json:
    if found.body or not found.alerts:
        return {"type": "incident_body", "details": (found.body or {}).get("details")}
    return {"type": "incident_body", "details": next(iter(found.alerts.values())).details}


def alert(account: Account, found: Alert, include: Collection[str] = ()) -> Json:
    """Return an alert."""
    state = account.state
    path = f"alerts/{found.id}"
    service = state.services[found.service_id]
    integration = next(each for each in service.integrations if each.id == found.integration_id)
    entry = state.entries[found.log_entry_id]
    owner = state.incidents[found.incident_id]
    return {
        "id": found.id,
        "type": "alert",
        "summary": found.summary,
        "self": refs.link(account, f"incidents/{found.incident_id}/{path}"),
        "html_url": refs.page(account, path),
        "created_at": iso(found.created_at),
        "resolved_at": iso(found.resolved_at) if found.resolved_at else None,
        "status": found.status,
        "alert_key": found.key,
        "service": shapes.service(account, service) if "services" in include else refs.service(account, service.id),
        "first_trigger_log_entry": log_entry(account, entry)
        if "first_trigger_log_entries" in include
        else timeline.reference(account, entry),
        "incident": incident(account, owner) if "incidents" in include else refs.incident(account, owner.id),
        "suppressed": False,
        "severity": found.severity,
        "integration": refs.integration(account, service.id, integration.id, integration.name, integration.type),
        "body": {"type": "alert_body", "contexts": found.contexts, "details": found.details},
    }


def note(account: Account, found: Note) -> Json:
    """Return a note."""
    return {
        "id": found.id,
        "user": found.author,
        "channel": {"summary": found.channel},
        "content": found.content,
        "created_at": iso(found.created_at),
        "updated_at": iso(found.updated_at),
    }


def log_entry(account: Account, found: LogEntry, include: Collection[str] = ()) -> Json:
    """Return a log entry; what was sent by the monitoring tool is only there with `include[]=channels`."""
    state = account.state
    owner = state.incidents[found.incident_id]
    service = state.services[found.service_id]
    teams = account.service_teams(service)
    if "channels" in include:
        channel = found.channel
    else:
        channel = {name: found.channel[name] for name in ("type", "summary", "duration") if name in found.channel}
    reference = timeline.reference(account, found)
    return {
        **reference,
        "type": found.type,
        "created_at": iso(found.created_at),
        "agent": found.agent or refs.service(account, service.id),
        "channel": channel,
        "service": shapes.service(account, service) if "services" in include else refs.service(account, service.id),
        "incident": incident(account, owner) if "incidents" in include else refs.incident(account, owner.id),
        "teams": [
            shapes.team(account, state.teams[team]) if "teams" in include else refs.team(account, team)
            for team in teams
        ],
        "contexts": found.channel.get("contexts", []),
        **found.extra,
    }
