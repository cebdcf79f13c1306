"""Commands that list and send change events: deployments and other changes."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.markup import escape

from resolute.plan.errors import ConfigurationError
from resolute_worker.cli.output import AsJson, clock, show, table
from resolute_worker.cli.pagerduty.desk import AccountName, Desk, at_desk
from resolute_worker.cli.pagerduty.moments import moment
from resolute_worker.cli.pagerduty.names import SERVICE, TEAM, ids_of, incident_id
from resolute_worker.cli.pagerduty.options import (
    RoutingKey,
    Services,
    Teams,
    details_of,
    key_of,
    names_cell,
    since_option,
    time_of,
)

if TYPE_CHECKING:
    from resolute_pagerduty.models.changes import ChangeEvent


def changes(
    service: Services = None,
    team: Teams = None,
    incident: Annotated[
        str | None,
        typer.Option(
            metavar="INCIDENT", help="Only changes that PagerDuty relates to this incident.", show_default=False
        ),
    ] = None,
    since: Annotated[str, since_option("Only changes at or after this time; PagerDuty keeps 90 days")] = "7d",
    until: Annotated[
        str | None, typer.Option(help="Only changes before this time; same formats as --since.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The maximum number of changes, newest first.")] = 50,
    account: AccountName = None,
    as_json: AsJson = False,
) -> None:
    """List deployments and other changes, newest first."""
    if sum(map(bool, (service, team, incident))) > 1:
        raise ConfigurationError("--service, --team and --incident exclude each other")
    now = datetime.now(UTC)
    times: dict[str, Any] = {"since": moment(since, now), "until": time_of(until, now)}
    number = incident_id(incident) if incident else None

    async def work(desk: Desk) -> tuple[Sequence[ChangeEvent], bool]:
        import resolute_pagerduty as pagerduty

        if number is not None:
            related = await desk.run(pagerduty.get_related_change_events(incident_id=number, limit=min(limit, 100)))
            return related.change_events, False
        if service:
            return await _of_services(desk, await ids_of(desk, SERVICE, service) or [], limit, **times)
        teams = await ids_of(desk, TEAM, team)
        found = await desk.run(pagerduty.all_change_events(team_ids=teams, limit=limit, **times))
        return found.change_events, found.more

    found, more = at_desk(work, account=account)

    def render() -> RenderableType:
        rows = [
            (clock(each.timestamp), names_cell(each.services), escape(each.source), escape(each.summary), _reason(each))
            for each in found
        ]
        body = table(("Time", "Services", "Source", "What", "Why"), rows, empty="no changes in that period")
        return Group(body, f"[dim]there are more: --limit {limit * 4}[/]") if more else body

    show(as_json, {"change_events": found, "more": more}, render)


async def _of_services(desk: Desk, ids: Sequence[str], limit: int, **times: Any) -> tuple[Sequence[ChangeEvent], bool]:
    """The newest change events of several services; PagerDuty lists one service at a time."""
    import resolute_pagerduty as pagerduty

    found, more = dict[str, "ChangeEvent"](), False
    for each in ids:
        part = await desk.run(pagerduty.all_service_change_events(service_id=each, limit=limit, **times))
        found |= {change.id: change for change in part.change_events}
        more = more or part.more
    newest = sorted(found.values(), key=lambda each: each.timestamp or datetime.min.replace(tzinfo=UTC), reverse=True)
    return newest[:limit], more or len(newest) > limit


def _reason(change: ChangeEvent) -> str:
    """Why PagerDuty shows a change next to an incident."""
    from resolute_pagerduty.models.changes import RelatedChangeEvent

    return escape(change.correlation_reason.reason) if isinstance(change, RelatedChangeEvent) else ""


def change(
    summary: Annotated[str, typer.Argument(help="What was changed, in one line.")],
    source: Annotated[
        str | None,
        typer.Option(help="The system that was changed; default: the name of this machine.", show_default=False),
    ] = None,
    details: Annotated[str | None, typer.Option(help="Further details, as a JSON object.", show_default=False)] = None,
    link: Annotated[
        list[str] | None,
        typer.Option(metavar="URL", help="A link to more information; can be repeated.", show_default=False),
    ] = None,
    routing_key: RoutingKey = None,
    account: AccountName = None,
    as_json: AsJson = False,
) -> None:
    """Report a deployment or another change. Nobody is notified; PagerDuty shows it next to later incidents."""
    more = details_of(details)

    async def work(desk: Desk) -> Any:
        import resolute_pagerduty as pagerduty

        return await desk.run(
            pagerduty.send_change_event(
                summary=summary,
                source=source or platform.node() or "terminal",
                custom_details=more,
                links=[pagerduty.EventLink(href=each) for each in link] if link else None,
                routing_key=key_of(routing_key),
            )
        )

    sent = at_desk(work, account=account)
    show(as_json, sent, lambda: f"sent: {escape(summary)}")
