"""What hangs on an incident: notes, alerts, log entries, merge, snooze, status updates."""

from datetime import datetime

from . import lifecycle, refs, timeline
from . import render_incident as render
from .api_errors import ApiError, invalid, not_found
from .call import Call, Reply, delete, get, post, put, reference_id, reference_ids, required_text
from .incidents import find
from .resources import Alert, Incident, LogEntry, Note, StatusUpdate
from .values import Json, as_list, as_object, as_text, iso

MOST_NOTES = 2000
MOST_ALERTS = 1000
LONGEST_SNOOZE = 604_800


def _incident(call: Call) -> Incident:
    return find(call.account, call.params["id"])


def list_notes(call: Call) -> Reply:
    """GET /incidents/{id}/notes: all of them, never in pages."""
    notes = sorted(_incident(call).notes, key=lambda each: each.created_at, reverse=True)
    return Reply(200, {"notes": [render.note(call.account, each) for each in notes]})


def create_note(call: Call) -> Reply:
    """POST /incidents/{id}/notes. Each call adds a note: this cannot be repeated safely."""
    incident = _incident(call)
    content = required_text(call.wrapped("note"), "content")
    if len(incident.notes) >= MOST_NOTES:
        raise ApiError(400, 2001, f"An incident can have at most {MOST_NOTES} notes")
    note = timeline.annotate(call.account, incident, content, call.agent)
    return Reply(200, {"note": render.note(call.account, note)})


def _note(call: Call) -> Note:
    for note in _incident(call).notes:
        if note.id == call.params["note_id"]:
            return note
    raise not_found("Note")


def update_note(call: Call) -> Reply:
    """PUT /incidents/{id}/notes/{note_id}."""
    note = _note(call)
    note.content = required_text(call.wrapped("note"), "content")
    note.updated_at = call.account.now()
    call.account.touch(_incident(call))
    return Reply(200, {"note": render.note(call.account, note)})


def delete_note(call: Call) -> Reply:
    """DELETE /incidents/{id}/notes/{note_id}."""
    note, incident = _note(call), _incident(call)
    incident.notes.remove(note)
    call.account.touch(incident)
    return Reply(204)


def list_alerts(call: Call) -> Reply:
    """GET /incidents/{id}/alerts."""
    statuses, key = call.query.many("statuses[]"), call.query.one("alert_key")
    found = [
        alert
        for alert in _incident(call).alerts.values()
        if (not statuses or alert.status in statuses) and (key is None or alert.key == key)
    ]
    name, _, direction = (call.query.one("sort_by") or "created_at").partition(":")
    never = datetime.max.replace(tzinfo=call.account.now().tzinfo)
    found.sort(
        key=lambda each: each.created_at if name == "created_at" else each.resolved_at or never,
        reverse=direction == "desc",
    )
    include = call.query.many("include[]")
    return call.page("alerts", found, lambda each: render.alert(call.account, each, include))


def _alert(incident: Incident, identity: str) -> Alert:
    found = incident.alerts.get(identity)
    if found is None:
        raise not_found("Alert")
    return found


def get_alert(call: Call) -> Reply:
    """GET /incidents/{id}/alerts/{alert_id}."""
    alert = _alert(_incident(call), call.params["alert_id"])
    return Reply(200, {"alert": render.alert(call.account, alert)})


def update_alerts(call: Call) -> Reply:
    """PUT /incidents/{id}/alerts: resolve, or move to other incidents; up to 250, all or none."""
    incident, wanted = _incident(call), as_list(call.body.get("alerts"))
    if not wanted:
        raise invalid("Alerts cannot be empty")
    if len(wanted) > 250:
        raise ApiError(413, 2001, "At most 250 alerts can be updated at once")
    plans = [_plan_alert(call, incident, as_object(each) or {}) for each in wanted]
    for alert, status, target in plans:
        _apply_alert(call, alert, status, target)
    shown = [render.alert(call.account, alert) for alert, _, _ in plans]
    return Reply(200, {"alerts": shown, "limit": len(shown), "offset": 0, "total": None, "more": False})


