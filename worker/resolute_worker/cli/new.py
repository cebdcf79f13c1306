"""The command that creates a project."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from resolute.plan.errors import ConfigurationError
from resolute_worker.cli.saying import say

if TYPE_CHECKING:
    from resolute_worker.project.new import NewProject


def new(
    name: Annotated[
        str | None,
        typer.Argument(help="The name of the folder and of its flow; or `provider`.", show_default=False),
    ] = None,
    service: Annotated[
        str | None, typer.Argument(help="With `provider`: the name of its service.", show_default=False)
    ] = None,
    ready: Annotated[
        str | None, typer.Option("--from", help="Use a ready-made flow instead of the example.", show_default=False)
    ] = None,
    list_ready: Annotated[bool, typer.Option("--list", help="List the ready-made flows.")] = False,
) -> None:
    """Create a project: a folder with a flow, its test and its settings.

    `resolute new provider NAME` creates a provider for another service: a package with its own simulator and tests.
    """
    from resolute_worker.project import create, create_provider, ready_flows

    if list_ready:
        for flow in ready_flows():
            typer.echo(flow)
        return
    if name == "provider" or service is not None:
        if name != "provider" or service is None or ready is not None:
            raise ConfigurationError("give the provider the name of its service: resolute new provider opsgenie")
        _told(create_provider(service, within=Path.cwd()), "pip install --editable . && pytest")
        return
    chosen = name or ready
    if chosen is None:
        raise ConfigurationError("give the project a name, for example: resolute new alerting")
    _told(create(chosen, within=Path.cwd(), ready=ready), "resolute dev --simulator")


def _told(made: NewProject, then: str) -> None:
    """Says what was made, and what to do next."""
    for file in made.files:
        typer.echo(f"{made.folder.name}/{file}")
    if made.to_set:
        say(f"Fill in {made.folder.name}/.env: {', '.join(made.to_set)}")
    say(f"Next: cd {made.folder.name} && {then}")
