"""The command that lists services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType
from rich.markup import escape

from resolute_worker.cli.output import AsJson, clock, show, table
from resolute_worker.cli.pagerduty.desk import AccountName, Desk, at_desk
from resolute_worker.cli.pagerduty.names import TEAM, ids_of
from resolute_worker.cli.pagerduty.options import Teams, names_cell, status_cell

if TYPE_CHECKING:
    from resolute_pagerduty.models.services import Service


def services(
    query: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Only services whose name contains this.", show_default=False)
    ] = None,
    team: Teams = None,
    account: AccountName = None,
    as_json: AsJson = False,
) -> None:
    """List services and their status."""

    async def work(desk: Desk) -> tuple[Service, ...]:
        import resolute_pagerduty as pagerduty

        found = await desk.run(pagerduty.all_services(query=query, team_ids=await ids_of(desk, TEAM, team)))
        return found.services

    found = at_desk(work, account=account)

    def render() -> RenderableType:
        rows = [
            (
                escape(each.name or each.summary),
                status_cell(each.status),
                escape(each.escalation_policy.summary),
                names_cell(each.teams),
                clock(each.last_incident_timestamp),
                escape(each.id),
            )
            for each in found
        ]
        headers = ("Service", "Status", "Escalation policy", "Teams", "Last incident", "Id")
        return table(headers, rows, empty="no service fits" if query or team else "there is no service")

    show(as_json, {"services": found}, render)
