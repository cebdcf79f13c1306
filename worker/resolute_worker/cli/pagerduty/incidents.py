"""Commands that read incidents: incidents, incident, timeline."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Group, RenderableType
from rich.markup import escape

from resolute.plan.errors import ConfigurationError
from resolute_worker.cli.output import AsJson, clock, lasted, show, table
from resolute_worker.cli.pagerduty.desk import AccountName, Desk, at_desk
from resolute_worker.cli.pagerduty.names import SERVICE, TEAM, USER, ids_of, incident_id
from resolute_worker.cli.pagerduty.options import (
    IncidentName,
    Services,
    Teams,
    Urgency,
    Users,
    facts_table,
    names_cell,
    since_option,
    status_cell,
    time_of,
    title_of,
)

if TYPE_CHECKING:
    from resolute_pagerduty.models.incidents import Alert, Incident, LogEntry, Note

_PAGE: Final = 100
_LONGEST: Final = timedelta(days=180)


class Status(StrEnum):
    """The status of an incident."""

    triggered = "triggered"
    acknowledged = "acknowledged"
    resolved = "resolved"


OPEN: Final = ("triggered", "acknowledged")


@dataclass(frozen=True)
class _Found:
    """Incidents, newest first, and whether there are more."""

    incidents: list[Incident]
    more: bool


def incidents(
    status: Annotated[
        list[Status] | None,
        typer.Option(
            help="Only incidents with this status; can be repeated. Default: open ones, or all with --since.",
            show_default=False,
        ),
    ] = None,
    service: Services = None,
    team: Teams = None,
    user: Users = None,
    urgency: Annotated[Urgency | None, typer.Option(help="Only incidents of this urgency.", show_default=False)] = None,
    since: Annotated[str | None, since_option("Only incidents opened at or after")] = None,
    until: Annotated[
        str | None,
        typer.Option(help="Only incidents opened before this time; same formats as --since.", show_default=False),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The maximum number of incidents, newest first.")] = 50,
    account: AccountName = None,
    as_json: AsJson = False,
) -> None:
    """List incidents: the open ones, or those of a period."""
    now = datetime.now(UTC)
    begin, end = time_of(since, now), time_of(until, now)
    if end and not begin:
        raise ConfigurationError("--until requires --since")
    if begin and begin >= (end or now):
        raise ConfigurationError("--since is not before " + ("--until" if end else "now") + ": swap them")
    statuses = [each.value for each in status or ()] or ([] if begin else list(OPEN))

    async def work(desk: Desk) -> _Found:
        filters: dict[str, Any] = {
            "statuses": statuses or None,
            "service_ids": await ids_of(desk, SERVICE, service),
            "team_ids": await ids_of(desk, TEAM, team),
            "user_ids": await ids_of(desk, USER, user),
            "urgencies": [urgency.value] if urgency else None,
        }
        times: list[dict[str, Any]] = list(_windows(begin, end or now)) if begin else [{"date_range": "all"}]
        return await _newest(desk, times, filters, limit)

    found = at_desk(work, account=account)

    def render() -> RenderableType:
        named = any((status, service, team, user, urgency, begin))
        rows = [_row(each) for each in found.incidents]
        headers = ("#", "Status", "Urgency", "Title", "Service", "Assigned to", "Opened", "Id")
        body = table(headers, rows, empty="no incident fits" if named else "no incident is open")
        return Group(body, f"[dim]there are more: --limit {limit * 4}[/]") if found.more else body

    show(as_json, {"incidents": found.incidents, "more": found.more}, render)


def _windows(since: datetime, until: datetime) -> Iterator[dict[str, datetime]]:
    """A period in parts that PagerDuty can list, newest first."""
    while until > since:
        begin = max(since, until - _LONGEST)
        yield {"since": begin, "until": until}
        until = begin


async def _newest(desk: Desk, times: list[dict[str, Any]], filters: dict[str, Any], limit: int) -> _Found:
    import resolute_pagerduty as pagerduty

    found: list[Incident] = []
    for number, window in enumerate(times, start=1):
        offset, more = 0, True
        while more and len(found) < limit:
            size = min(_PAGE, limit - len(found))
            query = {**filters, **window, "sort_by": "created_at:desc", "limit": size, "offset": offset}
            page = await desk.run(pagerduty.list_incidents(**query))
            found += page.incidents
            offset += len(page.incidents)
            more = page.more and bool(page.incidents)
        if len(found) >= limit:
            return _Found(found, more or number < len(times))
    return _Found(found, more=False)


def _row(incident: Incident) -> tuple[str, ...]:
    return (
        f"#{incident.incident_number}",
        status_cell(incident.status),
        escape(incident.urgency),
        escape(incident.title),
        escape(incident.service.summary),
        names_cell(tuple(each.assignee for each in incident.assignments)),
        clock(incident.created_at),
        escape(incident.id),
    )


@dataclass(frozen=True)
class _Whole:
    """An incident with what people look for first."""

    incident: Incident
    alerts: tuple[Alert, ...]
    notes: tuple[Note, ...]


def incident(name: IncidentName, account: AccountName = None, as_json: AsJson = False) -> None:
    """Show an incident with its alerts and notes."""
    id = incident_id(name)  # noqa: A001  # PagerDuty's word

    async def work(desk: Desk) -> _Whole:
        import resolute_pagerduty as pagerduty

        found = (await desk.run(pagerduty.get_incident(id=id))).incident
        alerts, notes = await asyncio.gather(
            desk.run(pagerduty.all_alerts(incident_id=found.id)), desk.run(pagerduty.list_notes(incident_id=found.id))
        )
        return _Whole(found, alerts.alerts, notes.notes)

    whole = at_desk(work, account=account)
    value = {"incident": whole.incident, "alerts": whole.alerts, "notes": whole.notes}
    show(as_json, value, lambda: _rendered(whole))


def _rendered(whole: _Whole) -> RenderableType:
    found = whole.incident
    facts = {
        "Service": escape(found.service.summary),
        "Escalation policy": escape(found.escalation_policy.summary),
        "Teams": names_cell(found.teams),
        "Urgency": escape(found.urgency),
        "Priority": escape(found.priority.summary) if found.priority else "",
        "Assigned to": names_cell(tuple(each.assignee for each in found.assignments)),
        "Acknowledged by": names_cell(tuple(each.acknowledger for each in found.acknowledgements)),
        "Opened": clock(found.created_at),
        "Resolved": clock(found.resolved_at),
        "Lasted": lasted(found.created_at, found.resolved_at),
        "Next": escape("; ".join(f"{each.type} at {clock(each.at)}" for each in found.pending_actions)),
        "Page": escape(found.html_url or ""),
    }
    parts: list[RenderableType] = [
        f"[bold]{escape(title_of(found))}[/]  {status_cell(found.status)}  {escape(found.id)}",
        facts_table({name: value for name, value in facts.items() if value}),
    ]
    if whole.alerts:
        rows = [
            (status_cell(each.status), escape(each.severity), escape(each.summary), clock(each.created_at))
            for each in whole.alerts
        ]
        parts += ["", table(("Alert", "Severity", "Summary", "Created"), rows, empty="")]
    if whole.notes:
        notes = [(clock(each.created_at), escape(each.user.summary), escape(each.content)) for each in whole.notes]
        parts += ["", table(("Noted", "By", "Note"), notes, empty="")]
    return Group(*parts)


def timeline(
    name: IncidentName,
    overview: Annotated[bool, typer.Option("--overview", help="Only the most important entries.")] = False,
    since: Annotated[str | None, since_option("From here on")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The maximum number of entries, newest first.")] = 200,
    account: AccountName = None,
    as_json: AsJson = False,
) -> None:
    """Show the history of an incident, oldest entry first."""
    id, begin = incident_id(name), time_of(since, datetime.now(UTC))  # noqa: A001  # PagerDuty's word

    async def work(desk: Desk) -> tuple[list[LogEntry], bool]:
        import resolute_pagerduty as pagerduty

        entries = pagerduty.all_log_entries(
            incident_id=id, since=begin, is_overview=True if overview else None, limit=limit
        )
        found = await desk.run(entries)
        return list(reversed(found.log_entries)), found.more

    entries, more = at_desk(work, account=account)

    def render() -> RenderableType:
        rows = [
            (
                clock(each.created_at),
                escape(each.type.removesuffix("_log_entry")),
                escape(each.agent.summary if each.agent else ""),
                escape(each.summary),
            )
            for each in entries
        ]
        body = table(("Time", "What", "Who", "In words"), rows, empty="nothing happened in that period")
        return Group(f"[dim]earlier entries are left out: --limit {limit * 4}[/]", body) if more else body

    show(as_json, {"log_entries": entries, "more": more}, render)