def update_alert(call: Call) -> Reply:
    """PUT /incidents/{id}/alerts/{alert_id}."""
    fields = {**call.wrapped("alert"), "id": call.params["alert_id"]}
    alert, status, target = _plan_alert(call, _incident(call), fields)
    _apply_alert(call, alert, status, target)
    return Reply(200, {"alert": render.alert(call.account, alert)})


def _plan_alert(call: Call, incident: Incident, fields: Json) -> tuple[Alert, str | None, Incident | None]:
    alert = _alert(incident, reference_id(fields, "Alert"))
    status = fields.get("status")
    if status not in (None, "triggered", "resolved"):
        raise ApiError(400, 1003, "Status must be triggered or resolved")
    target = fields.get("incident")
    return alert, status, find(call.account, reference_id(target, "Incident")) if target else None


def _apply_alert(call: Call, alert: Alert, status: str | None, target: Incident | None) -> None:
    account, incident = call.account, call.state.incidents[alert.incident_id]
    if target is not None and target is not incident:
        _move(incident, target, alert)
        account.touch(target)
    if status == "resolved" and alert.status == "triggered":
        lifecycle.close_alert(account, alert)
    elif status == "triggered" and alert.status == "resolved":
        alert.status, alert.resolved_at = "triggered", None
        account.state.open_alerts[alert.integration_id, alert.key] = alert
    account.touch(incident)
    for each in {incident.id: incident, alert.incident_id: call.state.incidents[alert.incident_id]}.values():
        if each.open and each.alerts and all(one.status == "resolved" for one in each.alerts.values()):
            lifecycle.resolve(account, each, call.agent)


def _move(source: Incident, target: Incident, alert: Alert) -> None:
    del source.alerts[alert.id]
    target.alerts[alert.id] = alert
    alert.incident_id = target.id


def list_log_entries(call: Call) -> Reply:
    """GET /incidents/{id}/log_entries: the timeline, newest first."""
    return _log_page(call, _incident(call).entries)


def list_all_log_entries(call: Call) -> Reply:
    """GET /log_entries: the timelines of all incidents, newest first."""
    teams = set(call.query.many("team_ids[]"))
    entries = call.state.log
    if teams:
        services = {
            each.id for each in call.state.services.values() if teams.intersection(call.account.service_teams(each))
        }
        entries = [entry for entry in entries if entry.service_id in services]
    return _log_page(call, entries)


OVERVIEW = frozenset(f"{kind}_log_entry" for kind in ("trigger", "acknowledge", "resolve", "escalate", "annotate"))


def _log_page(call: Call, entries: list[LogEntry]) -> Reply:
    since, until = call.window()
    overview = call.query.flag("is_overview")
    found = [
        entry
        for entry in reversed(entries)
        if (since is None or entry.created_at >= since)
        and (until is None or entry.created_at < until)
        and (not overview or entry.type in OVERVIEW)
    ]
    include = call.query.many("include[]")
    return call.page("log_entries", found, lambda each: render.log_entry(call.account, each, include))


def get_log_entry(call: Call) -> Reply:
    """GET /log_entries/{id}."""
    entry = call.state.entries.get(call.params["id"])
    if entry is None:
        raise not_found("Log entry")
    return Reply(200, {"log_entry": render.log_entry(call.account, entry, call.query.many("include[]"))})


