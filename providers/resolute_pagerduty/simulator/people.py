"""Users, teams, escalation policies and on-calls."""

from collections.abc import Collection

from . import refs
from .call import Call, Reply, delete, get, matches, post, put, reference_id, required_text
from .problems import Problem, invalid, not_found
from .resources import EscalationPolicy, Rule, Target, Team, User
from .state import Account
from .values import Json, as_list, as_object, as_text

ROLES = ("observer", "responder", "manager")


def show_user(account: Account, found: User, include: Collection[str] = ()) -> Json:
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
        "teams": [show_team(account, team) if "teams" in include else refs.team(account, team.id) for team in teams],
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


def show_team(account: Account, found: Team) -> Json:
    """Return a team."""
    return {
        **refs.base(account, "team", found.id, found.name),
        "name": found.name,
        "description": found.description,
        "default_role": found.default_role,
    }


def show_policy(account: Account, found: EscalationPolicy, include: Collection[str] = ()) -> Json:
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
            refs.service(account, service.id) for service in state.services.values() if service.policy_id == found.id
        ],
        "teams": [
            show_team(account, state.teams[team]) if "teams" in include else refs.team(account, team)
            for team in found.team_ids
        ],
    }


def _show_target(account: Account, target: Target, include: Collection[str]) -> Json:
    if target.kind == "schedule":
        return refs.schedule(account, target.id)
    if "targets" in include and target.id in account.state.users:
        return show_user(account, account.state.users[target.id])
    return refs.user(account, target.id)


def list_users(call: Call) -> Reply:
    """GET /users."""
    query, team_ids = call.query.one("query"), call.query.many("team_ids[]")
    members = {member for team in team_ids if team in call.state.teams for member in call.state.teams[team].members}
    found = [
        user
        for user in call.state.users.values()
        if (matches(user.name, query) or matches(user.email, query)) and (not team_ids or user.id in members)
    ]
    found.sort(key=lambda each: each.name.casefold())
    include = call.query.many("include[]")
    return call.page("users", found, lambda each: show_user(call.account, each, include))


def get_user(call: Call) -> Reply:
    """GET /users/{id}."""
    user = call.state.users.get(call.params["id"])
    if user is None:
        raise not_found("User")
    return Reply(200, {"user": show_user(call.account, user, call.query.many("include[]"))})


def get_me(call: Call) -> Reply:
    """GET /users/me: only for credentials that belong to a user.

    With an account key the error is a plain string, which is what PagerDuty's own client looks into.
    """
    if call.actor.kind not in ("user", "user_oauth") or call.actor.user_id is None:
        kind = "account-level access token"
        return Reply(400, {"error": f"Cannot get the current user when using an {kind}."})
    user = call.state.users[call.actor.user_id]
    return Reply(200, {"user": show_user(call.account, user, call.query.many("include[]"))})


def create_user(call: Call) -> Reply:
    """POST /users."""
    wanted = call.wrapped("user")
    name, email = required_text(wanted, "name", 100), required_text(wanted, "email", 100)
    if len(email) < 6 or "@" not in email:
        raise invalid("Email is invalid")
    if any(user.email.casefold() == email.casefold() for user in call.state.users.values()):
        raise invalid("Email has already been taken")
    user = User(
        id=call.account.ids.next("user"),
        name=name,
        email=email,
        role=as_text(wanted.get("role")) or "limited_user",
        time_zone=as_text(wanted.get("time_zone")) or "UTC",
        color=as_text(wanted.get("color")) or "purple",
        job_title=as_text(wanted.get("job_title")) or "",
        description=as_text(wanted.get("description")),
    )
    call.state.users[user.id] = user
    return Reply(201, {"user": {**show_user(call.account, user), "invitation_sent": True}})


def list_teams(call: Call) -> Reply:
    """GET /teams."""
    found = [team for team in call.state.teams.values() if matches(team.name, call.query.one("query"))]
    found.sort(key=lambda each: each.name.casefold())
    return call.page("teams", found, lambda each: show_team(call.account, each))


def _team(call: Call) -> Team:
    team = call.state.teams.get(call.params["id"])
    if team is None:
        raise not_found("Team")
    return team


def get_team(call: Call) -> Reply:
    """GET /teams/{id}."""
    return Reply(200, {"team": show_team(call.account, _team(call))})


def create_team(call: Call) -> Reply:
    """POST /teams."""
    wanted = call.wrapped("team")
    name = required_text(wanted, "name", 100)
    if any(team.name == name for team in call.state.teams.values()):
        raise invalid("Name has already been taken")
    team = Team(
        id=call.account.ids.next("team"),
        name=name,
        description=as_text(wanted.get("description")) or "",
        default_role=as_text(wanted.get("default_role")) or "manager",
    )
    call.state.teams[team.id] = team
    return Reply(201, {"team": show_team(call.account, team)})


