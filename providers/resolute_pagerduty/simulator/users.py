"""Users and teams."""

from . import refs, shapes
from .api_errors import invalid, not_found
from .call import Call, Reply, delete, get, matches, post, put, required_text
from .resources import Team, User
from .values import Json, as_text

ROLES = ("observer", "responder", "manager")


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
    return call.page("users", found, lambda each: shapes.user(call.account, each, include))


def _user(call: Call) -> User:
    user = call.state.users.get(call.params["id"])
    if user is None:
        raise not_found("User")
    return user


def get_user(call: Call) -> Reply:
    """GET /users/{id}."""
    user = _user(call)
    return Reply(200, {"user": shapes.user(call.account, user, call.query.many("include[]"))})


def get_me(call: Call) -> Reply:
    """GET /users/me: only for credentials that belong to a user.

    With an account key the error is a plain string, which is what PagerDuty's own client looks into.
    """
    if call.actor.kind not in ("user", "user_oauth") or call.actor.user_id is None:
        kind = "account-level access token"
        return Reply(400, {"error": f"Cannot get the current user when using an {kind}."})
    user = call.state.users[call.actor.user_id]
    return Reply(200, {"user": shapes.user(call.account, user, call.query.many("include[]"))})


def _free_address(call: Call, wanted: Json, but: User | None = None) -> str:
    email = required_text(wanted, "email", 100)
    if len(email) < 6 or "@" not in email:
        raise invalid("Email is invalid")
    if any(user.email.casefold() == email.casefold() and user is not but for user in call.state.users.values()):
        raise invalid("Email has already been taken")
    return email


def create_user(call: Call) -> Reply:
    """POST /users."""
    wanted = call.wrapped("user")
    name, email = required_text(wanted, "name", 100), _free_address(call, wanted)
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
    return Reply(201, {"user": {**shapes.user(call.account, user), "invitation_sent": True}})


def update_user(call: Call) -> Reply:
    """PUT /users/{id}."""
    user, wanted = _user(call), call.wrapped("user")
    name, email = required_text(wanted, "name", 100), _free_address(call, wanted, user)
    user.name, user.email = name, email
    user.role = as_text(wanted.get("role")) or user.role
    user.time_zone = as_text(wanted.get("time_zone")) or user.time_zone
    user.color = as_text(wanted.get("color")) or user.color
    if "job_title" in wanted:
        user.job_title = as_text(wanted["job_title"]) or ""
    if "description" in wanted:
        user.description = as_text(wanted["description"])
    call.account.renamed()
    return Reply(200, {"user": shapes.user(call.account, user)})


def list_teams(call: Call) -> Reply:
    """GET /teams."""
    found = [team for team in call.state.teams.values() if matches(team.name, call.query.one("query"))]
    found.sort(key=lambda each: each.name.casefold())
    return call.page("teams", found, lambda each: shapes.team(call.account, each))


def _team(call: Call) -> Team:
    team = call.state.teams.get(call.params["id"])
    if team is None:
        raise not_found("Team")
    return team


def get_team(call: Call) -> Reply:
    """GET /teams/{id}."""
    return Reply(200, {"team": shapes.team(call.account, _team(call))})


def _free_name(call: Call, wanted: Json, but: Team | None = None) -> str:
    name = required_text(wanted, "name", 100)
    if any(team.name == name and team is not but for team in call.state.teams.values()):
        raise invalid("Name has already been taken")
    return name


def create_team(call: Call) -> Reply:
    """POST /teams."""
    wanted = call.wrapped("team")
    team = Team(
        id=call.account.ids.next("team"),
        name=_free_name(call, wanted),
        description=as_text(wanted.get("description")) or "",
        default_role=as_text(wanted.get("default_role")) or "manager",
    )
    call.state.teams[team.id] = team
    return Reply(201, {"team": shapes.team(call.account, team)})


def update_team(call: Call) -> Reply:
    """PUT /teams/{id}."""
    team, wanted = _team(call), call.wrapped("team")
    team.name = _free_name(call, wanted, team)
    if "description" in wanted:
        team.description = as_text(wanted["description"]) or ""
    team.default_role = as_text(wanted.get("default_role")) or team.default_role
    call.account.renamed()
    return Reply(200, {"team": shapes.team(call.account, team)})


def delete_team(call: Call) -> Reply:
    """DELETE /teams/{id}: only one without escalation policies and schedules, and so without services."""
    team, state = _team(call), call.state
    if any(team.id in each.team_ids for each in (*state.policies.values(), *state.schedules.values())):
        raise invalid("The team has escalation policies or schedules")
    if any(team.id == each.team_id for each in state.workflows.values()):
        raise invalid("The team has incident workflows")
    another = call.query.one("reassignment_team")
    if another is not None and another not in state.teams:
        raise invalid("Reassignment team not found")
    del state.teams[team.id]
    call.account.renamed()
    return Reply(204)


def list_members(call: Call) -> Reply:
    """GET /teams/{id}/members."""
    whole = "users" in call.query.many("include[]")
    members = list(_team(call).members.items())
    return call.page(
        "members",
        members,
        lambda each: {
            "user": shapes.user(call.account, call.state.users[each[0]]) if whole else refs.user(call.account, each[0]),
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


ROUTES = (
    get("/users", list_users, "users.read"),
    get("/users/me", get_me, None),
    get("/users/{id}", get_user, "users.read"),
    put("/users/{id}", update_user, "users.write"),
    post("/users", create_user, "users.write", needs_from=True),
    get("/teams", list_teams, "teams.read"),
    post("/teams", create_team, "teams.write"),
    get("/teams/{id}", get_team, "teams.read"),
    put("/teams/{id}", update_team, "teams.write"),
    delete("/teams/{id}", delete_team, "teams.write"),
    get("/teams/{id}/members", list_members, "teams.read"),
    put("/teams/{id}/users/{user_id}", add_member, "teams.write"),
    delete("/teams/{id}/users/{user_id}", remove_member, "teams.write"),
)
