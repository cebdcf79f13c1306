"""Commands about who is on call: oncall, schedules."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import RenderableType
from rich.markup import escape

from resolute.plan.errors import ConfigurationError
from resolute_worker.cli.output import AsJson, clock, show, table
from resolute_worker.cli.pagerduty.desk import AccountName, Desk, at_desk
from resolute_worker.cli.pagerduty.names import ESCALATION_POLICY, SCHEDULE, SERVICE, TEAM, USER, ids_of
from resolute_worker.cli.pagerduty.options import Services, Teams, Users, names_cell, since_option, time_of

if TYPE_CHECKING:
    from resolute_pagerduty.models.oncall import OnCall, Schedule

_IDS_PER_REQUEST: Final = 50
"""As many ids as fit into a URL."""


def oncall(
    team: Teams = None,
    service: Services = None,
    schedule: Annotated[
        list[str] | None, typer.Option(help="Only on this schedule; can be repeated.", show_default=False)
    ] = None,
    policy: Annotated[
        list[str] | None, typer.Option(help="Only for this escalation policy; can be repeated.", show_default=False)
    ] = None,
    user: Users = None,
    level: Annotated[int | None, typer.Option(min=1, help="Only this escalation level.", show_default=False)] = None,
    since: Annotated[str | None, since_option("The start of the period instead of now")] = None,
    until: Annotated[
        str | None,
        typer.Option(
            help="The end of the period, such as +8h or tomorrow; same formats as --since.", show_default=False
        ),
    ] = None,
    account: AccountName = None,
    as_json: AsJson = False,
) -> None:
    """Show who is on call, now or during a period."""
    now = datetime.now(UTC)
    begin, end = time_of(since, now), time_of(until, now)
    if begin and end and begin >= end:
        raise ConfigurationError("--since is not before --until: swap them")

    async def work(desk: Desk) -> list[OnCall]:
        policies = await _policies(desk, team, service, policy)
        if policies == []:
            return []
        found = await _on_calls(
            desk,
            policies,
            schedule_ids=await ids_of(desk, SCHEDULE, schedule),
            user_ids=await ids_of(desk, USER, user),
            since=begin,
            until=end,
        )
        return sorted(
            (each for each in found if level in (None, each.escalation_level)),
            key=lambda each: (each.escalation_policy.summary, each.escalation_level, each.start or now),
        )

    found = at_desk(work, account=account)

    def render() -> RenderableType:
        rows = [
            (
                escape(each.escalation_policy.summary),
                str(each.escalation_level),
                f"[bold]{escape(each.user.name or each.user.summary)}[/]",
                escape(each.user.email),
                escape(each.schedule.summary) if each.schedule else "[dim]always[/]",
                clock(each.start),
                clock(each.end),
            )
            for each in found
        ]
        headers = ("Escalation policy", "Level", "On call", "E-mail", "Schedule", "From", "To")
        return table(headers, rows, empty="nobody is on call there")

    show(as_json, {"oncalls": found}, render)


async def _policies(
    desk: Desk, teams: Sequence[str] | None, services: Sequence[str] | None, policies: Sequence[str] | None
) -> list[str] | None:
    """The escalation policies of teams and services, and those that are named; None if none of these is given."""
    import resolute_pagerduty as pagerduty

    if not (teams or services or policies):
        return None
    found = dict.fromkeys(await ids_of(desk, ESCALATION_POLICY, policies) or ())
    if team_ids := await ids_of(desk, TEAM, teams):
        of_teams = await desk.run(pagerduty.all_escalation_policies(team_ids=team_ids))
        found |= dict.fromkeys(each.id for each in of_teams.escalation_policies)
    for id in await ids_of(desk, SERVICE, services) or ():  # noqa: A001  # PagerDuty's word
        service = await desk.run(pagerduty.get_service(id=id))
        found[service.service.escalation_policy.id] = None
    return list(found)


async def _on_calls(desk: Desk, policies: Sequence[str] | None, **query: Any) -> list[OnCall]:
    import resolute_pagerduty as pagerduty

    parts = [None] if policies is None else _parts(policies)
    found: list[OnCall] = []
    for ids in parts:
        answer = await desk.run(pagerduty.get_on_calls(escalation_policy_ids=ids, include=["users"], **query))
        found += answer.oncalls
    return found


def _parts(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[start : start + _IDS_PER_REQUEST] for start in range(0, len(ids), _IDS_PER_REQUEST)]


def schedules(
    query: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="Only schedules whose name contains this.", show_default=False),
    ] = None,
    team: Teams = None,
    account: AccountName = None,
    as_json: AsJson = False,
) -> None:
    """List schedules and who is on call now."""

    async def work(desk: Desk) -> tuple[tuple[Schedule, ...], list[OnCall]]:
        import resolute_pagerduty as pagerduty

        found = await desk.run(pagerduty.all_schedules(query=query, team_ids=await ids_of(desk, TEAM, team)))
        answers = await asyncio.gather(
            *(
                desk.run(pagerduty.get_on_calls(schedule_ids=ids))
                for ids in _parts([each.id for each in found.schedules])
            )
        )
        return found.schedules, [each for answer in answers for each in answer.oncalls]

    found, on_calls = at_desk(work, account=account)
    now: dict[str, dict[str, None]] = {}
    for each in on_calls:
        if each.schedule:
            now.setdefault(each.schedule.id, {})[each.user.name or each.user.summary] = None

    def render() -> RenderableType:
        rows = [
            (
                escape(each.name or each.summary),
                f"[bold]{escape(', '.join(now.get(each.id, {})))}[/]",
                names_cell(each.users),
                names_cell(each.teams),
                escape(each.time_zone),
                escape(each.id),
            )
            for each in found
        ]
        headers = ("Schedule", "On call now", "Takes turns", "Teams", "Time zone", "Id")
        return table(headers, rows, empty="no schedule fits" if query or team else "there is no schedule")

    show(as_json, {"schedules": found, "on_call_now": {key: list(names) for key, names in now.items()}}, render)
