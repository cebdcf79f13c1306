"""Services and their integrations."""

from . import refs, shapes
from .api_errors import invalid, not_found
from .call import Call, Reply, delete, get, matches, post, put, reference_id, required_text
from .resources import Integration, Service
from .state import Account, Emission
from .values import Json, as_list, as_object, as_text, iso_millis


def find(call: Call) -> Service:
    """Return the service that the path names.

    Raises:
        ApiError: 404 if there is none.
    """
    found = call.state.services.get(call.params["id"])
    if found is None:
        raise not_found("Service")
    return found


def tell(account: Account, service: Service, event_type: str, agent: Json | None = None) -> None:
    """Publish a `service.*` event."""
    account.emit(
        Emission(
            event={
                "id": account.ids.next("event") + "0" * 12,
                "event_type": f"service.{event_type}",
                "resource_type": "service",
                "occurred_at": iso_millis(account.now()),
                "agent": agent,
                "client": None,
                "data": {
                    **refs.base(account, "service", service.id, service.name),
                    "alert_creation": "create_alerts_and_incidents",
                    "teams": [refs.team(account, team) for team in account.service_teams(service)],
                },
            },
            order_key=service.id,
            service_id=service.id,
            team_ids=tuple(account.service_teams(service)),
        )
    )


def list_services(call: Call) -> Reply:
    """GET /services."""
    query, name = call.query.one("query"), call.query.one("name")
    teams = set(call.query.many("team_ids[]"))
    found = [
        service
        for service in call.state.services.values()
        if matches(service.name, query)
        and (name is None or service.name == name)
        and (not teams or teams.intersection(call.account.service_teams(service)))
    ]
    found.sort(key=lambda each: each.name.casefold(), reverse=call.query.one("sort_by") == "name:desc")
    include = call.query.many("include[]")
    return call.page("services", found, lambda each: shapes.service(call.account, each, include))


def get_service(call: Call) -> Reply:
    """GET /services/{id}."""
    return Reply(200, {"service": shapes.service(call.account, find(call), call.query.many("include[]"))})


def _timeout(value: object) -> int | None:
    return value if isinstance(value, int) and value > 0 else None


def _settings(call: Call, service: Service, wanted: Json) -> None:
    """Take over what a body says about a service; fields that can only be read are ignored."""
    if "description" in wanted:
        service.description = as_text(wanted["description"]) or ""
    if "acknowledgement_timeout" in wanted:
        service.acknowledgement_timeout = _timeout(wanted["acknowledgement_timeout"])
    if "auto_resolve_timeout" in wanted:
        service.auto_resolve_timeout = _timeout(wanted["auto_resolve_timeout"])
    if rule := as_object(wanted.get("incident_urgency_rule")):
        service.urgency_rule = rule
    if "support_hours" in wanted:
        service.support_hours = as_object(wanted["support_hours"])
    if (actions := as_list(wanted.get("scheduled_actions"))) is not None:
        service.scheduled_actions = actions
    if "status" in wanted:
        service.disabled = wanted["status"] == "disabled"


def _policy_id(call: Call, wanted: Json) -> str:
    identity = reference_id(wanted.get("escalation_policy"), "Escalation policy")
    if identity not in call.state.policies:
        raise invalid("Escalation policy not found")
    return identity


def _free_name(call: Call, name: str, but: Service | None = None) -> str:
    if any(each.name == name and each is not but for each in call.state.services.values()):
        raise invalid("Name has already been taken")
    return name


def create_service(call: Call) -> Reply:
    """POST /services. A timeout that the body leaves out is switched off."""
    wanted = call.wrapped("service")
    service = Service(
        id=call.account.ids.next("service"),
        name=_free_name(call, required_text(wanted, "name", 255)),
        policy_id=_policy_id(call, wanted),
        created_at=call.account.now(),
        acknowledgement_timeout=None,
        auto_resolve_timeout=None,
    )
    _settings(call, service, {**wanted, "status": "active"})
    call.state.services[service.id] = service
    call.account.renamed()
    tell(call.account, service, "created")
    return Reply(201, {"service": shapes.service(call.account, service)})


def update_service(call: Call) -> Reply:
    """PUT /services/{id}."""
    service, wanted = find(call), call.wrapped("service")
    name = _free_name(call, required_text(wanted, "name", 255), service) if "name" in wanted else service.name
    policy_id = _policy_id(call, wanted) if "escalation_policy" in wanted else service.policy_id
    service.name, service.policy_id = name, policy_id
    _settings(call, service, wanted)
    call.account.renamed()
    tell(call.account, service, "updated")
    return Reply(200, {"service": shapes.service(call.account, service)})


def delete_service(call: Call) -> Reply:
    """DELETE /services/{id}: its integrations go with it; one that has incidents stays."""
    service, state = find(call), call.state
    if any(incident.service_id == service.id for incident in state.incidents.values()):
        # Incidents show their service, and PagerDuty does not say what becomes of them.
        raise invalid("The service has incidents")
    tell(call.account, service, "deleted")
    for each in service.integrations:
        state.by_routing_key.pop(each.routing_key, None)
    for change in [each for each in state.changes.values() if each.service_id == service.id]:
        del state.changes[change.id]
    for window in state.windows.values():
        window.service_ids = [each for each in window.service_ids if each != service.id]
    del state.services[service.id]
    call.account.renamed()
    return Reply(204)


def create_integration(call: Call) -> Reply:
    """POST /services/{id}/integrations: a new routing key."""
    service, wanted = find(call), call.wrapped("integration")
    kind = required_text(wanted, "type")
    integration = Integration(
        id=call.account.ids.next("integration"),
        service_id=service.id,
        name=as_text(wanted.get("name")) or as_text(wanted.get("summary")) or "Events API v2",
        routing_key=call.account.ids.hex("routing_key"),
        created_at=call.account.now(),
        type=kind.removesuffix("_reference"),
    )
    add_integration(call.account, service, integration)
    return Reply(201, {"integration": shapes.integration(call.account, integration)})


def add_integration(account: Account, service: Service, integration: Integration) -> None:
    """Give a service a way in."""
    service.integrations.append(integration)
    account.state.by_routing_key[integration.routing_key] = integration
    account.renamed()


def get_integration(call: Call) -> Reply:
    """GET /services/{id}/integrations/{integration_id}."""
    for each in find(call).integrations:
        if each.id == call.params["integration_id"]:
            return Reply(200, {"integration": shapes.integration(call.account, each)})
    raise not_found("Integration")


ROUTES = (
    get("/services", list_services, "services.read"),
    post("/services", create_service, "services.write"),
    get("/services/{id}", get_service, "services.read"),
    put("/services/{id}", update_service, "services.write"),
    delete("/services/{id}", delete_service, "services.write"),
    post("/services/{id}/integrations", create_integration, "services.write"),
    get("/services/{id}/integrations/{integration_id}", get_integration, "services.read"),
)
