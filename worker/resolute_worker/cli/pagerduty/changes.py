"""Commands that change something: trigger, ack, resolve, note. Each is safe to repeat."""

from __future__ import annotations

import platform
import secrets
import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import RenderableType
from rich.markup import escape

from resolute.plan.errors import ConfigurationError, NodeError
from resolute_worker.cli.output import AsJson, show, table
from resolute_worker.cli.pagerduty.desk import AccountName, Desk, at_desk
from resolute_worker.cli.pagerduty.names import incident_id
from resolute_worker.cli.pagerduty.options import IncidentName, RoutingKey, details_of, key_of, status_cell

if TYPE_CHECKING:
    from resolute_pagerduty.models.incidents import Incident

Incidents = Annotated[
    list[str] | None,
    typer.Argument(metavar="INCIDENT...", help="Incident numbers, with or without #, or ids.", show_default=False),
]
DedupKey = Annotated[
    str | None,
    typer.Option(help="Instead of incidents: the dedup key of the alert.", show_default=False),
]


class Severity(StrEnum):
    """The severity of the problem."""

    critical = "critical"
    error = "error"
    warning = "warning"
    info = "info"


def trigger(
    summary: Annotated[str, typer.Argument(help="What is wrong, in one line.")],
    source: Annotated[
        str | None, typer.Option(help="The affected system; default: the name of this machine.", show_default=False)
    ] = None,
    severity: Annotated[Severity, typer.Option(help="The severity of the problem.")] = Severity.critical,
    dedup_key: Annotated[
        str | None,
        typer.Option(help="The key that all events of this alert share; a new key if not given.", show_default=False),
    ] = None,
    component: Annotated[str | None, typer.Option(help="The component that is failing.", show_default=False)] = None,
    group: Annotated[
        str | None, typer.Option(help="The group that the component belongs to.", show_default=False)
    ] = None,
    kind: Annotated[str | None, typer.Option("--class", help="The kind of problem.", show_default=False)] = None,
    details: Annotated[str | None, typer.Option(help="Further details, as a JSON object.", show_default=False)] = None,
    routing_key: RoutingKey = None,
    account: AccountName = None,
    as_json: AsJson = False,
) -> None:
    """Trigger an alert. Whoever is on call for the service is notified."""
    more = details_of(details)
    key = dedup_key or f"resolute-{secrets.token_hex(16)}"

    async def work(desk: Desk) -> Any:
        import resolute_pagerduty as pagerduty

        return await desk.run(
            pagerduty.trigger_event(
                summary=summary,
                source=source or platform.node() or "terminal",
                severity=severity.value,
                dedup_key=key,
                component=component,
                group=group,
                class_=kind,
                custom_details=more,
                routing_key=key_of(routing_key),
                client="resolute",
            )
        )

    try:
        sent = at_desk(work, account=account)
    except NodeError as error:
        raise NodeError(f"{error}; to try again without a second alert: --dedup-key {key}") from None
    show(as_json, sent, lambda: f"triggered: [bold]{escape(sent.dedup_key)}[/]")


def ack(
    incident: Incidents = None,
    dedup_key: DedupKey = None,
    routing_key: RoutingKey = None,
    account: AccountName = None,
    as_json: AsJson = False,
) -> None:
    """Acknowledge incidents, so that nobody else is notified. Resolved incidents stay resolved."""
    _change("acknowledged", incident, dedup_key, routing_key, None, account, as_json)


def resolve(
    incident: Incidents = None,
    note: Annotated[
        str | None, typer.Option(help="A note on how the incident was resolved.", show_default=False)
    ] = None,
    dedup_key: DedupKey = None,
    routing_key: RoutingKey = None,
    account: AccountName = None,
    as_json: AsJson = False,
) -> None:
    """Resolve incidents."""
    _change("resolved", incident, dedup_key, routing_key, note, account, as_json)


def _change(
    status: str,
    incidents: Sequence[str] | None,
    dedup_key: str | None,
    routing_key: str | None,
    resolution: str | None,
    account: str | None,
    as_json: bool,
) -> None:
    if bool(incidents) == bool(dedup_key):
        raise ConfigurationError("name one or more incidents, or give --dedup-key")
    if dedup_key:
        if resolution:
            raise ConfigurationError("--note needs an incident: an event only says that the alert is over")
        _send_event(status, dedup_key, routing_key, account, as_json)
        return
    if routing_key:
        raise ConfigurationError("--routing-key-env needs --dedup-key")
    ids = [incident_id(each) for each in incidents or ()]

    async def work(desk: Desk) -> list[tuple[Incident, bool]]:
        return await _update(desk, ids, status, resolution)

    done = at_desk(work, account=account)

    def render() -> RenderableType:
        rows = [
            (
                f"#{each.incident_number}",
                status_cell(each.status),
                "" if changed else "[dim]as it was[/]",
                escape(each.title),
            )
            for each, changed in done
        ]
        return table(("#", "Status", "", "Title"), rows, empty="")

    show(as_json, [{"incident": each, "changed": changed} for each, changed in done], render)


async def _update(
    desk: Desk, ids: Sequence[str | int], status: str, resolution: str | None
) -> list[tuple[Incident, bool]]:
    """Sets the status of one incident, or of several in one request that succeeds as a whole or not at all."""
    import resolute_pagerduty as pagerduty

    change: dict[str, Any] = {"status": status, "resolution": resolution}
    if len(ids) == 1:
        one = await desk.run(pagerduty.update_incident(id=ids[0], **change))
        return [(one.incident, one.changed)]
    found = [(await desk.run(pagerduty.get_incident(id=each))).incident for each in ids]
    known = list(dict.fromkeys(each.id for each in found))
    done = await desk.run(pagerduty.update_incidents(ids=known, **change))
    now = [(await desk.run(pagerduty.get_incident(id=each))).incident for each in known]
    return [(each, each.id in done.changed) for each in now]


def _send_event(status: str, dedup_key: str, routing_key: str | None, account: str | None, as_json: bool) -> None:
    async def work(desk: Desk) -> Any:
        import resolute_pagerduty as pagerduty

        send = pagerduty.acknowledge_event if status == "acknowledged" else pagerduty.resolve_event
        return await desk.run(send(dedup_key=dedup_key, routing_key=key_of(routing_key)))

    sent = at_desk(work, account=account)
    show(as_json, sent, lambda: f"sent: {escape(dedup_key)} is to be {status}, if an alert with it is open")


def note(
    incident: IncidentName,
    content: Annotated[str, typer.Argument(help="The text of the note; - reads it from stdin.")],
    key: Annotated[
        str | None,
        typer.Option(
            help="A key that identifies the note, so that repeating the command does not add it twice.",
            show_default=False,
        ),
    ] = None,
    account: AccountName = None,
    as_json: AsJson = False,
) -> None:
    """Add a note to an incident, once."""
    id, text = incident_id(incident), (sys.stdin.read() if content == "-" else content).strip()  # noqa: A001  # its word
    if not text:
        raise ConfigurationError("the note is empty")
    name = key or secrets.token_hex(8)

    async def work(desk: Desk) -> Any:
        import resolute_pagerduty as pagerduty

        return await desk.run(pagerduty.add_note(incident_id=id, content=text))

    try:
        added = at_desk(work, account=account, key=name)
    except NodeError as error:
        raise NodeError(f"{error}; to try again without a second note: --key {name}") from None
    show(as_json, added, lambda: f"noted: {escape(added.note_id)}")
