"""The state machine of an incident: every way in which one changes, with its timers, log entries and events."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

from . import refs
from .api_errors import ApiError
from .oncall import first_level
from .resources import Alert, Incident, Service, Stamp, Status, Urgency
from .state import Account
from .timeline import annotate, record, tell
from .values import Json, iso


def open_incident(
    account: Account,
    service: Service,
    *,
    title: str,
    agent: Json,
    key: str | None = None,
    urgency: Urgency | None = None,
    policy_id: str | None = None,
    assignee_ids: Sequence[str] = (),
    priority_id: str | None = None,
    body: Json | None = None,
    channel: Json | None = None,
    by_rest: bool = False,
    prepare: Callable[[Incident], None] | None = None,
) -> Incident:
    """Open an incident and assign it: to whom is named, else to whom the escalation policy has on call.

    `prepare` completes the incident, with its alert, before anybody is notified.
    """
    now = account.now()
    account.last_number += 1
    incident = Incident(
        id=account.ids.next("incident"),
        number=account.last_number,
        title=title,
        key=key or account.ids.hex("incident_key"),
        service_id=service.id,
        policy_id=policy_id or service.policy_id,
        urgency=urgency or usual_urgency(service),
        created_at=now,
        updated_at=now,
        last_change_at=now,
        last_change_by=agent,
        priority_id=priority_id,
        body=body,
        by_rest=by_rest,
    )
    service.last_incident_at = now
    account.state.incidents[incident.id] = incident
    account.state.by_number[incident.number] = incident
    account.state.open_by_service.setdefault(service.id, {})[incident.id] = incident
    record(account, incident, "trigger", agent, channel)
    if prepare:
        prepare(incident)
    if assignee_ids:
        incident.directly_assigned = True
        _assign(account, incident, assignee_ids, agent)
    else:
        _assign_by_policy(account, incident, agent)
    _start_auto_resolve(account, incident)
    account.touch(incident)
    tell(account, incident, "triggered", agent)
    return incident


def usual_urgency(service: Service, severity: str = "critical") -> Urgency:
    """Return the urgency that the service's rule gives to a severity."""
    rule = service.urgency_rule.get("urgency", "high")
    if rule == "severity_based":
        return "high" if severity in ("critical", "error") else "low"
    return "low" if rule == "low" else "high"


def acknowledge(account: Account, incident: Incident, agent: Json) -> None:
    """Acknowledge an incident, once more if it is already; a resolved one is re-opened.

    A user who acknowledges becomes the assignee.
    """
    reopening = not incident.open
    if reopening:
        _reopen(account, incident, agent)
    _change_status(account, incident, "acknowledged", agent)
    now = account.now()
    if agent["type"] == "user_reference" and [agent["id"]] != [stamp.id for stamp in incident.assignments]:
        incident.assignments = [Stamp(now, agent)]
    incident.acknowledgements = [stamp for stamp in incident.acknowledgements if stamp.id != agent["id"]]
    incident.acknowledgements.append(Stamp(now, agent))
    service = account.state.services[incident.service_id]
    record(account, incident, "acknowledge", agent, acknowledgement_timeout=service.acknowledgement_timeout or 0)
    incident.pending.pop("escalate", None)
    incident.pending.pop("unacknowledge", None)
    if service.acknowledgement_timeout:
        _plan(account, incident, "unacknowledge", timedelta(seconds=service.acknowledgement_timeout))
    account.touch(incident)
    tell(account, incident, "reopened" if reopening else "acknowledged", agent)


def resolve(
    account: Account, incident: Incident, agent: Json | None, *, resolution: str | None = None, into: str | None = None
) -> None:
    """Resolve an incident and its alerts; `resolution` becomes a note, `into` names the incident it was merged into."""
    now = account.now()
    for alert in incident.alerts.values():
        if alert.status == "triggered":
            close_alert(account, alert)
    incident.resolved_at = now
    incident.assignments, incident.acknowledgements, incident.pending = [], [], {}
    if into:
        incident.merged_into = into
        incident.resolve_reason = {"type": "merge_resolve_reason", "incident": refs.incident(account, into)}
    _change_status(account, incident, "resolved", agent or refs.service(account, incident.service_id))
    account.state.open_by_service[incident.service_id].pop(incident.id, None)
    record(account, incident, "resolve", agent)
    account.touch(incident)
    tell(account, incident, "resolved", agent)
    if resolution:
        annotate(account, incident, f"Resolution Note: {resolution}", agent or incident.last_change_by)


