"""Business services, and which service depends on which."""

from . import refs
from .api_errors import not_found
from .call import Call, Reply, get
from .catalogue import BusinessService, Dependency
from .state import Account
from .values import Json


def show(account: Account, found: BusinessService) -> Json:
    """Return a business service."""
    return {
        **refs.base(account, "business_service", found.id, found.name),
        "html_url": None,
        "name": found.name,
        "description": found.description,
        "point_of_contact": found.contact,
        "team": refs.short(account, "team_reference", f"teams/{found.team_id}") if found.team_id else None,
    }


def list_business_services(call: Call) -> Reply:
    """GET /business_services."""
    found = sorted(call.state.business_services.values(), key=lambda each: each.name.casefold())
    return call.page("business_services", found, lambda each: show(call.account, each))


def get_business_service(call: Call) -> Reply:
    """GET /business_services/{id}."""
    found = call.state.business_services.get(call.params["id"])
    if found is None:
        raise not_found("Business service")
    return Reply(200, {"business_service": show(call.account, found)})


def _show_end(call: Call, identity: str) -> Json:
    kind = "business" if identity in call.state.business_services else "technical"
    return {"id": identity, "type": f"{kind}_service_reference"}


def _show_dependency(call: Call, found: Dependency) -> Json:
    return {
        "id": found.id,
        "type": "service_dependency",
        "supporting_service": _show_end(call, found.supporting_id),
        "dependent_service": _show_end(call, found.dependent_id),
    }


def _around(call: Call) -> Reply:
    """Answer with the dependencies that the service in the path has a part in."""
    identity = call.params["id"]
    found = [each for each in call.state.dependencies if identity in (each.supporting_id, each.dependent_id)]
    return Reply(200, {"relationships": [_show_dependency(call, each) for each in found]})


def of_business_service(call: Call) -> Reply:
    """GET /service_dependencies/business_services/{id}."""
    if call.params["id"] not in call.state.business_services:
        raise not_found("Business service")
    return _around(call)


def of_technical_service(call: Call) -> Reply:
    """GET /service_dependencies/technical_services/{id}."""
    if call.params["id"] not in call.state.services:
        raise not_found("Service")
    return _around(call)


ROUTES = (
    get("/business_services", list_business_services, "services.read"),
    get("/business_services/{id}", get_business_service, "services.read"),
    get("/service_dependencies/business_services/{id}", of_business_service, "services.read"),
    get("/service_dependencies/technical_services/{id}", of_technical_service, "services.read"),
)
