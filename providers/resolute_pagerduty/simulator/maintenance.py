"""Maintenance windows: times in which services open no incidents."""

from collections.abc import Collection
from datetime import datetime

from . import refs, shapes
from .api_errors import ApiError, invalid, not_found
from .call import Call, Reply, delete, get, matches, post, put, reference_ids
from .resources import MaintenanceWindow
from .state import Account
from .values import Json, as_text, iso, parse_time


def show(account: Account, found: MaintenanceWindow, include: Collection[str] = ()) -> Json:
    """Return a maintenance window; `include` swaps references for whole objects."""
    state = account.state
    teams = dict.fromkeys(
        team for service in found.service_ids for team in account.service_teams(account.state.services[service])
    )
    return {
        "id": found.id,
        "type": "maintenance_window",
        "summary": found.description,
        "self": refs.link(account, f"maintenance_windows/{found.id}"),
        "html_url": refs.page(account, f"service-directory/maintenance-windows/{found.id}"),
        "sequence_number": found.number,
        "start_time": iso(found.start),
        "end_time": iso(found.end),
        "description": found.description,
        "services": [
            shapes.service(account, state.services[service])
            if "services" in include
            else refs.service(account, service)
            for service in found.service_ids
        ],
        "teams": [
            shapes.team(account, state.teams[team]) if "teams" in include else refs.team(account, team)
            for team in teams
        ],
        "created_by": shapes.user(account, state.users[found.created_by])
        if "users" in include
        else refs.user(account, found.created_by),
    }


def _find(call: Call) -> MaintenanceWindow:
    found = call.state.windows.get(call.params["id"])
    if found is None:
        raise not_found("Maintenance window")
    return found


def _is(window: MaintenanceWindow, wanted: str, now: datetime) -> bool:
    past, future = window.end <= now, window.start > now
    match wanted:
        case "past":
            return past
        case "future":
            return future
        case "ongoing":
            return not past and not future
        case "open":
            return not past
        case "all":
            return True
        case _:
            raise invalid("filter must be one of past, future, ongoing, open, all")


def list_windows(call: Call) -> Reply:
    """GET /maintenance_windows."""
    services, teams = set(call.query.many("service_ids[]")), set(call.query.many("team_ids[]"))
    include = call.query.many("include[]")
    wanted, now = call.query.one("filter") or "all", call.account.now()
    found = [
        window
        for window in call.state.windows.values()
        if _is(window, wanted, now)
        and matches(window.description, call.query.one("query"))
        and (not services or services.intersection(window.service_ids))
        and (not teams or any(teams.intersection(_teams(call, service)) for service in window.service_ids))
    ]
    return call.page("maintenance_windows", found, lambda each: show(call.account, each, include))


def _teams(call: Call, service_id: str) -> list[str]:
    return call.account.service_teams(call.state.services[service_id])


def get_window(call: Call) -> Reply:
    """GET /maintenance_windows/{id}."""
    return Reply(200, {"maintenance_window": show(call.account, _find(call))})


def _time(wanted: Json, name: str) -> datetime:
    try:
        return parse_time(wanted[name])
    except (KeyError, ValueError, AttributeError) as error:
        raise invalid(f"{name} must be a valid ISO 8601 time") from error


def _services(call: Call, wanted: Json) -> list[str]:
    found = reference_ids(wanted.get("services"), "Services")
    if not found or any(each not in call.state.services for each in found):
        raise invalid("Services must be a list of references to services of this account")
    return found


def create_window(call: Call) -> Reply:
    """POST /maintenance_windows. One that would begin in the past begins now."""
    wanted = call.wrapped("maintenance_window")
    start, end = _time(wanted, "start_time"), _time(wanted, "end_time")
    _check(start, end)
    window = MaintenanceWindow(
        id=call.account.ids.next("maintenance_window"),
        number=len(call.state.windows) + 1,
        start=max(start, call.account.now()),
        end=end,
        service_ids=_services(call, wanted),
        description=as_text(wanted.get("description")) or "",
        created_by=call.agent["id"],
    )
    call.state.windows[window.id] = window
    call.account.renamed()
    return Reply(201, {"maintenance_window": show(call.account, window)})


def _check(start: datetime, end: datetime) -> None:
    if end <= start:
        raise invalid("End time must be after start time")


def update_window(call: Call) -> Reply:
    """PUT /maintenance_windows/{id}."""
    window, wanted = _find(call), call.wrapped("maintenance_window")
    start = _time(wanted, "start_time") if "start_time" in wanted else window.start
    end = _time(wanted, "end_time") if "end_time" in wanted else window.end
    _check(start, end)
    services = _services(call, wanted) if "services" in wanted else window.service_ids
    window.start, window.end, window.service_ids = start, end, services
    if "description" in wanted:
        window.description = as_text(wanted["description"]) or ""
    call.account.renamed()
    return Reply(200, {"maintenance_window": show(call.account, window)})


def delete_window(call: Call) -> Reply:
    """DELETE /maintenance_windows/{id}: a coming one is removed, a running one ends now, a past one stays (405)."""
    window, now = _find(call), call.account.now()
    if window.end <= now:
        raise ApiError(405, 2015, "A maintenance window that has ended cannot be deleted")
    if window.start <= now:
        window.end = now
    else:
        del call.state.windows[window.id]
    call.account.renamed()
    return Reply(204)


ROUTES = (
    get("/maintenance_windows", list_windows, "services.read"),
    post("/maintenance_windows", create_window, "services.write", needs_from=True),
    get("/maintenance_windows/{id}", get_window, "services.read"),
    put("/maintenance_windows/{id}", update_window, "services.write"),
    delete("/maintenance_windows/{id}", delete_window, "services.write"),
)
