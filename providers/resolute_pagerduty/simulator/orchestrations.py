"""Event orchestrations and their rules. Events that reach a service are not changed by them here."""

import hashlib
import json

from . import refs
from .api_errors import invalid, not_found
from .call import Call, Reply, get, put
from .catalogue import Orchestration, Rule, RuleList
from .state import Account
from .values import Json, as_list, as_object, as_text, iso

UNROUTED = "unrouted"
ORDERS = ("name", "routes", "created_at")


def _routes(found: Orchestration) -> int:
    return sum(len(rules) for rules in found.router.sets.values())


def _rank(found: Orchestration, order: str) -> tuple[float, str]:
    number = {"routes": _routes(found), "created_at": found.made_at.timestamp()}.get(order, 0)
    return number, found.name.casefold()


def _version(shown: Json) -> str:
    return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()[:32]


def show(account: Account, found: Orchestration, *, whole: bool) -> Json:
    """Return an orchestration; a whole one has its integrations with their routing keys."""
    maker = refs.short(account, "user_reference", f"users/{found.made_by}")
    shown: Json = {
        "id": found.id,
        "self": refs.link(account, f"event_orchestrations/{found.id}"),
        "name": found.name,
        "description": found.description,
        "team": refs.short(account, "team_reference", f"teams/{found.team_id}") if found.team_id else None,
        "routes": _routes(found),
        "created_at": iso(found.made_at),
        "created_by": maker,
        "updated_at": iso(found.made_at),
        "updated_by": maker,
    }
    if whole:
        parameters = {"routing_key": found.routing_key, "type": "global"}
        shown["integrations"] = [{"id": found.id[:8], "label": f"{found.name} integration", "parameters": parameters}]
    return {**shown, "version": _version(shown)}


def _show_rules(account: Account, found: RuleList, kind: str, parent: Json) -> Json:
    shown: Json = {
        "type": kind,
        "parent": parent,
        "sets": [
            {
                "id": name,
                "rules": [
                    {
                        "id": rule.id,
                        "label": rule.label,
                        "conditions": [{"expression": each} for each in rule.conditions],
                        "actions": rule.actions,
                        "disabled": rule.disabled,
                    }
                    for rule in rules
                ],
            }
            for name, rules in found.sets.items()
        ],
        "catch_all": {"actions": found.catch_all},
        "created_at": iso(found.changed_at),
        "updated_at": iso(found.changed_at),
    }
    if found.changed_by:
        shown["updated_by"] = refs.short(account, "user_reference", f"users/{found.changed_by}")
    return {**shown, "version": _version(shown)}


def _find(call: Call) -> Orchestration:
    found = call.state.orchestrations.get(call.params["id"])
    if found is None:
        raise not_found("Orchestration")
    return found


def _parent(call: Call, found: Orchestration) -> Json:
    return refs.short(call.account, "event_orchestration_reference", f"event_orchestrations/{found.id}")


def list_orchestrations(call: Call) -> Reply:
    """GET /event_orchestrations."""
    name, _, direction = (call.query.one("sort_by") or "name:asc").partition(":")
    if name not in ORDERS or direction not in ("asc", "desc"):
        raise invalid("sort_by must be name, routes or created_at, with :asc or :desc")
    found = sorted(call.state.orchestrations.values(), key=lambda each: _rank(each, name), reverse=direction == "desc")
    return call.page("orchestrations", found, lambda each: show(call.account, each, whole=False))


def get_orchestration(call: Call) -> Reply:
    """GET /event_orchestrations/{id}."""
    return Reply(200, {"orchestration": show(call.account, _find(call), whole=True)})


def get_router(call: Call) -> Reply:
    """GET /event_orchestrations/{id}/router."""
    found = _find(call)
    return Reply(200, {"orchestration_path": _show_rules(call.account, found.router, "router", _parent(call, found))})


def get_global(call: Call) -> Reply:
    """GET /event_orchestrations/{id}/global."""
    found = _find(call)
    shown = _show_rules(call.account, found.everything, "global", _parent(call, found))
    return Reply(200, {"orchestration_path": shown})


def get_service_rules(call: Call) -> Reply:
    """GET /event_orchestrations/services/{service_id}: every service has rules, at first none."""
    identity = call.params["service_id"]
    service = call.state.services.get(identity)
    if service is None:
        raise not_found("Service")
    empty = RuleList(sets={"start": []}, catch_all={}, changed_at=service.created_at)
    found = call.state.service_rules.get(identity, empty)
    parent = refs.short(call.account, "service_reference", f"services/{identity}")
    return Reply(200, {"orchestration_path": _show_rules(call.account, found, "service", parent)})


def _target(call: Call, value: object) -> Json:
    actions = as_object(value) or {}
    if as_object(actions.get("dynamic_route_to")):
        return {"dynamic_route_to": actions["dynamic_route_to"]}
    target = as_text(actions.get("route_to"))
    if target != UNROUTED and target not in call.state.services:
        raise invalid(f"Route to {target} is no service")
    return {"route_to": target}


def _rule(call: Call, value: object) -> Rule:
    wanted = as_object(value) or {}
    conditions = [
        as_text((as_object(each) or {}).get("expression")) for each in as_list(wanted.get("conditions")) or []
    ]
    if None in conditions:
        raise invalid("Conditions must have an expression")
    return Rule(
        id=as_text(wanted.get("id")) or call.account.ids.next("orchestration_rule"),
        label=as_text(wanted.get("label")) or "",
        conditions=tuple(each for each in conditions if each),
        actions=_target(call, wanted.get("actions")),
        disabled=wanted.get("disabled") is True,
    )


def update_router(call: Call) -> Reply:
    """PUT /event_orchestrations/{id}/router: its rules are replaced as a whole."""
    found, wanted = _find(call), call.wrapped("orchestration_path")
    sets = [as_object(each) or {} for each in as_list(wanted.get("sets")) or []]
    if [each.get("id") for each in sets] != ["start"]:
        raise invalid("A router has one set, whose id is start")
    rules = [_rule(call, each) for each in as_list(sets[0].get("rules")) or []]
    catch_all = _target(call, (as_object(wanted.get("catch_all")) or {}).get("actions"))
    found.router = RuleList(
        sets={"start": rules}, catch_all=catch_all, changed_at=call.account.now(), changed_by=call.actor.user_id
    )
    return get_router(call)


ROUTES = (
    get("/event_orchestrations", list_orchestrations, "event_orchestrations.read"),
    get("/event_orchestrations/{id}", get_orchestration, "event_orchestrations.read"),
    get("/event_orchestrations/{id}/router", get_router, "event_orchestrations.read"),
    put("/event_orchestrations/{id}/router", update_router, "event_orchestrations.write"),
    get("/event_orchestrations/{id}/global", get_global, "event_orchestrations.read"),
    get("/event_orchestrations/services/{service_id}", get_service_rules, "services.read"),
)
