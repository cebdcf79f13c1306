"""Users, teams, policies and services as the REST API shows them; `include` swaps references for whole objects."""

from collections.abc import Collection

from . import refs
from .resources import EscalationPolicy, Integration, Service, Target, Team, User
from .state import Account
from .values import Json, iso


def user(account: Account, found: User, include: Collection[str] = ()) -> Json:
    """Return a user."""
    teams = [team for team in account.state.teams.values() if found.id in team.members]
    shown: Json = {
        **refs.base(account, "user", found.id, found.name),
        "name": found.name,
        "email": found.email,
        "time_zone": found.time_zone,
        "color": found.color,
        "role": found.role,
        "avatar_url": f"https://secure.gravatar.com/avatar/{found.id.lower()}.png?d=mm&r=PG",
        "description": found.description,
        "invitation_sent": False,
        "job_title": found.job_title,
        "teams": [team(account, each) if "teams" in include else refs.team(account, each.id) for each in teams],
        "contact_methods": [_contact_method(account, found, whole="contact_methods" in include)],
        "notification_rules": [],
    }
    if "subdomains" in include:
        shown["subdomains"] = [account.subdomain]
    return shown


def _contact_method(account: Account, user: User, *, whole: bool) -> Json:
    path = f"users/{user.id}/contact_methods/C{user.id[1:]}"
    kind = "email_contact_method"
    shown: Json = {
        "id": f"C{user.id[1:]}",
        "type": kind if whole else f"{kind}_reference",
        "summary": "Default",
        "self": refs.link(account, path),
        "html_url": None,
    }
    return {**shown, "label": "Default", "address": user.email} if whole else shown


def team(account: Account, found: Team) -> Json:
    """Return a team."""
    return {
        **refs.base(account, "team", found.id, found.name),
        "name": found.name,
        "description": found.description,
        "default_role": found.default_role,
    }


def policy(account: Account, found: EscalationPolicy, include: Collection[str] = ()) -> Json:
    """Return an escalation policy."""
    state = account.state
    return {
        **refs.base(account, "escalation_policy", found.id, found.name),
        "name": found.name,
        "description": found.description,
        "num_loops": found.num_loops,
        "on_call_handoff_notifications": found.handoff,
        "escalation_rules": [
            {
                "id": rule.id,
                "escalation_delay_in_minutes": rule.delay_minutes,
                "targets": [_show_target(account, target, include) for target in rule.targets],
            }
            for rule in found.rules
        ],
        "services": [
            service(account, each) if "services" in include else refs.service(account, each.id)
            for each in state.services.values()
            if each.policy_id == found.id
        ],
        "teams": [
            team(account, state.teams[each]) if "teams" in include else refs.team(account, each)
            for each in found.team_ids
        ],
    }


def _show_target(account: Account, target: Target, include: Collection[str]) -> Json:
    if target.kind == "schedule":
        return refs.schedule(account, target.id)
    if "targets" in include and target.id in account.state.users:
        return user(account, account.state.users[target.id])
    return refs.user(account, target.id)


def service_status(account: Account, service: Service) -> str:
    """Return the state of a service, which follows from its incidents and maintenance windows."""
    if service.disabled:
        return "disabled"
    if account.in_maintenance(service):
        return "maintenance"
    statuses = {incident.status for incident in account.state.open_by_service.get(service.id, {}).values()}
    if "triggered" in statuses:
        return "critical"
    return "warning" if statuses else "active"


def service(account: Account, found: Service, include: Collection[str] = ()) -> Json:
    """Return a service."""
    state = account.state
    teams = account.service_teams(found)
    owner = state.policies[found.policy_id]
    return {
        **refs.base(account, "service", found.id, found.name),
        "name": found.name,
        "description": found.description,
        "created_at": iso(found.created_at),
        "updated_at": iso(found.created_at),
        "status": service_status(account, found),
        "auto_resolve_timeout": found.auto_resolve_timeout,
        "acknowledgement_timeout": found.acknowledgement_timeout,
        "last_incident_timestamp": iso(found.last_incident_at) if found.last_incident_at else None,
        "teams": [
            team(account, state.teams[each]) if "teams" in include else refs.team(account, each) for each in teams
        ],
        "incident_urgency_rule": found.urgency_rule,
        "support_hours": found.support_hours,
        "scheduled_actions": found.scheduled_actions,
        "escalation_policy": policy(account, owner)
        if "escalation_policies" in include
        else refs.policy(account, owner.id),
        "addons": [],
        "alert_creation": "create_alerts_and_incidents",
        "alert_grouping_parameters": {"type": None, "config": {}},
        "integrations": [
            integration(account, each)
            if "integrations" in include
            else refs.integration(account, found.id, each.id, each.name, each.type)
            for each in found.integrations
        ],
        **(
            {"auto_pause_notifications_parameters": {"enabled": False, "timeout": 0}}
            if "auto_pause_notifications_parameters" in include
            else {}
        ),
    }


def integration(account: Account, found: Integration) -> Json:
    """Return an integration with its routing key, which the documents do not name but real answers carry."""
    return {
        **refs.integration(account, found.service_id, found.id, found.name, found.type),
        "type": found.type,
        "name": found.name,
        "service": refs.service(account, found.service_id),
        "created_at": iso(found.created_at),
        "integration_key": found.routing_key,
    }
