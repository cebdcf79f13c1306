"""What PagerDuty works out about an incident: its like in the past, what is related, and which changes came before.

The real one learns; here incidents are alike as far as their titles share words, so that tests know what they get.
"""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256

from . import change_events, refs
from . import render_incident as render
from .api_errors import invalid
from .call import Call, Reply, get
from .incidents import find
from .resources import Incident
from .values import Json, iso

LOOKS_BACK = timedelta(days=180)
COUNTS_BACK = timedelta(days=120)
CHANGED_BEFORE = timedelta(hours=24)
MOST_RELATED = 20

_WORD = re.compile(r"[^\W\d_]{2,}")
_GAP = re.compile(r"\d+")


def _likeness(one: Incident, other: Incident) -> float:
    """Return which part of the words of both titles they share, in percent."""
    mine, theirs = (set(_WORD.findall(each.title.casefold())) for each in (one, other))
    return round(100 * len(mine & theirs) / len(mine | theirs), 4) if mine | theirs else 0.0


def _others(call: Call, incident: Incident) -> list[Incident]:
    """Return the other incidents, the newest first."""
    found = [each for each in call.state.incidents.values() if each is not incident]
    return sorted(found, key=lambda each: each.created_at, reverse=True)


def _short(call: Call, found: Incident) -> Json:
    """Return an incident as these answers show it; more of it where `additional_details[]` asks for that."""
    if "incident" in call.query.many("additional_details[]"):
        return dict(render.incident(call.account, found))
    return {
        "id": found.id,
        "created_at": iso(found.created_at),
        "self": refs.link(call.account, f"incidents/{found.id}"),
        "title": found.title,
    }


def past_incidents(call: Call) -> Reply:
    """GET /incidents/{id}/past_incidents: of the same service, the most alike first."""
    incident, limit = find(call.account, call.params["id"]), call.query.one("limit") or "5"
    if not limit.isdecimal() or not 1 <= int(limit) <= 999:
        raise invalid("Limit must be between 1 and 999")
    scored = [
        (_likeness(incident, each), each)
        for each in _others(call, incident)
        if each.service_id == incident.service_id
        and incident.created_at - LOOKS_BACK <= each.created_at <= incident.created_at
    ]
    alike = sorted((each for each in scored if each[0] > 0), key=lambda each: each[0], reverse=True)
    brief = ("id", "created_at", "self", "title")
    shown: list[Json] = [
        {"incident": {name: _short(call, each)[name] for name in brief}, "score": score}
        for score, each in alike[: int(limit)]
    ]
    total = len(alike) if call.query.flag("total") else None
    return Reply(200, {"past_incidents": shown, "total": total, "limit": int(limit)})


def related_incidents(call: Call) -> Reply:
    """GET /incidents/{id}/related_incidents: alike, on other services, and going on at the same time."""
    incident = find(call.account, call.params["id"])
    found = [
        each
        for each in _others(call, incident)
        if each.service_id != incident.service_id and _overlap(incident, each) and _likeness(incident, each) > 0
    ]
    why: list[Json] = [
        {
            "type": "machine_learning_inferred",
            "metadata": {
                "grouping_classification": "similar_contents",
                "user_feedback": {"positive_feedback_count": 0, "negative_feedback_count": 0},
            },
        }
    ]
    shown: list[Json] = [{"incident": _short(call, each), "relationships": why} for each in found[:MOST_RELATED]]
    return Reply(200, {"related_incidents": shown})


def _overlap(one: Incident, other: Incident) -> bool:
    def before(first: Incident, second: Incident) -> bool:
        return first.resolved_at is not None and first.resolved_at < second.created_at

    return not before(one, other) and not before(other, one)


def outlier_incident(call: Call) -> Reply:
    """GET /incidents/{id}/outlier_incident: how often incidents of this kind happen on the service."""
    incident, until = find(call.account, call.params["id"]), call.account.now()
    since = call.moment("since") or until - COUNTS_BACK
    service = [
        each
        for each in call.state.incidents.values()
        if each.service_id == incident.service_id and since <= each.created_at <= until
    ]
    kind = _template(incident.title)
    count = sum(_template(each.title) == kind for each in service)
    return Reply(
        200,
        {
            "outlier_incident": {
                "incident": {**_short(call, incident), "occurrence": _occurrence(count, service, since, until)},
                "incident_template": {
                    "id": _name(kind),
                    "cluster_id": _name(f"{incident.service_id}/{kind}"),
                    "mined_text": kind,
                },
            }
        },
    )


def _template(title: str) -> str:
    return _GAP.sub("<*>", title)


def _name(text: str) -> str:
    return "P" + sha256(text.encode()).hexdigest()[:6].upper()


def _occurrence(count: int, service: Sequence[Incident], since: datetime, until: datetime) -> Json:
    frequency = round(count / len(service), 4) if service else 0.0
    category = "novel" if count <= 1 else "rare" if frequency < 0.25 else "frequent"
    return {
        "count": count,
        "frequency": frequency,
        "category": category,
        "since": iso(since),
        "until": iso(until),
    }


def related_change_events(call: Call) -> Reply:
    """GET /incidents/{id}/related_change_events: what was changed on the service in the day before."""
    incident, limit = find(call.account, call.params["id"]), call.query.one("limit") or "25"
    if not limit.isdecimal() or int(limit) < 1:
        raise invalid("Limit must be a number above 0")
    found = [
        each
        for each in call.state.changes.values()
        if each.service_id == incident.service_id
        and incident.created_at - CHANGED_BEFORE <= each.timestamp <= incident.created_at
    ]
    found.sort(key=lambda each: each.timestamp, reverse=True)
    shown: list[Json] = [
        {
            **change_events.show(call.account, each),
            "correlation_reason": {"reason": "related_service" if number else "most_recent"},
        }
        for number, each in enumerate(found[: int(limit)])
    ]
    return Reply(200, {"change_events": shown, "limit": None, "offset": None, "total": None, "more": False})


ROUTES = (
    get("/incidents/{id}/past_incidents", past_incidents, "incidents.read"),
    get("/incidents/{id}/related_incidents", related_incidents, "incidents.read"),
    get("/incidents/{id}/outlier_incident", outlier_incident, "incidents.read"),
    get("/incidents/{id}/related_change_events", related_change_events, "incidents.read"),
)
