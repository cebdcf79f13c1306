"""Escalation policies."""

from . import shapes
from .api_errors import invalid, not_found
from .call import Call, Reply, delete, get, matches, post, put, reference_id, required_text
from .resources import EscalationPolicy, Rule, Target
from .values import Json, as_list, as_object, as_text


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
    return call.page("escalation_policies", found, lambda each: shapes.policy(call.account, each, include))


def _find(call: Call) -> EscalationPolicy:
    policy = call.state.policies.get(call.params["id"])
    if policy is None:
        raise not_found("Escalation policy")
    return policy


def get_policy(call: Call) -> Reply:
    """GET /escalation_policies/{id}."""
    policy = _find(call)
    return Reply(200, {"escalation_policy": shapes.policy(call.account, policy, call.query.many("include[]"))})


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


def _rules(call: Call, wanted: Json) -> list[Rule]:
    rules = [_rule(call, rule) for rule in as_list(wanted.get("escalation_rules")) or []]
    if not rules:
        raise invalid("Escalation rules cannot be empty")
    return rules


def _teams(call: Call, wanted: Json) -> list[str]:
    teams = [reference_id(team, "Team") for team in as_list(wanted.get("teams")) or []]
    if unknown := [team for team in teams if team not in call.state.teams]:
        raise invalid(f"Team {unknown[0]} not found")
    return teams


def _free_name(call: Call, wanted: Json, but: EscalationPolicy | None = None) -> str:
    name = required_text(wanted, "name")
    if any(policy.name == name and policy is not but for policy in call.state.policies.values()):
        raise invalid("Escalation Policy has already been taken")
    return name


def create_policy(call: Call) -> Reply:
    """POST /escalation_policies."""
    wanted = call.wrapped("escalation_policy")
    name, rules, teams = _free_name(call, wanted), _rules(call, wanted), _teams(call, wanted)
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
    return Reply(201, {"escalation_policy": shapes.policy(call.account, policy)})


def update_policy(call: Call) -> Reply:
    """PUT /escalation_policies/{id}: rules that are given replace all; teams and the rest stay where they are not."""
    policy, wanted = _find(call), call.wrapped("escalation_policy")
    name, rules = _free_name(call, wanted, policy), _rules(call, wanted)
    teams = _teams(call, wanted) if "teams" in wanted else policy.team_ids
    policy.name, policy.rules, policy.team_ids = name, rules, teams
    for incident in call.state.incidents.values():
        if incident.policy_id == policy.id:
            incident.level = min(incident.level, len(rules))
    if "description" in wanted:
        policy.description = as_text(wanted["description"]) or ""
    if isinstance(wanted.get("num_loops"), int):
        policy.num_loops = wanted["num_loops"]
    policy.handoff = as_text(wanted.get("on_call_handoff_notifications")) or policy.handoff
    call.account.renamed()
    return Reply(200, {"escalation_policy": shapes.policy(call.account, policy)})


def delete_policy(call: Call) -> Reply:
    """DELETE /escalation_policies/{id}: only one that no service and no incident uses."""
    policy = _find(call)
    if any(service.policy_id == policy.id for service in call.state.services.values()):
        raise invalid("Escalation policy is used by a service")
    if any(incident.policy_id == policy.id for incident in call.state.incidents.values()):
        raise invalid("Escalation policy is used by an incident")
    del call.state.policies[policy.id]
    call.account.renamed()
    return Reply(204)


ROUTES = (
    get("/escalation_policies", list_policies, "escalation_policies.read"),
    post("/escalation_policies", create_policy, "escalation_policies.write"),
    get("/escalation_policies/{id}", get_policy, "escalation_policies.read"),
    put("/escalation_policies/{id}", update_policy, "escalation_policies.write"),
    delete("/escalation_policies/{id}", delete_policy, "escalation_policies.write"),
)
