"""Schedules made, changed and removed. PagerDuty never removes a layer: it can only be ended."""

from datetime import datetime

from .api_errors import invalid
from .call import Call, Reply, delete, post, put, reference_id, required_text
from .oncall import zone_of
from .resources import Layer, Restriction, Schedule
from .schedules import find, show_schedule, whole
from .values import Json, as_list, as_object, as_text, parse_time

KINDS = ("daily_restriction", "weekly_restriction")


def _time(wanted: Json, name: str) -> datetime:
    try:
        return parse_time(wanted[name])
    except (KeyError, ValueError, AttributeError) as error:
        raise invalid(f"{name} must be a valid ISO 8601 time") from error


def _restriction(value: object) -> Restriction:
    found = as_object(value) or {}
    kind, length, day = found.get("type"), found.get("duration_seconds"), found.get("start_day_of_week")
    if kind not in KINDS:
        raise invalid(f"Restriction type must be one of {', '.join(KINDS)}")
    if not isinstance(length, int) or length < 1:
        raise invalid("Restriction duration seconds must be a positive number")
    if kind == "weekly_restriction" and day not in range(1, 8):
        raise invalid("Restriction start day of week must be 1 to 7")
    try:
        start = datetime.strptime(str(found.get("start_time_of_day")), "%H:%M:%S").strftime("%H:%M:%S")
    except ValueError as error:
        raise invalid("Restriction start time of day must be like 08:00:00") from error
    weekly = kind == "weekly_restriction"
    return Restriction(
        type="weekly_restriction" if weekly else "daily_restriction",
        start_time_of_day=start,
        duration_seconds=length,
        start_day_of_week=day if weekly else None,
    )


def _layer(call: Call, value: object, known: dict[str, Layer]) -> Layer:
    wanted = as_object(value) or {}
    identity = as_text(wanted.get("id"))
    if identity is not None and identity not in known:
        raise invalid(f"Schedule layer {identity} not found")
    length = wanted.get("rotation_turn_length_seconds")
    if not isinstance(length, int) or length < 1:
        raise invalid("Rotation turn length seconds must be a positive number")
    users = [reference_id((as_object(each) or {}).get("user"), "User") for each in as_list(wanted.get("users")) or []]
    if not users or any(user not in call.state.users for user in users):
        raise invalid("Users must be a list of references to users of this account")
    end = _time(wanted, "end") if wanted.get("end") is not None else None
    return Layer(
        id=identity or call.account.ids.next("layer"),
        name=as_text(wanted.get("name")) or f"Layer {len(known) + 1}",
        start=_time(wanted, "start"),
        turn_seconds=length,
        user_ids=tuple(users),
        virtual_start=_time(wanted, "rotation_virtual_start"),
        end=end,
        restrictions=tuple(_restriction(each) for each in as_list(wanted.get("restrictions")) or []),
    )


def _zone(wanted: Json) -> str:
    name = required_text(wanted, "time_zone")
    try:
        zone_of(name)
    except ValueError as error:
        raise invalid("Time zone is invalid") from error
    return name


def _name(call: Call, wanted: Json) -> str:
    return as_text(wanted.get("name")) or f"Schedule {len(call.state.schedules) + 1}"


def create_schedule(call: Call) -> Reply:
    """POST /schedules. There may be several of one name."""
    wanted = call.wrapped("schedule")
    layers = [_layer(call, each, {}) for each in as_list(wanted.get("schedule_layers")) or []]
    schedule = Schedule(
        id=call.account.ids.next("schedule"),
        name=_name(call, wanted),
        time_zone=_zone(wanted),
        description=as_text(wanted.get("description")) or "",
        layers=layers,
    )
    call.state.schedules[schedule.id] = schedule
    return Reply(201, {"schedule": show_schedule(call.account, schedule, whole(call, schedule))})


def update_schedule(call: Call) -> Reply:
    """PUT /schedules/{id}: a layer with an id is changed, one without is new, one that is left out stays below them."""
    schedule, wanted = find(call), call.wrapped("schedule")
    known = {layer.id: layer for layer in schedule.layers}
    given = [_layer(call, each, known) for each in as_list(wanted.get("schedule_layers")) or []]
    zone, name = _zone(wanted), as_text(wanted.get("name")) or schedule.name
    ids = {layer.id for layer in given}
    schedule.layers = [*(layer for layer in schedule.layers if layer.id not in ids), *given]
    schedule.time_zone, schedule.name = zone, name
    if "description" in wanted:
        schedule.description = as_text(wanted["description"]) or ""
    call.account.renamed()
    return Reply(200, {"schedule": show_schedule(call.account, schedule, whole(call, schedule))})


def delete_schedule(call: Call) -> Reply:
    """DELETE /schedules/{id}: only one that no escalation policy uses."""
    schedule = find(call)
    rules = (rule for policy in call.state.policies.values() for rule in policy.rules)
    if any(target.id == schedule.id for rule in rules for target in rule.targets):
        raise invalid("Schedule can't be deleted if it's being used by escalation policies")
    del call.state.schedules[schedule.id]
    call.account.renamed()
    return Reply(204)


ROUTES = (
    post("/schedules", create_schedule, "schedules.write"),
    put("/schedules/{id}", update_schedule, "schedules.write"),
    delete("/schedules/{id}", delete_schedule, "schedules.write"),
)
