"""Options that several commands share, and cells of their tables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

import typer
from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from resolute.plan.errors import ConfigurationError
from resolute.plan.words import secret
from resolute_worker.cli.pagerduty.moments import EXAMPLES, moment

if TYPE_CHECKING:
    from resolute_pagerduty.models.base import Reference
    from resolute_pagerduty.models.incidents import Incident

Services = Annotated[
    list[str] | None, typer.Option("--service", help="Only for this service; can be repeated.", show_default=False)
]
Teams = Annotated[
    list[str] | None, typer.Option("--team", help="Only for this team; can be repeated.", show_default=False)
]
Users = Annotated[
    list[str] | None,
    typer.Option("--user", help="Only for this user, by name or email address; can be repeated.", show_default=False),
]
IncidentName = Annotated[str, typer.Argument(metavar="INCIDENT", help="Its number, with or without #, or its id.")]

RoutingKey = Annotated[
    str | None,
    typer.Option(
        "--routing-key-env",
        metavar="VARIABLE",
        help="The environment variable that holds the service's routing key; default PAGERDUTY_ROUTING_KEY.",
        show_default=False,
    ),
]


def since_option(text: str) -> typer.models.OptionInfo:
    """An option for the start of a period."""
    return typer.Option("--since", help=f"{text}: {EXAMPLES}.", show_default=False)


class Urgency(StrEnum):
    """The urgency of an incident."""

    high = "high"
    low = "low"


_COLOURS: Final = {
    "triggered": "red",
    "acknowledged": "yellow",
    "resolved": "green",
    "critical": "red",
    "warning": "yellow",
    "active": "green",
    "disabled": "dim",
    "maintenance": "dim",
}


def status_cell(status: str) -> str:
    """A status of PagerDuty in its colour."""
    return f"[{_COLOURS.get(status, 'default')}]{escape(status)}[/]"


def names_cell(references: tuple[Reference, ...]) -> str:
    """What references refer to, separated by commas."""
    return escape(", ".join(each.summary for each in references))


def title_of(incident: Incident) -> str:
    """An incident in one line."""
    return f"#{incident.incident_number} {incident.title}"


def time_of(text: str | None, now: datetime) -> datetime | None:
    """The time of an option; None if it was not given.

    Raises:
        ConfigurationError: it is not a time.
    """
    return None if text is None else moment(text, now)


def facts_table(facts: Mapping[str, str]) -> RenderableType:
    """Facts below each other, each with its name. Both may contain rich markup."""
    made = Table.grid(padding=(0, 2))
    for name, value in facts.items():
        made.add_row(f"[dim]{name}[/]", value)
    return made


def details_of(text: str | None) -> Mapping[str, Any] | None:
    """The details as JSON.

    Raises:
        ConfigurationError: they are not a JSON object.
    """
    if text is None:
        return None
    try:
        found: object = json.loads(text)
    except ValueError as error:
        raise ConfigurationError(f'--details is not JSON ({error}): write it like \'{{"disk": "97 %"}}\'') from None
    if not isinstance(found, dict):
        raise ConfigurationError('--details is not a JSON object: write it like \'{"disk": "97 %"}\'')
    return cast("Mapping[str, Any]", found)


def key_of(variable: str | None) -> Any:
    """The routing key as a reference: it is read where it is needed, and never shown in a message."""
    return secret(variable) if variable else None