def close_alert(account: Account, alert: Alert) -> None:
    """Resolve an alert, so that its key opens a new one from now on."""
    alert.status, alert.resolved_at = "resolved", account.now()
    account.state.open_alerts.pop((alert.integration_id, alert.key), None)


def trigger_again(
    account: Account,
    incident: Incident,
    agent: Json,
    *,
    assignee_ids: Sequence[str] = (),
    policy_id: str | None = None,
) -> None:
    """Bring an incident back to triggered: un-acknowledge it, or re-open it if it was resolved."""
    reopening = not incident.open
    if reopening:
        _reopen(account, incident, agent)
    _change_status(account, incident, "triggered", agent)
    incident.acknowledgements = []
    incident.pending.pop("unacknowledge", None)
    if reopening or assignee_ids or policy_id:
        if assignee_ids:
            incident.directly_assigned = True
            _assign(account, incident, assignee_ids, agent)
        else:
            incident.directly_assigned = False
            incident.policy_id = policy_id or incident.policy_id
            _assign_by_policy(account, incident, agent)
    else:
        record(account, incident, "unacknowledge", agent)
        _plan_escalation(account, incident)
    account.touch(incident)
    tell(account, incident, "reopened" if reopening else "unacknowledged", agent)


def _reopen(account: Account, incident: Incident, agent: Json) -> None:
    incident.resolved_at, incident.resolve_reason, incident.merged_into = None, None, None
    incident.reopened_at = account.now()
    account.state.open_by_service.setdefault(incident.service_id, {})[incident.id] = incident
    record(account, incident, "trigger", agent)
    _start_auto_resolve(account, incident)


def reassign(account: Account, incident: Incident, user_ids: Sequence[str], agent: Json) -> None:
    """Assign an open incident to named users; from then on it does not escalate."""
    incident.directly_assigned = True
    incident.pending.pop("escalate", None)
    _assign(account, incident, user_ids, agent)
    _back_to_triggered(account, incident, agent)
    account.touch(incident)
    tell(account, incident, "reassigned", agent)


def delegate(account: Account, incident: Incident, policy_id: str, agent: Json) -> None:
    """Hand an open incident to another escalation policy."""
    incident.policy_id, incident.directly_assigned = policy_id, False
    level, users = first_level(account, account.state.policies[policy_id])
    incident.level, incident.loops_left = max(level, 1), account.state.policies[policy_id].num_loops
    incident.assignments = [Stamp(account.now(), refs.user(account, user)) for user in users]
    record(account, incident, "delegate", agent, assignees=[stamp.who for stamp in incident.assignments])
    _back_to_triggered(account, incident, agent)
    _plan_escalation(account, incident)
    account.touch(incident)
    tell(account, incident, "delegated", agent)


def escalate(account: Account, incident: Incident, level: int, agent: Json | None) -> None:
    """Move an open incident to a level of its escalation policy.

    Raises:
        ApiError: 400 with code 1006 if the policy has no such level, 1015 if nobody is on call from there on.
    """
    policy = account.state.policies[incident.policy_id]
    if not 1 <= level <= len(policy.rules):
        raise ApiError(400, 1006, f"The escalation policy has {len(policy.rules)} levels")
    reached, users = first_level(account, policy, level)
    if not reached:
        raise ApiError(400, 1015)
    incident.level, incident.directly_assigned = reached, False
    incident.assignments = [Stamp(account.now(), refs.user(account, user)) for user in users]
    record(account, incident, "escalate", agent, assignees=[stamp.who for stamp in incident.assignments])
    _back_to_triggered(account, incident, agent or refs.service(account, incident.service_id))
    _notify(account, incident)
    _plan_escalation(account, incident)
    account.touch(incident)
    tell(account, incident, "escalated", agent)


def snooze(account: Account, incident: Incident, seconds: int, agent: Json) -> None:
    """Keep an acknowledged incident quiet for a while; then it is un-acknowledged."""
    _plan(account, incident, "unacknowledge", timedelta(seconds=seconds))
    action = {"type": "unacknowledge", "at": iso(incident.pending["unacknowledge"])}
    record(account, incident, "snooze", agent, {"type": "website", "duration": seconds}, changed_actions=[action])
    account.touch(incident)


