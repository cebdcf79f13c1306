"""The command that shows metrics of incidents."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import RenderableType
from rich.markup import escape

from resolute_worker.cli.output import AsJson, clock, show, table
from resolute_worker.cli.pagerduty.desk import AccountName, Desk, at_desk
from resolute_worker.cli.pagerduty.moments import moment
from resolute_worker.cli.pagerduty.names import SERVICE, TEAM, ids_of
from resolute_worker.cli.pagerduty.options import Services, Teams, Urgency, since_option, time_of

if TYPE_CHECKING:
    from resolute.writing.node import NodeFactory
    from resolute_pagerduty.models.account import Metrics
    from resolute_pagerduty.models.outputs import GetMetricsOutput


class Subject(StrEnum):
    """What each row of metrics is about."""

    all = "all"
    service = "service"
    team = "team"


class Unit(StrEnum):
    """The intervals of a series."""

    day = "day"
    week = "week"
    month = "month"


def metrics(
    by: Annotated[Subject, typer.Option(help="One row for all incidents, or one for each service or team.")] = (
        Subject.service
    ),
    since: Annotated[str, since_option("Only incidents opened at or after")] = "30d",
    until: Annotated[
        str | None,
        typer.Option(help="Only incidents opened before this time; same formats as --since.", show_default=False),
    ] = None,
    service: Services = None,
    team: Teams = None,
    urgency: Annotated[Urgency | None, typer.Option(help="Only incidents of this urgency.", show_default=False)] = None,
    per: Annotated[Unit | None, typer.Option(help="One row for each day, week or month.", show_default=False)] = None,
    account: AccountName = None,
    as_json: AsJson = False,
) -> None:
    """Show the number of incidents and how long they took. PagerDuty's figures are up to a day old."""
    now = datetime.now(UTC)
    begin, end = moment(since, now), time_of(until, now)

    async def work(desk: Desk) -> GetMetricsOutput:
        return await desk.run(
            _node(by)(
                since=begin,
                until=end,
                service_ids=await ids_of(desk, SERVICE, service),
                team_ids=await ids_of(desk, TEAM, team),
                urgency=urgency.value if urgency else None,
                aggregate_unit=per.value if per else None,
            )
        )

    found = at_desk(work, account=account)

    def render() -> RenderableType:
        rows = [_row(each, series=per is not None) for each in found.data]
        headers = ("From", by.value.capitalize(), "Incidents", "MTTA", "MTTR", "Escalated", "Interruptions", "At night")
        return table(headers if per else headers[1:], rows, empty="no incidents in that period")

    show(as_json, found, render)


def _node(by: Subject) -> NodeFactory[..., GetMetricsOutput]:
    import resolute_pagerduty as pagerduty

    nodes: Mapping[Subject, Any] = {
        Subject.all: pagerduty.get_incident_metrics,
        Subject.service: pagerduty.get_service_metrics,
        Subject.team: pagerduty.get_team_metrics,
    }
    return nodes[by]


def _row(figures: Metrics, *, series: bool) -> tuple[str, ...]:
    cells = (
        escape(figures.service_name or figures.team_name or "all"),
        str(figures.total_incident_count),
        _length(figures.mean_seconds_to_first_ack),
        _length(figures.mean_seconds_to_resolve),
        _count(figures.total_escalation_count),
        _count(figures.total_interruptions),
        _count(figures.total_sleep_hour_interruptions),
    )
    return (clock(figures.range_start), *cells) if series else cells


def _length(seconds: float | None) -> str:
    return "" if seconds is None else str(timedelta(seconds=round(seconds)))


def _count(value: int | None) -> str:
    return "" if value is None else str(value)
