"""Analytics: MTTA, MTTR and counts, for all incidents, by service, by team, and raw."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from math import ceil

from .api_errors import ApiError, invalid
from .call import Call, Reply, get, post
from .incident_facts import Facts, facts_of, naive
from .incidents import find
from .oncall import zone_of
from .values import Json, as_list, as_object, parse_time

LONGEST = timedelta(days=366)
UNITS = ("day", "week", "month")
PERCENTILES = (50, 75, 90, 95)


class Filters:
    """The filters of a body; they all hold together.

    Raises:
        ApiError: 400 for anything that is no filter value, or a range of more than a year.
    """

    def __init__(self, call: Call) -> None:
        self.given = as_object(call.body.get("filters", {})) or {}
        self.since, self.until = self._time("created_at_start"), self._time("created_at_end")
        now = call.account.now()
        if self.since and (self.until or now) - self.since > LONGEST:
            raise ApiError(400, 2005, "The maximum supported time range is one year")
        if call.actor.kind in ("user", "user_oauth") and not (
            self.given.get("team_ids") or self.given.get("service_ids")
        ):
            raise invalid("team_ids or service_ids must be given with a user-level API key")
        self._incidents = call.state.incidents.values()
        self._account = call.account

    def _time(self, name: str) -> datetime | None:
        text = self.given.get(name)
        if text is None:
            return None
        try:
            return parse_time(text)
        except (ValueError, AttributeError) as error:
            raise invalid(f"{name} must be a valid ISO 8601 time") from error

    def _among(self, name: str, value: str | None) -> bool:
        wanted = as_list(self.given.get(name))
        return not wanted or value in wanted

    def facts(self) -> list[Facts]:
        """Return the figures of every incident that passes."""
        return [
            facts
            for incident in self._incidents
            if (self.since is None or incident.created_at >= self.since)
            and (self.until is None or incident.created_at < self.until)
            and self._passes(facts := facts_of(self._account, incident))
        ]

    def _passes(self, facts: Facts) -> bool:
        given = self.given
        return (
            given.get("urgency") in (None, facts.incident.urgency)
            and given.get("major") in (None, facts.major)
            and self._among("team_ids", facts.team_id)
            and self._among("service_ids", facts.incident.service_id)
            and self._among("escalation_policy_ids", facts.incident.policy_id)
            and self._among("priority_ids", facts.incident.priority_id)
            and self._among("priority_names", facts.row["priority_name"])
            and facts["acknowledgement_count"] >= given.get("min_ackowledgements", 0)
            and facts["timeout_escalation_count"] >= given.get("min_timeout_escalations", 0)
            and facts["manual_escalation_count"] >= given.get("min_manual_escalations", 0)
        )


def _mean(values: Sequence[int]) -> int:
    return round(sum(values) / len(values)) if values else 0


def _percentiles(name: str, values: Sequence[int]) -> Json:
    ordered = sorted(values)
    return {
        f"p{percent}_{name}": ordered[ceil(percent / 100 * len(ordered)) - 1] if ordered else 0
        for percent in PERCENTILES
    }


def _row(found: list[Facts], start: datetime | None, *, percentiles: bool) -> Json:
    acks = [each.seconds_to_first_ack for each in found if each.seconds_to_first_ack is not None]
    resolves = [each.seconds_to_resolve for each in found if each.seconds_to_resolve is not None]

    def total(name: str) -> int:
        return sum(each[name] for each in found)

    def mean(name: str) -> int:
        return _mean([each[name] for each in found])

    row: Json = {
        "mean_assignment_count": mean("assignment_count"),
        "mean_engaged_seconds": mean("engaged_seconds"),
        "mean_engaged_user_count": mean("engaged_user_count"),
        "mean_seconds_to_engage": _mean(acks),
        "mean_seconds_to_first_ack": _mean(acks),
        "mean_seconds_to_mobilize": 0,
        "mean_seconds_to_resolve": _mean(resolves),
        "mean_user_defined_engaged_seconds": mean("engaged_seconds"),
        "range_start": naive(start),
        "total_business_hour_interruptions": total("business_hour_interruptions"),
        "total_engaged_seconds": total("engaged_seconds"),
        "total_escalation_count": total("escalation_count"),
        "total_incident_count": len(found),
        "total_incidents_acknowledged": len(acks),
        "total_incidents_auto_resolved": sum(bool(each.row["auto_resolved"]) for each in found),
        "total_incidents_manual_escalated": sum(each["manual_escalation_count"] > 0 for each in found),
        "total_incidents_reassigned": sum(each["reassignment_count"] > 0 for each in found),
        "total_incidents_timeout_escalated": sum(each["timeout_escalation_count"] > 0 for each in found),
        "total_interruptions": total("total_interruptions"),
        "total_notifications": total("total_notifications"),
        "total_off_hour_interruptions": total("off_hour_interruptions"),
        "total_sleep_hour_interruptions": total("sleep_hour_interruptions"),
        "total_snoozed_seconds": total("snoozed_seconds"),
        "total_user_defined_engaged_seconds": total("engaged_seconds"),
    }
    if percentiles:
        row |= _percentiles("seconds_to_first_ack", acks) | _percentiles("seconds_to_resolve", resolves)
    return row


def _start_of(moment: datetime, unit: str) -> datetime:
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if unit == "month" else day


GroupKey = Callable[[Facts], Json]


def _by_nothing(_: Facts) -> Json:
    return {}


def _by_service(facts: Facts) -> Json:
    return {name: facts.row[name] for name in ("service_id", "service_name", "team_id", "team_name")}


def _by_team(facts: Facts) -> Json:
    return {name: facts.row[name] for name in ("team_id", "team_name")}


def _metrics(call: Call, by: GroupKey, *, percentiles: bool = False) -> Reply:
    filters, unit = Filters(call), call.body.get("aggregate_unit")
    if unit is not None and unit not in UNITS:
        raise invalid(f"aggregate_unit must be one of {', '.join(UNITS)}")
    name = call.body.get("time_zone") or "Etc/UTC"
    try:
        zone = zone_of(str(name))
    except ValueError as error:
        raise invalid("Time zone is invalid") from error
    groups: dict[tuple[datetime | None, tuple[tuple[str, str], ...]], list[Facts]] = {}
    for facts in filters.facts():
        start = _start_of(facts.incident.created_at.astimezone(zone), unit) if unit else filters.since
        groups.setdefault((start, tuple(by(facts).items())), []).append(facts)
    rows = [{**_row(found, start, percentiles=percentiles), **dict(group)} for (start, group), found in groups.items()]
    rows.sort(key=lambda row: str(row["range_start"]), reverse=call.body.get("order", "desc") == "desc")
    answer: Json = {"data": rows, "filters": _told(filters.given, renamed=percentiles), "time_zone": name}
    if unit:
        answer["aggregate_unit"] = unit
    return Reply(200, answer)


def _told(given: Json, *, renamed: bool) -> Json:
    """Return the filters as the answer tells them; for all incidents the range has other names there."""
    if not renamed:
        return given
    return {name.replace("created_at_", "create_range_"): value for name, value in given.items()}


def all_incidents(call: Call) -> Reply:
    """POST /analytics/metrics/incidents/all."""
    return _metrics(call, _by_nothing, percentiles=True)


def by_service(call: Call) -> Reply:
    """POST /analytics/metrics/incidents/services."""
    return _metrics(call, _by_service)


def by_team(call: Call) -> Reply:
    """POST /analytics/metrics/incidents/teams."""
    return _metrics(call, _by_team)


def over_all(call: Call) -> Reply:
    """POST /analytics/metrics/incidents/{services,teams}/all: one row for all of them together."""
    return _metrics(call, _by_nothing)


def raw_incidents(call: Call) -> Reply:
    """POST /analytics/raw/incidents: rows in batches, with the first and the last id as cursors."""
    body, filters = call.body, Filters(call)
    limit, order_by, order = body.get("limit", 100), body.get("order_by", "created_at"), body.get("order", "desc")
    if not isinstance(limit, int) or not 1 <= limit <= 1000:
        raise invalid("limit must be between 1 and 1000")
    if order_by not in ("created_at", "seconds_to_resolve") or order not in ("asc", "desc"):
        raise invalid("order_by must be created_at or seconds_to_resolve, order must be asc or desc")
    found = filters.facts()
    found.sort(key=partial(_order_key, order_by), reverse=order == "desc")
    ids = [each.incident.id for each in found]
    start = _position(ids, body.get("starting_after"), 1)
    end = _position(ids, body.get("ending_before"), 0) if body.get("ending_before") else None
    if end is not None:
        start = max(0, end - limit)
    batch = found[start:end][:limit]
    return Reply(
        200,
        {
            "data": [each.row for each in batch],
            "first": batch[0].incident.id if batch else None,
            "last": batch[-1].incident.id if batch else None,
            "limit": limit,
            "more": start > 0 if end is not None else start + limit < len(found),
            "order": order,
            "order_by": order_by,
            "filters": filters.given,
            "time_zone": body.get("time_zone") or "Etc/UTC",
        },
    )


def _order_key(order_by: str, facts: Facts) -> tuple[float, int]:
    if order_by == "created_at":
        return facts.incident.created_at.astimezone(UTC).timestamp(), facts.incident.number
    return float(facts.seconds_to_resolve or 0), facts.incident.number


def _position(ids: list[str], cursor: object, step: int) -> int:
    if not cursor:
        return 0
    if cursor not in ids:
        raise invalid(f"There is no result at the cursor {cursor}")
    return ids.index(str(cursor)) + step


def raw_incident(call: Call) -> Reply:
    """GET /analytics/raw/incidents/{id}."""
    return Reply(200, facts_of(call.account, find(call.account, call.params["id"])).row)


METRICS = "/analytics/metrics/incidents"

ROUTES = (
    post(f"{METRICS}/all", all_incidents, "analytics.write"),
    post(f"{METRICS}/services", by_service, "analytics.write"),
    post(f"{METRICS}/services/all", over_all, "analytics.write"),
    post(f"{METRICS}/teams", by_team, "analytics.write"),
    post(f"{METRICS}/teams/all", over_all, "analytics.write"),
    post("/analytics/raw/incidents", raw_incidents, "analytics.write"),
    get("/analytics/raw/incidents/{id}", raw_incident, "analytics.read"),
)
