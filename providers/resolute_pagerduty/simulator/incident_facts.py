"""What analytics says about one incident, worked out from its timeline."""

from dataclasses import dataclass
from datetime import datetime

from .resources import Incident, LogEntry
from .state import Account
from .values import Json

MAJOR = 2
"""The two most severe priorities make an incident a major one."""


def naive(moment: datetime | None) -> str | None:
    """Write a time as analytics does: without an offset."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S") if moment else None


def _kind(entry: LogEntry) -> str:
    return entry.type.removesuffix("_log_entry")


@dataclass(frozen=True, slots=True)
class Facts:
    """One incident with its figures; times are in seconds."""

    incident: Incident
    team_id: str | None
    seconds_to_first_ack: int | None
    seconds_to_resolve: int | None
    major: bool
    row: Json

    def __getitem__(self, name: str) -> int:
        """Return a figure by its name in the raw row; what is unknown counts as nothing."""
        value = self.row[name]
        return value if isinstance(value, int) else 0


def facts_of(account: Account, incident: Incident) -> Facts:
    """Return the figures of an incident."""
    state = account.state
    entries: dict[str, list[LogEntry]] = {}
    for entry in incident.entries:
        entries.setdefault(_kind(entry), []).append(entry)

    def first(kind: str) -> int | None:
        found = entries.get(kind)
        return int((found[0].created_at - incident.created_at).total_seconds()) if found else None

    def users(kind: str) -> list[Json]:
        agents = [each.agent for each in entries.get(kind, []) if each.agent and each.agent["type"] == "user_reference"]
        return list({each["id"]: each for each in agents}.values())

    assigned = {
        who["id"]: who
        for kind in ("assign", "escalate", "delegate")
        for entry in entries.get(kind, [])
        for who in entry.extra.get("assignees", [])
    }
    resolved = entries.get("resolve", [])
    resolver = resolved[-1].agent if resolved else None
    to_resolve = int((incident.resolved_at - incident.created_at).total_seconds()) if incident.resolved_at else None
    to_ack, acknowledgers = first("acknowledge"), users("acknowledge")
    service, policy = state.services[incident.service_id], state.policies[incident.policy_id]
    team = state.teams[policy.team_ids[0]] if policy.team_ids else None
    order = list(state.priorities)
    rank = order.index(incident.priority_id) if incident.priority_id else None
    priority = state.priorities[incident.priority_id] if incident.priority_id else None
    escalations = entries.get("escalate", [])
    by_timeout = sum(each.agent is None for each in escalations)
    engaged = max(0, to_resolve - to_ack) if to_resolve is not None and to_ack is not None else 0
    row: Json = {
        "acknowledged_user_ids": [each["id"] for each in acknowledgers],
        "acknowledged_user_names": [each["summary"] for each in acknowledgers],
        "acknowledgement_count": len(entries.get("acknowledge", [])),
        "active_user_count": len(acknowledgers),
        "assigned_user_ids": list(assigned),
        "assigned_user_names": [each["summary"] for each in assigned.values()],
        "assignment_count": len(assigned),
        "auto_resolved": bool(resolved) and resolver is None,
        "created_at": naive(incident.created_at),
        "updated_at": naive(incident.updated_at),
        "description": incident.title,
        "engaged_seconds": engaged,
        "engaged_user_count": len(acknowledgers),
        "escalation_count": len(escalations),
        "escalation_policy_id": policy.id,
        "escalation_policy_name": policy.name,
        "id": incident.id,
        "incident_number": incident.number,
        "incident_type_id": "PINCTYP",
        "incident_type_name": incident.type_name,
        "joined_user_ids": [],
        "joined_user_names": [],
        "major": rank is not None and rank < MAJOR,
        "manual_escalation_count": len(escalations) - by_timeout,
        "priority_id": priority and priority.id,
        "priority_name": priority and priority.name,
        "priority_order": None if rank is None else len(order) - rank,
        "reassignment_count": max(0, len(entries.get("assign", [])) - 1),
        "resolved_at": naive(incident.resolved_at),
        "resolved_by_user_id": resolver["id"] if resolver and resolver["type"] == "user_reference" else None,
        "resolved_by_user_name": resolver["summary"] if resolver and resolver["type"] == "user_reference" else None,
        "seconds_to_engage": to_ack,
        "seconds_to_first_ack": to_ack,
        "seconds_to_mobilize": None,
        "seconds_to_resolve": to_resolve,
        "service_id": service.id,
        "service_name": service.name,
        "snoozed_seconds": sum(each.channel.get("duration", 0) for each in entries.get("snooze", [])),
        "status": incident.status,
        "team_id": team and team.id,
        "team_name": team and team.name,
        "timeout_escalation_count": by_timeout,
        "total_notifications": len(entries.get("notify", [])),
        "urgency": incident.urgency,
        "user_defined_effort_seconds": None,
        **_interruptions(entries.get("notify", [])),
    }
    return Facts(incident, team and team.id, to_ack, to_resolve, row["major"], row)


def _interruptions(notifications: list[LogEntry]) -> Json:
    """Count by the hour: 8 to 18 on weekdays is business, 22 to 8 is sleep, the rest is off hours."""
    business = sleep = 0
    for entry in notifications:
        hour = entry.created_at.hour
        if entry.created_at.isoweekday() <= 5 and 8 <= hour < 18:
            business += 1
        elif hour >= 22 or hour < 8:
            sleep += 1
    return {
        "business_hour_interruptions": business,
        "off_hour_interruptions": len(notifications) - business - sleep,
        "sleep_hour_interruptions": sleep,
        "total_interruptions": len(notifications),
    }