def list_members(call: Call) -> Reply:
    """GET /teams/{id}/members."""
    whole = "users" in call.query.many("include[]")
    members = list(_team(call).members.items())
    return call.page(
        "members",
        members,
        lambda each: {
            "user": show_user(call.account, call.state.users[each[0]]) if whole else refs.user(call.account, each[0]),
            "role": each[1],
        },
    )


def add_member(call: Call) -> Reply:
    """PUT /teams/{id}/users/{user_id}: again with another role changes the role."""
    team, user_id = _team(call), call.params["user_id"]
    if user_id not in call.state.users:
        raise not_found("User")
    role = call.body.get("role", "manager") if call.raw else "manager"
    if role not in ROLES:
        raise invalid(f"Role must be one of {', '.join(ROLES)}")
    team.members[user_id] = role
    return Reply(204)


def remove_member(call: Call) -> Reply:
    """DELETE /teams/{id}/users/{user_id}."""
    if _team(call).members.pop(call.params["user_id"], None) is None:
        raise not_found("User")
    return Reply(204)


def list_policies(call: Call) -> Reply:
    """GET /escalation_policies."""
    query = call.query.one("query")
    users, teams = set(call.query.many("user_ids[]")), set(call.query.many("team_ids[]"))
    found = [
        policy
        for policy in call.state.policies.values()
        if matches(policy.name, query)
        and (not teams or teams.intersection(policy.team_ids))
        and (not users or any(target.id in users for rule in policy.rules for target in rule.targets))
    ]
    found.sort(key=lambda each: each.name.casefold(), reverse=call.query.one("sort_by") == "name:desc")
    include = call.query.many("include[]")
    return call.page("escalation_policies", found, lambda each: show_policy(call.account, each, include))


def get_policy(call: Call) -> Reply:
    """GET /escalation_policies/{id}."""
    policy = call.state.policies.get(call.params["id"])
    if policy is None:
        raise not_found("Escalation policy")
    return Reply(200, {"escalation_policy": show_policy(call.account, policy, call.query.many("include[]"))})


def _rule(call: Call, wanted: object) -> Rule:
    rule = as_object(wanted) or {}
    delay = rule.get("escalation_delay_in_minutes")
    if not isinstance(delay, int) or delay < 1:
        raise invalid("Escalation delay in minutes must be a positive number")
    targets: list[Target] = []
    for each in as_list(rule.get("targets")) or []:
        identity = reference_id(each, "Target")
        if str(each.get("type", "")).startswith("schedule") and identity in call.state.schedules:
            targets.append(Target(kind="schedule", id=identity))
        elif identity in call.state.users:
            targets.append(Target(kind="user", id=identity))
        else:
            raise invalid(f"Target {identity} not found")
    if not targets:
        raise invalid("Escalation rule must have a target")
    return Rule(id=call.account.ids.next("rule"), delay_minutes=delay, targets=tuple(targets))


def create_policy(call: Call) -> Reply:
    """POST /escalation_policies."""
    wanted = call.wrapped("escalation_policy")
    name = required_text(wanted, "name")
    if any(policy.name == name for policy in call.state.policies.values()):
        raise invalid("Escalation Policy has already been taken")
    rules = [_rule(call, rule) for rule in as_list(wanted.get("escalation_rules")) or []]
    if not rules:
        raise invalid("Escalation rules cannot be empty")
    teams = [reference_id(team, "Team") for team in as_list(wanted.get("teams")) or []]
    if unknown := [team for team in teams if team not in call.state.teams]:
        raise Problem(400, 2001, f"Team {unknown[0]} not found")
    loops = wanted.get("num_loops", 0)
    policy = EscalationPolicy(
        id=call.account.ids.next("policy"),
        name=name,
        rules=rules,
        description=as_text(wanted.get("description")) or "",
        num_loops=loops if isinstance(loops, int) else 0,
        handoff=as_text(wanted.get("on_call_handoff_notifications")) or "if_has_services",
        team_ids=teams,
    )
    call.state.policies[policy.id] = policy
    return Reply(201, {"escalation_policy": show_policy(call.account, policy)})


ROUTES = (
    get("/users", list_users, "users.read"),
    get("/users/me", get_me, None),
    get("/users/{id}", get_user, "users.read"),
    post("/users", create_user, "users.write", needs_from=True),
    get("/teams", list_teams, "teams.read"),
    post("/teams", create_team, "teams.write"),
    get("/teams/{id}", get_team, "teams.read"),
    get("/teams/{id}/members", list_members, "teams.read"),
    put("/teams/{id}/users/{user_id}", add_member, "teams.write"),
    delete("/teams/{id}/users/{user_id}", remove_member, "teams.write"),
    get("/escalation_policies", list_policies, "escalation_policies.read"),
    post("/escalation_policies", create_policy, "escalation_policies.write"),
    get("/escalation_policies/{id}", get_policy, "escalation_policies.read"),
)
