"""What a PUT asks of an incident: read and checked whole first, applied after that.

A bulk update is all or nothing, so nothing may be applied before everything has been read.
"""

from dataclasses import dataclass

from . import lifecycle
from .api_errors import ApiError, invalid
from .call import reference_id
from .resources import Incident, Service, Status, Urgency
from .state import Account, State
from .values import Json, as_list, as_object, as_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A checked change; None and empty mean: leave it as it is."""

    status: Status | None = None
    resolution: str | None = None
    title: str | None = None
    urgency: Urgency | None = None
    priority_id: str | None = None
    clear_priority: bool = False
    level: int | None = None
    assignee_ids: tuple[str, ...] = ()
    policy_id: str | None = None
    service: Service | None = None
    type_name: str | None = None
    conference_bridge: Json | None = None


def urgency(value: object) -> Urgency | None:
    """Return an urgency of a body.

    Raises:
        ApiError: 400 for any other word.
    """
    match value:
        case None:
            return None
        case "high":
            return "high"
        case "low":
            return "low"
        case _:
            raise invalid("Urgency must be high or low")


def priority_id(state: State, value: object) -> str | None:
    """Return the id of a priority that a body names by reference or by name.

    Raises:
        ApiError: 400 with code 1020 if there is none.
    """
    if value is None:
        return None
    wanted = value if isinstance(value, str) else reference_id(value, "Priority")
    for priority in state.priorities.values():
        if wanted in (priority.id, priority.name):
            return priority.id
    raise ApiError(400, 1020, f"Priority {wanted} not found")


def policy_id(state: State, value: object) -> str | None:
    """Return the id of an escalation policy that a body refers to.

    Raises:
        ApiError: 400 with code 1014 if there is none.
    """
    if value is None:
        return None
    wanted = reference_id(value, "Escalation policy")
    if wanted not in state.policies:
        raise ApiError(400, 1014)
    return wanted


def _status(value: object) -> Status | None:
    match value:
        case None:
            return None
        case "triggered":
            return "triggered"
        case "acknowledged":
            return "acknowledged"
        case "resolved":
            return "resolved"
        case _:
            raise ApiError(400, 1003, "Status must be triggered, acknowledged or resolved")


def _assignees(state: State, value: object) -> tuple[str, ...]:
    found = tuple(reference_id((as_object(each) or {}).get("assignee"), "Assignee") for each in as_list(value) or [])
    for each in found:
        if each not in state.users:
            raise ApiError(400, 1007, f"User {each} not found")
    return found


def _service(state: State, value: object) -> Service | None:
    if value is None:
        return None
    service = state.services.get(reference_id(value, "Service"))
    if service is None:
        raise invalid("Service not found")
    return service


def read(account: Account, incident: Incident, fields: Json) -> Change:
    """Check the fields of a PUT against the incident.

    Raises:
        ApiError: 400 for anything that cannot be done.
    """
    state, level = account.state, fields.get("escalation_level")
    change = Change(
        status=_status(fields.get("status")),
        resolution=as_text(fields.get("resolution")),
        title=as_text(fields.get("title")),
        urgency=urgency(fields.get("urgency")),
        priority_id=priority_id(state, fields.get("priority")),
        clear_priority="priority" in fields and fields["priority"] is None,
        level=level if isinstance(level, int) else None,
        assignee_ids=_assignees(state, fields.get("assignments")),
        policy_id=policy_id(state, fields.get("escalation_policy")),
        service=_service(state, fields.get("service")),
        type_name=as_text((as_object(fields.get("incident_type")) or {}).get("name")),
        conference_bridge=as_object(fields.get("conference_bridge")),
    )
    if "title" in fields and change.title is None:
        raise invalid("Title cannot be empty")
    if change.assignee_ids and change.policy_id:
        raise invalid("Assignments and escalation policy cannot both be given")
    if change.resolution and change.status != "resolved":
        raise invalid("A resolution can only be given with the status resolved")
    _check_open(account, incident, change)
    return change


def _check_open(account: Account, incident: Incident, change: Change) -> None:
    moves = bool(change.assignee_ids or change.policy_id or change.level)
    if incident.open:
        policy = account.state.policies[change.policy_id or incident.policy_id]
        if change.level and not 1 <= change.level <= len(policy.rules):
            raise ApiError(400, 1006, f"The escalation policy has {len(policy.rules)} levels")
        return
    if change.status == "resolved" and account.behaviour.duplicate_resolve == "reject":
        raise ApiError(400, 1001)
    if moves and change.status not in ("triggered", "acknowledged"):
        raise ApiError(400, 1001)


def apply(account: Account, incident: Incident, change: Change, agent: Json) -> None:
    """Carry out a change that has been checked."""
    if change.title:
        lifecycle.set_title(account, incident, change.title, agent)
    if change.urgency:
        lifecycle.set_urgency(account, incident, change.urgency, agent)
    if change.priority_id or change.clear_priority:
        lifecycle.set_priority(account, incident, change.priority_id, agent)
    if change.service:
        lifecycle.move_to_service(account, incident, change.service, agent)
    if change.type_name and change.type_name != incident.type_name:
        incident.type_name = change.type_name
        account.touch(incident)
    if change.conference_bridge:
        incident.conference_bridge = change.conference_bridge
        account.touch(incident)
    _apply_status(account, incident, change, agent)


def _apply_status(account: Account, incident: Incident, change: Change, agent: Json) -> None:
    if change.status == "resolved":
        if incident.open:
            lifecycle.resolve(account, incident, agent, resolution=change.resolution)
        return
    again = change.status == "triggered" and incident.status != "triggered"
    if again:
        lifecycle.trigger_again(account, incident, agent, assignee_ids=change.assignee_ids, policy_id=change.policy_id)
    elif incident.open and change.assignee_ids:
        lifecycle.reassign(account, incident, change.assignee_ids, agent)
    elif incident.open and change.policy_id:
        lifecycle.delegate(account, incident, change.policy_id, agent)
    if change.level and incident.open:
        lifecycle.escalate(account, incident, change.level, agent)
    if change.status == "acknowledged":
        lifecycle.acknowledge(account, incident, agent)
