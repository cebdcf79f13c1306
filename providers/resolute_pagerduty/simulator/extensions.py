"""Extension schemas: the kinds of programs that can show incidents."""

from . import refs
from .api_errors import not_found
from .call import Call, Reply, get
from .catalogue import ExtensionSchema
from .state import Account
from .values import Json

SENDS = ["trigger", "acknowledge", "resolve", "delegate", "escalate", "unacknowledge", "assign"]


def show(account: Account, found: ExtensionSchema) -> Json:
    """Return an extension schema."""
    picture = refs.page(account, f"extensions/{found.key}.png")
    return {
        **refs.base(account, "extension_schema", found.id, found.label),
        "html_url": None,
        "key": found.key,
        "label": found.label,
        "description": found.description,
        "guide_url": "https://support.pagerduty.com",
        "icon_url": picture,
        "logo_url": picture,
        "send_types": SENDS,
        "url": "",
    }


def list_schemas(call: Call) -> Reply:
    """GET /extension_schemas."""
    found = list(call.state.extension_schemas.values())
    return call.page("extension_schemas", found, lambda each: show(call.account, each))


def get_schema(call: Call) -> Reply:
    """GET /extension_schemas/{id}."""
    found = call.state.extension_schemas.get(call.params["id"])
    if found is None:
        raise not_found("Extension schema")
    return Reply(200, {"extension_schema": show(call.account, found)})


ROUTES = (
    get("/extension_schemas", list_schemas, "extension_schemas.read"),
    get("/extension_schemas/{id}", get_schema, "extension_schemas.read"),
)
