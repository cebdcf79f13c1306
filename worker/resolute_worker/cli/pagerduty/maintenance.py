"""Commands that list, start and end maintenance of services."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import RenderableType
from rich.markup import escape

from resolute.plan.errors import ConfigurationError
from resolute_worker.cli.output import AsJson, clock, show, table
from resolute_worker.cli.pagerduty.desk import AccountName, Desk, at_desk
from resolute_worker.cli.pagerduty.moments import moment
from resolute_worker.cli.pagerduty.names import SERVICE, TEAM, ids_of
from resolute_worker.cli.pagerduty.options import Services, Teams, names_cell
from resolute_worker.cli.saying import say

if TYPE_CHECKING:
    from resolute_pagerduty.models.services import MaintenanceWindow

app: Final = typer.Typer(help="Put services into maintenance.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def maintenance() -> None:
    """Put services into maintenance: no incidents are opened for them meanwhile."""


@app.command("list")
def list_(
    service: Services = None,
    team: Teams = None,
    past: Annotated[bool, typer.Option("--all", help="Include windows that have ended.")] = False,
    account: AccountName = None,
    as_json: AsJson = False,
) -> None:
    """List maintenance windows: the current ones and the planned ones."""
    now = datetime.now(UTC)

    async def work(desk: Desk) -> tuple[MaintenanceWindow, ...]:
        import resolute_pagerduty as pagerduty

        windows = pagerduty.all_maintenance_windows(
            service_ids=await ids_of(desk, SERVICE, service),
            team_ids=await ids_of(desk, TEAM, team),
            filter="all" if past else "open",
        )
        return (await desk.run(windows)).maintenance_windows

    found = at_desk(work, account=account)

    def render() -> RenderableType:
        rows = [_row(each, now) for each in found]
        headers = ("Id", "State", "From", "To", "Services", "Description", "By")
        return table(
            headers, rows, empty="there are no maintenance windows" if past else "no maintenance is ongoing or planned"
        )

    show(as_json, {"maintenance_windows": found}, render)


def _row(window: MaintenanceWindow, now: datetime) -> tuple[str, ...]:
    if _is_over(window, now):
        state = "[dim]ended[/]"
    elif window.start_time and window.start_time > now:
        state = "planned"
    else:
        state = "[yellow]ongoing[/]"
    return (
        escape(window.id),
        state,
        clock(window.start_time),
        clock(window.end_time),
        names_cell(window.services),
        escape(window.description or window.summary),
        escape(window.created_by.summary) if window.created_by else "",
    )


@app.command()
def start(
    service: Annotated[list[str], typer.Option("--service", help="The service; can be repeated.")],
    until: Annotated[str, typer.Option(help="When it ends: +2h, tomorrow, 2026-03-02T14:30Z.")],
    since: Annotated[
        str, typer.Option("--from", help="When it starts: now, +1h, tomorrow, 2026-03-02T14:30Z.")
    ] = "now",
    description: Annotated[str, typer.Option(help="The reason for the maintenance.", show_default=False)] = "",
    account: AccountName = None,
    as_json: AsJson = False,
) -> None:
    """Start maintenance of services, now or later. No incidents are opened for them meanwhile."""
    now = datetime.now(UTC)
    begin, end = moment(since, now), moment(until, now)
    if end <= now:
        raise ConfigurationError(f"--until {until} is in the past: write a time from now with a plus sign, such as +2h")
    if end <= begin:
        raise ConfigurationError(f"--until {until} is not after --from {since}")

    async def work(desk: Desk) -> Any:
        import resolute_pagerduty as pagerduty

        return await desk.run(
            pagerduty.create_maintenance_window(
                service_ids=await ids_of(desk, SERVICE, service) or [],
                start_time=max(begin, now),
                end_time=end,
                description=description,
            )
        )

    made = at_desk(work, account=account)
    window = made.maintenance_window
    show(
        as_json,
        made,
        lambda: (
            f"maintenance of {names_cell(window.services)} from {clock(window.start_time)} to {clock(window.end_time)};"
            f" to end it early: resolute pagerduty maintenance end {escape(window.id)}"
        ),
    )


@app.command()
def end(
    window: Annotated[str, typer.Argument(metavar="ID", help="The window's id, from `list`.")],
    account: AccountName = None,
) -> None:
    """End ongoing maintenance, or cancel planned maintenance."""
    now = datetime.now(UTC)

    async def work(desk: Desk) -> MaintenanceWindow:
        import resolute_pagerduty as pagerduty

        # Deleting a window that does not exist succeeds; in a terminal that is more likely a mistyped id.
        found = (await desk.run(pagerduty.get_maintenance_window(id=window))).maintenance_window
        if not _is_over(found, now):
            await desk.run(pagerduty.delete_maintenance_window(id=window))
        return found

    found = at_desk(work, account=account)
    names = ", ".join(each.summary for each in found.services)
    say(f"maintenance of {names} had already ended" if _is_over(found, now) else f"maintenance of {names} has ended")


def _is_over(window: MaintenanceWindow, now: datetime) -> bool:
    return window.end_time is not None and window.end_time <= now
