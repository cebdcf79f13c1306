"""The command that creates a project."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from resolute.plan.errors import ConfigurationError
from resolute_worker.cli.output import say


def new(
    name: Annotated[
        str | None, typer.Argument(help="The name of the folder and of its flow.", show_default=False)
    ] = None,
    ready: Annotated[
        str | None, typer.Option("--from", help="Use a ready-made flow instead of the example.", show_default=False)
    ] = None,
    list_ready: Annotated[bool, typer.Option("--list", help="List the ready-made flows.")] = False,
) -> None:
    """Create a project: a folder with a flow, its test and its settings."""
    from resolute_worker.project import create, ready_flows

    if list_ready:
        for flow in ready_flows():
            typer.echo(flow)
        return
    chosen = name or ready
    if chosen is None:
        raise ConfigurationError("give the project a name, for example: resolute new alerting")
    made = create(chosen, within=Path.cwd(), ready=ready)
    for file in made.files:
        typer.echo(f"{made.folder.name}/{file}")
    if made.to_set:
        say(f"Fill in {made.folder.name}/.env: {', '.join(made.to_set)}")
    say(f"Next: cd {made.folder.name} && resolute dev --simulator")
