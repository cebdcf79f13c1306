"""References: the short form in which one object names another."""

from .state import Account
from .values import Json

PLURALS = {
    "user": "users",
    "service": "services",
    "team": "teams",
    "schedule": "schedules",
    "escalation_policy": "escalation_policies",
    "incident": "incidents",
    "priority": "priorities",
    "business_service": "business_services",
    "extension_schema": "extension_schemas",
}


def link(account: Account, path: str) -> str:
    """Return the address of an object in this simulator's REST API."""
    return f"{account.base_url}/{path}"


def page(account: Account, path: str) -> str:
    """Return the address that the object's page would have on the web."""
    return f"https://{account.subdomain}.pagerduty.com/{path}"


def base(account: Account, kind: str, identity: str, summary: str) -> Json:
    """Return the five fields that every object begins with."""
    path = f"{PLURALS[kind]}/{identity}"
    return {
        "id": identity,
        "type": kind,
        "summary": summary,
        "self": link(account, path),
        "html_url": page(account, path),
    }


def reference(account: Account, kind: str, identity: str, summary: str) -> Json:
    """Return a reference to an object."""
    return {**base(account, kind, identity, summary), "type": f"{kind}_reference"}


def user(account: Account, identity: str) -> Json:
    """Return a reference to a user, also to one who has been deleted."""
    found = account.state.users.get(identity)
    return reference(account, "user", identity, found.name if found else "Deleted User")


def service(account: Account, identity: str) -> Json:
    """Return a reference to a service."""
    return reference(account, "service", identity, account.state.services[identity].name)


def team(account: Account, identity: str) -> Json:
    """Return a reference to a team."""
    return reference(account, "team", identity, account.state.teams[identity].name)


def schedule(account: Account, identity: str) -> Json:
    """Return a reference to a schedule."""
    return reference(account, "schedule", identity, account.state.schedules[identity].name)


def policy(account: Account, identity: str) -> Json:
    """Return a reference to an escalation policy."""
    return reference(account, "escalation_policy", identity, account.state.policies[identity].name)


def priority(account: Account, identity: str) -> Json:
    """Return a reference to a priority."""
    return reference(account, "priority", identity, account.state.priorities[identity].name)


def incident(account: Account, identity: str) -> Json:
    """Return a reference to an incident."""
    found = account.state.incidents[identity]
    return reference(account, "incident", identity, f"[#{found.number}] {found.title}")


def short(account: Account, kind: str, path: str) -> Json:
    """Return the shortest reference: id, type and address; its type is as it is given."""
    return {"id": path.rpartition("/")[2], "type": kind, "self": link(account, path)}


def integration(account: Account, service_id: str, identity: str, name: str, kind: str) -> Json:
    """Return a reference to an integration of a service."""
    path = f"services/{service_id}/integrations/{identity}"
    return {
        "id": identity,
        "type": f"{kind}_reference",
        "summary": name,
        "self": link(account, path),
        "html_url": page(account, path),
    }