def set_urgency(account: Account, incident: Incident, urgency: Urgency, agent: Json) -> None:
    """Change the urgency of an incident."""
    if incident.urgency != urgency:
        incident.urgency = urgency
        record(account, incident, "urgency_change", agent)
        account.touch(incident)


def set_priority(account: Account, incident: Incident, priority_id: str | None, agent: Json) -> None:
    """Change the priority of an incident."""
    if incident.priority_id != priority_id:
        incident.priority_id = priority_id
        record(account, incident, "field_value_change", agent)
        account.touch(incident)
        tell(account, incident, "priority_updated", agent)


def set_title(account: Account, incident: Incident, title: str, agent: Json) -> None:
    """Change the title of an incident."""
    if incident.title != title:
        incident.title = title
        record(account, incident, "field_value_change", agent)
        account.touch(incident)


def move_to_service(account: Account, incident: Incident, service: Service, agent: Json) -> None:
    """Move an incident to another service."""
    if incident.service_id != service.id:
        account.state.open_by_service.get(incident.service_id, {}).pop(incident.id, None)
        incident.service_id = service.id
        if incident.open:
            account.state.open_by_service.setdefault(service.id, {})[incident.id] = incident
        record(account, incident, "field_value_change", agent)
        account.touch(incident)
        tell(account, incident, "service_updated", agent)


def _change_status(account: Account, incident: Incident, status: Status, agent: Json) -> None:
    incident.status = status
    incident.last_change_at, incident.last_change_by = account.now(), agent


def _back_to_triggered(account: Account, incident: Incident, agent: Json) -> None:
    """A newly assigned user has acknowledged nothing yet."""
    if incident.status == "acknowledged":
        _change_status(account, incident, "triggered", agent)
        incident.acknowledgements = []
        incident.pending.pop("unacknowledge", None)


def _assign(account: Account, incident: Incident, user_ids: Sequence[str], agent: Json | None) -> None:
    incident.assignments = [Stamp(account.now(), refs.user(account, user_id)) for user_id in user_ids]
    record(account, incident, "assign", agent, assignees=[stamp.who for stamp in incident.assignments])
    _notify(account, incident)


def _assign_by_policy(account: Account, incident: Incident, agent: Json | None) -> None:
    policy = account.state.policies[incident.policy_id]
    level, users = first_level(account, policy)
    incident.level, incident.loops_left = max(level, 1), policy.num_loops
    _assign(account, incident, users, agent)
    _plan_escalation(account, incident)


def _notify(account: Account, incident: Incident) -> None:
    for stamp in incident.assignments:
        record(
            account, incident, "notify", refs.service(account, incident.service_id), {"type": "auto"}, user=stamp.who
        )


def _plan(account: Account, incident: Incident, kind: str, delay: timedelta) -> None:
    moment = account.now() + delay
    incident.pending[kind] = moment
    account.at(moment, partial(_due, account, incident, kind, moment))


def _plan_escalation(account: Account, incident: Incident) -> None:
    policy = account.state.policies[incident.policy_id]
    if not incident.directly_assigned and incident.urgency == "high":
        _plan(account, incident, "escalate", timedelta(minutes=policy.rules[incident.level - 1].delay_minutes))


def _start_auto_resolve(account: Account, incident: Incident) -> None:
    if seconds := account.state.services[incident.service_id].auto_resolve_timeout:
        _plan(account, incident, "resolve", timedelta(seconds=seconds))


def _due(account: Account, incident: Incident, kind: str, moment: datetime) -> None:
    """Do what was planned, unless it has been called off or put off since."""
    if incident.pending.get(kind) != moment:
        return
    del incident.pending[kind]
    if kind == "resolve":
        resolve(account, incident, None)
    elif kind == "unacknowledge":
        _change_status(account, incident, "triggered", refs.service(account, incident.service_id))
        incident.acknowledgements = []
        record(account, incident, "unacknowledge", None)
        _plan_escalation(account, incident)
        account.touch(incident)
        tell(account, incident, "unacknowledged", None)
    else:
        _climb(account, incident)


def _climb(account: Account, incident: Incident) -> None:
    policy = account.state.policies[incident.policy_id]
    level, _ = first_level(account, policy, incident.level + 1)
    if not level and incident.loops_left:
        incident.loops_left -= 1
        record(account, incident, "repeat_escalation_path", None)
        level, _ = first_level(account, policy)
    if level:
        escalate(account, incident, level, None)
    else:
        record(account, incident, "exhaust_escalation_path", None)
        account.touch(incident)
