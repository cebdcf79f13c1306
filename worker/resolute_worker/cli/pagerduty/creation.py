"""The command that opens an incident without an alert, for problems that people notice before a monitor does."""

from __future__ import annotations

import secrets
from typing import Annotated, Any

import typer
from rich.markup import escape

from resolute.plan.errors import ConfigurationError, NodeError
from resolute_worker.cli.output import AsJson, show
from resolute_worker.cli.pagerduty.desk import AccountName, Desk, at_desk
from resolute_worker.cli.pagerduty.names import ESCALATION_POLICY, PRIORITY, SERVICE, USER, Kind, one
from resolute_worker.cli.pagerduty.options import Urgency, status_cell, title_of


def create(
    title: Annotated[str, typer.Argument(help="What is wrong, in one line.")],
    service: Annotated[str, typer.Option(help="The affected service.")],
    description: Annotated[str | None, typer.Option(help="The details, as text.", show_default=False)] = None,
    urgency: Annotated[
        Urgency | None,
        typer.Option(help="The urgency; default: as the service is configured.", show_default=False),
    ] = None,
    priority: Annotated[
        str | None, typer.Option(help="A priority of the account, such as P1.", show_default=False)
    ] = None,
    policy: Annotated[
        str | None,
        typer.Option(help="Use this escalation policy instead of the service's.", show_default=False),
    ] = None,
    assignee: Annotated[
        str | None,
        typer.Option(help="Assign the incident to this user, by name or email address.", show_default=False),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            help="A key that identifies the incident, so that repeating the command does not open it twice.",
            show_default=False,
        ),
    ] = None,
    account: AccountName = None,
    as_json: AsJson = False,
) -> None:
    """Open an incident without an alert. The people on call for the service are notified."""
    if not title.strip():
        raise ConfigurationError("the title is empty")
    if policy and assignee:
        raise ConfigurationError("--policy and --assignee exclude each other: choose who is notified")
    name = key or f"resolute-{secrets.token_hex(16)}"

    async def work(desk: Desk) -> Any:
        import resolute_pagerduty as pagerduty

        return await desk.run(
            pagerduty.create_incident(
                title=title,
                service_id=(await one(desk, SERVICE, service)).id,
                description=description,
                urgency=urgency.value if urgency else None,
                priority_id=await _id(desk, PRIORITY, priority),
                escalation_policy_id=await _id(desk, ESCALATION_POLICY, policy),
                assignee_id=await _id(desk, USER, assignee),
                incident_key=name,
            )
        )

    try:
        made = at_desk(work, account=account)
    except NodeError as error:
        raise NodeError(f"{error}; to try again without a second incident: --key {name}") from None
    opened = made.incident
    what = "opened" if made.created else "already open"
    show(
        as_json,
        made,
        lambda: (
            f"{what}: [bold]{escape(title_of(opened))}[/]  {status_cell(opened.status)}  {escape(opened.id)}"
            f"  {escape(opened.html_url or '')}"
        ),
    )


async def _id(desk: Desk, kind: Kind, text: str | None) -> str | None:
    return (await one(desk, kind, text)).id if text else None
