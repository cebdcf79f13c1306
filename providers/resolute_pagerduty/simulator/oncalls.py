"""On-calls, priorities and abilities: small reads."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from . import refs, shapes
from .api_errors import ApiError, not_found
from .call import Call, Reply, get
from .oncall import Shift, final_shifts
from .resources import EscalationPolicy, Priority
from .schedules import show_schedule
from .values import Json, iso

FURTHEST = timedelta(days=90)
KNOWN_ABILITIES = frozenset(
    {
        "advanced_reports",
        "coordinated_responding",
        "event_rules",
        "incident_workflows",
        "manage_api_keys",
        "manage_schedules",
        "preview_incident_alert_split",
        "priorities",
        "read_only_users",
        "service_support_hours",
        "sso",
        "team_responders",
        "teams",
        "urgencies",
    }
)


@dataclass(frozen=True, slots=True)
class OnCall:
    """Somebody on call at a level of an escalation policy; without a shift it never ends."""

    policy: EscalationPolicy
    level: int
    user_id: str
    schedule_id: str | None
    shift: Shift | None


def _all(call: Call, since: datetime, until: datetime) -> list[OnCall]:
    state = call.state
    shifts = {each.id: final_shifts(each, since, until) for each in state.schedules.values()}
    found: list[OnCall] = []
    for policy in state.policies.values():
        for level, rule in enumerate(policy.rules, start=1):
            for target in rule.targets:
                if target.kind == "user":
                    found.append(OnCall(policy, level, target.id, None, None))
                else:
                    found += [OnCall(policy, level, each.user_id, target.id, each) for each in shifts[target.id]]
    return found


def _earliest(found: list[OnCall]) -> list[OnCall]:
    first: dict[tuple[str, int, str, str | None], OnCall] = {}
    for each in found:
        key = (each.policy.id, each.level, each.user_id, each.schedule_id)
        known = first.get(key)
        if known is None or (each.shift and known.shift and each.shift.start < known.shift.start):
            first[key] = each
    return list(first.values())


def list_oncalls(call: Call) -> Reply:
    """GET /oncalls: who is on call in a window, by default now."""
    since, until = call.window()
    now = call.account.now()
    since = since or min(now, until or now)
    until = max(until or since, since + timedelta(seconds=1))
    if until > now + FURTHEST:
        raise ApiError(400, 2004, "until must not be more than 90 days in the future")
    users, policies = set(call.query.many("user_ids[]")), set(call.query.many("escalation_policy_ids[]"))
    schedules = {None if each == "null" else each for each in call.query.many("schedule_ids[]")}
    found = [
        each
        for each in _all(call, since, until)
        if (not users or each.user_id in users)
        and (not policies or each.policy.id in policies)
        and (not schedules or each.schedule_id in schedules)
    ]
    if call.query.flag("earliest"):
        found = _earliest(found)
    found.sort(key=lambda each: (each.policy.name, each.level))
    return call.page("oncalls", found, lambda each: _show(call, each))


def _show(call: Call, found: OnCall) -> Json:
    account, state, include = call.account, call.state, call.query.many("include[]")
    shown: Json = {
        "user": shapes.user(account, state.users[found.user_id])
        if "users" in include
        else refs.user(account, found.user_id),
        "escalation_policy": shapes.policy(account, found.policy)
        if "escalation_policies" in include
        else refs.policy(account, found.policy.id),
        "escalation_level": found.level,
        "schedule": None,
        "start": iso(found.shift.start) if found.shift else None,
        "end": iso(found.shift.end) if found.shift else None,
    }
    if found.schedule_id:
        shown["schedule"] = (
            show_schedule(account, state.schedules[found.schedule_id])
            if "schedules" in include
            else refs.schedule(account, found.schedule_id)
        )
    return shown


def _show_priority(call: Call, found: Priority) -> Json:
    return {
        **refs.base(call.account, "priority", found.id, found.name),
        "name": found.name,
        "description": found.description,
    }


def list_priorities(call: Call) -> Reply:
    """GET /priorities: the most severe first; 402 if the account's plan has none."""
    if "priorities" not in call.account.behaviour.abilities:
        raise ApiError(402, 2014)
    return call.page("priorities", list(call.state.priorities.values()), lambda each: _show_priority(call, each))


def list_abilities(call: Call) -> Reply:
    """GET /abilities."""
    return Reply(200, {"abilities": sorted(call.account.behaviour.abilities)})


def check_ability(call: Call) -> Reply:
    """GET /abilities/{id}: 204 if the account has it, 402 if not, 404 if there is no such ability."""
    name = call.params["id"]
    if name in call.account.behaviour.abilities:
        return Reply(204)
    if name in KNOWN_ABILITIES:
        raise ApiError(402, 2014)
    raise not_found("Ability")


ROUTES = (
    get("/oncalls", list_oncalls, "oncalls.read", limit="GET /oncalls"),
    get("/priorities", list_priorities, "priorities.read"),
    get("/abilities", list_abilities, "abilities.read"),
    get("/abilities/{id}", check_ability, "abilities.read"),
)
