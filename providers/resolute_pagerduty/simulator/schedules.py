"""Schedules: rendered shifts and overrides."""

from collections.abc import Collection
from datetime import datetime, timedelta, tzinfo

from . import refs, shapes
from .api_errors import ApiError, invalid, not_found
from .call import Call, Reply, delete, get, matches, post, reference_id
from .oncall import Shift, final_shifts, flatten, layer_shifts, zone_of
from .resources import Layer, Override, Restriction, Schedule
from .state import Account
from .values import Json, as_list, as_object, parse_time

USUAL_WINDOW = timedelta(weeks=2)
FURTHEST_BACK = timedelta(days=365)


def show_schedule(account: Account, found: Schedule, parts: Json | None = None) -> Json:
    """Return a schedule, with rendered parts if there are any."""
    state = account.state
    members = dict.fromkeys(user for layer in found.layers for user in layer.user_ids)
    policies = [
        policy
        for policy in state.policies.values()
        if any(target.id == found.id for rule in policy.rules for target in rule.targets)
    ]
    return {
        **refs.base(account, "schedule", found.id, found.name),
        "name": found.name,
        "description": found.description,
        "time_zone": found.time_zone,
        "escalation_policies": [refs.policy(account, policy.id) for policy in policies],
        "users": [refs.user(account, user) for user in members],
        "teams": [refs.team(account, team) for team in found.team_ids],
        **(parts or {}),
    }


class Rendering:
    """A schedule seen through a window.

    Args:
        overflow: Whether shifts that reach over the window's ends are shown whole.
        zone: The time zone in which times are written.
    """

    def __init__(
        self, account: Account, schedule: Schedule, since: datetime, until: datetime, zone: tzinfo, *, overflow: bool
    ) -> None:
        self._account, self._schedule = account, schedule
        self._since, self._until, self._zone, self._overflow = since, until, zone, overflow

    def parts(self, wanted: Collection[str]) -> Json:
        """Return the rendered parts that are asked for."""
        shown: Json = {}
        if "schedule_layers" in wanted:
            shown["schedule_layers"] = [self._layer(layer) for layer in self._schedule.layers]
        if "overrides_subschedule" in wanted:
            shifts = [
                Shift(each.start, each.end, each.user_id)
                for each in self._schedule.overrides
                if each.start < self._until and each.end > self._since
            ]
            shown["overrides_subschedule"] = {"name": "Overrides", **self._entries(flatten(shifts))}
        if "final_schedule" in wanted:
            shifts = final_shifts(self._schedule, self._since, self._until)
            shown["final_schedule"] = {"name": "Final Schedule", **self._entries(shifts)}
        return shown

    def _time(self, moment: datetime) -> str:
        return moment.astimezone(self._zone).isoformat(timespec="seconds").replace("+00:00", "Z")

    def _entries(self, shifts: list[Shift]) -> Json:
        seen = [shift for shift in shifts if shift.end > self._since and shift.start < self._until]
        cut = [(max(each.start, self._since), min(each.end, self._until), each.user_id) for each in seen]
        covered = sum(((end - start).total_seconds() for start, end, _ in cut), 0.0)
        shown = [(each.start, each.end, each.user_id) for each in seen] if self._overflow else cut
        return {
            "rendered_schedule_entries": [
                {"start": self._time(start), "end": self._time(end), "user": refs.user(self._account, user)}
                for start, end, user in shown
            ],
            "rendered_coverage_percentage": round(
                100 * covered / max((self._until - self._since).total_seconds(), 1.0), 1
            ),
        }

    def _layer(self, layer: Layer) -> Json:
        shifts = layer_shifts(layer, zone_of(self._schedule.time_zone), self._since, self._until)
        return {
            "id": layer.id,
            "name": layer.name,
            "start": self._time(layer.start),
            "end": self._time(layer.end) if layer.end else None,
            "rotation_virtual_start": self._time(layer.virtual_start or layer.start),
            "rotation_turn_length_seconds": layer.turn_seconds,
            "users": [{"user": refs.user(self._account, user)} for user in layer.user_ids],
            "restrictions": [_restriction(each) for each in layer.restrictions],
            **self._entries(shifts),
        }


def _restriction(found: Restriction) -> Json:
    shown: Json = {
        "type": found.type,
        "start_time_of_day": found.start_time_of_day,
        "duration_seconds": found.duration_seconds,
    }
    return shown if found.start_day_of_week is None else {**shown, "start_day_of_week": found.start_day_of_week}


def _rendering(call: Call, schedule: Schedule) -> Rendering:
    since, until = call.window()
    since = since or min(call.account.now(), until or call.account.now())
    zone = call.zone if call.query.one("time_zone") else zone_of(schedule.time_zone)
    until = until or since + USUAL_WINDOW
    return Rendering(call.account, schedule, since, until, zone, overflow=call.query.flag("overflow"))


def find(call: Call) -> Schedule:
    """Return the schedule that the path names.

    Raises:
        ApiError: 404 if there is none.
    """
    found = call.state.schedules.get(call.params["id"])
    if found is None:
        raise not_found("Schedule")
    return found


def list_schedules(call: Call) -> Reply:
    """GET /schedules."""
    query, teams = call.query.one("query"), set(call.query.many("team_ids[]"))
    found = [
        each
        for each in call.state.schedules.values()
        if matches(each.name, query) and (not teams or teams.intersection(each.team_ids))
    ]
    found.sort(key=lambda each: each.name.casefold())
    include = call.query.many("include[]")

    def show(each: Schedule) -> Json:
        parts = _rendering(call, each).parts(include) if include else {}
        return show_schedule(call.account, each, {**parts, **_next_on_call(call, each)})

    return call.page("schedules", found, show)