def merge(call: Call) -> Reply:
    """PUT /incidents/{id}/merge: the alerts of the sources move here, and the sources are resolved."""
    account, target = call.account, _incident(call)
    if not target.open:
        raise ApiError(400, 1001, "The target incident must be open")
    ids = reference_ids(call.body.get("source_incidents"), "Source incidents")
    sources = [find(account, identity) for identity in ids]
    for source in sources:
        if source.merged_into:
            raise ApiError(400, 1019, f"Incident {source.id} has been merged into {source.merged_into}")
        if source is target:
            raise invalid("An incident cannot be merged into itself")
        if source.by_rest and not source.alerts:
            raise ApiError(400, 2015, f"Incident {source.id} has no alerts and was not made on the website")
    if sum(len(each.alerts) for each in [target, *sources]) > MOST_ALERTS:
        raise invalid(f"The target incident would have more than {MOST_ALERTS} alerts")
    for source in sources:
        for alert in list(source.alerts.values()):
            _move(source, target, alert)
        if source.open:
            lifecycle.resolve(account, source, call.agent, into=target.id)
        else:
            source.merged_into = target.id
            source.resolve_reason = {"type": "merge_resolve_reason", "incident": refs.incident(account, target.id)}
            account.touch(source)
    account.touch(target)
    return Reply(200, {"incident": refs.incident(account, target.id)})


def snooze(call: Call) -> Reply:
    """POST /incidents/{id}/snooze."""
    incident, duration = _incident(call), call.body.get("duration")
    if not isinstance(duration, int) or not 1 <= duration <= LONGEST_SNOOZE:
        raise ApiError(400, 1013, f"Duration must be between 1 and {LONGEST_SNOOZE} seconds")
    if incident.status != "acknowledged":
        raise ApiError(400, 1012)
    lifecycle.snooze(call.account, incident, duration, call.agent)
    return Reply(201, {"incident": render.incident(call.account, incident)})


def send_status_update(call: Call) -> Reply:
    """POST /incidents/{id}/status_updates."""
    incident = _incident(call)
    message = required_text(call.body, "message")
    subject, html = as_text(call.body.get("subject")), as_text(call.body.get("html_message"))
    if (subject is None) != (html is None):
        raise invalid("Subject and html_message must be given together")
    update = StatusUpdate(
        id=call.account.ids.next("status_update"),
        incident_id=incident.id,
        message=message,
        created_at=call.account.now(),
        sender=call.agent,
        subject=subject,
        html_message=html,
    )
    call.state.status_updates.append(update)
    shown: Json = {
        "id": update.id,
        "message": message,
        "created_at": iso(update.created_at),
        "sender": update.sender,
        **({"subject": subject, "html_message": html} if subject else {}),
    }
    data: Json = {
        "incident": refs.incident(call.account, incident.id),
        "id": update.id,
        "message": message,
        "trimmed": False,
        "type": "incident_status_update",
    }
    timeline.tell(call.account, incident, "status_update_published", call.agent, data)
    return Reply(200, {"status_update": shown})


ROUTES = (
    get("/incidents/{id}/notes", list_notes, "incidents.read"),
    post("/incidents/{id}/notes", create_note, "incidents.write", needs_from=True),
    put("/incidents/{id}/notes/{note_id}", update_note, "incidents.write", needs_from=True),
    delete("/incidents/{id}/notes/{note_id}", delete_note, "incidents.write"),
    get("/incidents/{id}/alerts", list_alerts, "incidents.read"),
    put("/incidents/{id}/alerts", update_alerts, "incidents.write", needs_from=True),
    get("/incidents/{id}/alerts/{alert_id}", get_alert, "incidents.read"),
    put("/incidents/{id}/alerts/{alert_id}", update_alert, "incidents.write", needs_from=True),
    get("/incidents/{id}/log_entries", list_log_entries, "incidents.read"),
    get("/log_entries", list_all_log_entries, "incidents.read"),
    get("/log_entries/{id}", get_log_entry, "incidents.read"),
    put("/incidents/{id}/merge", merge, "incidents.write", needs_from=True),
    post("/incidents/{id}/snooze", snooze, "incidents.write", needs_from=True),
    post("/incidents/{id}/status_updates", send_status_update, "incidents.write", needs_from=True),
)
