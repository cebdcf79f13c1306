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


class _Story:
    """The timeline of an incident, asked for one kind of log entry at a time."""

    def __init__(self, incident: Incident) -> None:
        self._opened = incident.created_at
        self._entries: dict[str, list[LogEntry]] = {}
        for entry in incident.entries:
            self._entries.setdefault(entry.type.removesuffix("_log_entry"), []).append(entry)

    def of(self, kind: str) -> list[LogEntry]:
        return self._entries.get(kind, [])

    def count(self, kind: str) -> int:
        return len(self.of(kind))

    def seconds_to_first(self, kind: str) -> int | None:
        found = self.of(kind)
        return int((found[0].created_at - self._opened).total_seconds()) if found else None

    def users(self, kind: str) -> dict[str, str]:
        """Return ids and names of the users who did something."""
        agents = [each.agent for each in self.of(kind) if each.agent and each.agent["type"] == "user_reference"]
        return {each["id"]: each["summary"] for each in agents}

    def assigned(self) -> dict[str, str]:
        """Return ids and names of everybody who was ever assigned."""
        return {
            who["id"]: who["summary"]
            for kind in ("assign", "escalate", "delegate")
            for entry in self.of(kind)
            for who in entry.extra.get("assignees", [])
        }


def facts_of(account: Account, incident: Incident) -> Facts:
    """Return the figures of an incident."""
    state, story = account.state, _Story(incident)
    service, policy = state.services[incident.service_id], state.policies[incident.policy_id]
    team = state.teams[policy.team_ids[0]] if policy.team_ids else None
    row: Json = {
        "created_at": naive(incident.created_at),
        "updated_at": naive(incident.updated_at),
        "resolved_at": naive(incident.resolved_at),
        "description": incident.title,
        "id": incident.id,
        "incident_number": incident.number,
        "incident_type_id": "PINCTYP",
        "incident_type_name": incident.type_name,
        "status": incident.status,
        "urgency": incident.urgency,
        "service_id": service.id,
        "service_name": service.name,
        "escalation_policy_id": policy.id,
        "escalation_policy_name": policy.name,
        "team_id": team and team.id,
        "team_name": team and team.name,
        **_priority(account, incident),
        **_people(story),
        **_times(incident, story),
        **_counts(story),
        **_interruptions(story.of("notify")),
    }
    return Facts(incident, row["team_id"], row["seconds_to_first_ack"], row["seconds_to_resolve"], row["major"], row)


def _priority(account: Account, incident: Incident) -> Json:
    order = list(account.state.priorities)
    if incident.priority_id is None:
        return {"major": False, "priority_id": None, "priority_name": None, "priority_order": None}
    priority, rank = account.state.priorities[incident.priority_id], order.index(incident.priority_id)
    return {
        "major": rank < MAJOR,
        "priority_id": priority.id,
        "priority_name": priority.name,
        "priority_order": len(order) - rank,
    }


def _people(story: _Story) -> Json:
    acknowledgers, assigned = story.users("acknowledge"), story.assigned()
    last = story.of("resolve")[-1:]
    resolver = last[0].agent if last and last[0].agent and last[0].agent["type"] == "user_reference" else None
    return {
        "acknowledged_user_ids": list(acknowledgers),
        "acknowledged_user_names": list(acknowledgers.values()),
        "active_user_count": len(acknowledgers),
        "assigned_user_ids": list(assigned),
        "assigned_user_names": list(assigned.values()),
        "assignment_count": len(assigned),
        "auto_resolved": bool(last) and last[0].agent is None,
        "engaged_user_count": len(acknowledgers),
        "joined_user_ids": [],
        "joined_user_names": [],
        "resolved_by_user_id": resolver and resolver["id"],
        "resolved_by_user_name": resolver and resolver["summary"],
    }


def _times(incident: Incident, story: _Story) -> Json:
    to_ack = story.seconds_to_first("acknowledge")
    to_resolve = int((incident.resolved_at - incident.created_at).total_seconds()) if incident.resolved_at else None
    engaged = max(0, to_resolve - to_ack) if to_ack is not None and to_resolve is not None else 0
    return {
        "seconds_to_engage": to_ack,
        "seconds_to_first_ack": to_ack,
        "seconds_to_mobilize": None,
        "seconds_to_resolve": to_resolve,
        "engaged_seconds": engaged,
        "snoozed_seconds": sum(each.channel.get("duration", 0) for each in story.of("snooze")),
        "user_defined_effort_seconds": None,
    }


def _counts(story: _Story) -> Json:
    escalations = story.of("escalate")
    by_timeout = sum(each.agent is None for each in escalations)
    return {
        "acknowledgement_count": story.count("acknowledge"),
        "escalation_count": len(escalations),
        "manual_escalation_count": len(escalations) - by_timeout,
        "timeout_escalation_count": by_timeout,
        "reassignment_count": max(0, story.count("assign") - 1),
        "total_notifications": story.count("notify"),
    }


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