def _next_on_call(call: Call, schedule: Schedule) -> Json:
    user_id = call.query.one("include_next_oncall_for_user")
    if not user_id:
        return {}
    now = call.account.now()
    for shift in final_shifts(schedule, now, now + timedelta(days=90)):
        if shift.user_id == user_id and shift.end > now:
            entry = {
                "start": shift.start.isoformat(),
                "end": shift.end.isoformat(),
                "user": refs.user(call.account, user_id),
            }
            return {"next_oncall_for_user": entry}
    return {}


def get_schedule(call: Call) -> Reply:
    """GET /schedules/{id}: with layers, overrides and the final schedule, by default for two weeks."""
    schedule = find(call)
    return Reply(200, {"schedule": show_schedule(call.account, schedule, whole(call, schedule))})


def whole(call: Call, schedule: Schedule) -> Json:
    """Return the parts that only the answers about one schedule have."""
    parts = _rendering(call, schedule).parts(("schedule_layers", "overrides_subschedule", "final_schedule"))
    return {**parts, **_next_on_call(call, schedule)}


def list_schedule_users(call: Call) -> Reply:
    """GET /schedules/{id}/users: everybody who is on call in a window."""
    schedule = find(call)
    since, until = call.window()
    since = since or call.account.now()
    shifts = final_shifts(schedule, since, until or since + USUAL_WINDOW)
    ids = dict.fromkeys(shift.user_id for shift in shifts)
    return Reply(200, {"users": [shapes.user(call.account, call.state.users[user]) for user in ids]})


def _show_override(account: Account, found: Override, zone: tzinfo) -> Json:
    def written(moment: datetime) -> str:
        return moment.astimezone(zone).isoformat(timespec="seconds").replace("+00:00", "Z")

    return {
        "id": found.id,
        "start": written(found.start),
        "end": written(found.end),
        "user": refs.user(account, found.user_id),
    }


def list_overrides(call: Call) -> Reply:
    """GET /schedules/{id}/overrides: since and until are required, and there are no pages.

    The official document gives 201 as the status of this read, so that is what is answered.
    """
    schedule = find(call)
    since, until = call.window()
    if since is None or until is None:
        raise ApiError(400, 2004, "since and until are required")
    zone = zone_of(schedule.time_zone)
    editable, now = call.query.flag("editable"), call.account.now()
    found = [
        each
        for each in schedule.overrides
        if each.start < until and each.end > since and (not editable or each.end > now)
    ]
    return Reply(201, {"overrides": [_show_override(call.account, each, zone) for each in found]})


def _new_override(call: Call, schedule: Schedule, fields: Json) -> Json:
    """Create one override, or say what is wrong with it."""
    try:
        start, end = parse_time(fields["start"]), parse_time(fields["end"])
        user_id = reference_id(fields.get("user"), "User")
    except (KeyError, ValueError, AttributeError):
        return {"status": 400, "errors": ["Start and end must be valid ISO 8601 times"], "override": fields}
    except ApiError as error:
        return {"status": 400, "errors": list(error.errors), "override": fields}
    errors: list[str] = []
    if end <= start:
        errors.append("End must be after start")
    if end <= call.account.now():
        errors.append("Override must end in the future")
    if user_id not in call.state.users:
        errors.append("User not found")
    if errors:
        return {"status": 400, "errors": errors, "override": fields}
    override = Override(id=call.account.ids.next("override"), start=start, end=end, user_id=user_id)
    schedule.overrides.append(override)
    return {"status": 201, "override": _show_override(call.account, override, zone_of(schedule.time_zone))}


def create_overrides(call: Call) -> Reply:
    """POST /schedules/{id}/overrides: 201 with a bare list in which each item has a status of its own.

    The older form with a single `override` is answered in its own older form.
    """
    schedule = find(call)
    if single := as_object(call.body.get("override")):
        result = _new_override(call, schedule, single)
        if result["status"] != 201:
            raise invalid(*result["errors"])
        return Reply(201, {"override": result["override"]})
    wanted = as_list(call.body.get("overrides"))
    if not wanted:
        raise invalid("Overrides cannot be empty")
    return Reply(201, [_new_override(call, schedule, as_object(each) or {}) for each in wanted])


def delete_override(call: Call) -> Reply:
    """DELETE /schedules/{id}/overrides/{override_id}: a running one is cut short (200), a coming one removed (204)."""
    schedule, now = find(call), call.account.now()
    for index, each in enumerate(schedule.overrides):
        if each.id != call.params["override_id"]:
            continue
        if each.end <= now:
            raise ApiError(400, 2001, "An override that has ended cannot be deleted")
        if each.start <= now:
            cut = Override(id=each.id, start=each.start, end=now, user_id=each.user_id)
            schedule.overrides[index] = cut
            return Reply(200)
        del schedule.overrides[index]
        return Reply(204)
    raise not_found("Override")


def list_shift_based(call: Call) -> Reply:
    """GET /v3/schedules: the shift-based schedules, of which this account has none; clients ask for both kinds."""
    limit, offset = call.paging()
    return Reply(200, {"schedules": [], "limit": limit, "offset": offset, "more": False})


ROUTES = (
    get("/schedules", list_schedules, "schedules.read"),
    get("/v3/schedules", list_shift_based, "schedules.read"),
    get("/schedules/{id}", get_schedule, "schedules.read"),
    get("/schedules/{id}/users", list_schedule_users, "users.read"),
    get("/schedules/{id}/overrides", list_overrides, "schedules.read"),
    post("/schedules/{id}/overrides", create_overrides, "schedules.write"),
    delete("/schedules/{id}/overrides/{override_id}", delete_override, "schedules.write"),
)
