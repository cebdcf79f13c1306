"""Flows as data: writing one to the output, and the commands import and schema."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from resolute.plan.errors import ConfigurationError
from resolute_worker.cli.loading import flow_named
from resolute_worker.cli.saying import say


def write_flow(name: str, paths: Sequence[Path] | None, *, as_json: bool) -> None:
    """Writes a flow as data to the output.

    Raises:
        UnknownFlowError: there is none of that name.
    """
    from resolute.writing.data import flow_as_data
    from resolute.writing.documents import write_document

    found = flow_named(name, paths)
    typer.echo(json.dumps(flow_as_data(found), indent=2) if as_json else write_document(found), nl=as_json)


def import_(
    file: Annotated[Path, typer.Argument(help="A flow as YAML or JSON; - reads it from the input.", allow_dash=True)],
    to: Annotated[Path, typer.Option(help="The folder to write NAME.flow.yaml to.")] = Path("flows"),
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Check a flow that is data and keep it with the other flows."""
    from resolute.writing.documents import read_document, write_document
    from resolute_worker.discovery import discover
    from resolute_worker.documents import flow_of
    from resolute_worker.nodes import nodes_in

    if str(file) != "-" and not file.is_file():
        raise ConfigurationError(f"{file} is not a file: give a flow as YAML or JSON, or - to read it from the input")
    text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    beside = discover([to]).modules if to.is_dir() else ()
    own = {node.name: node for module in beside for node in nodes_in(module)}
    flow = flow_of(read_document(text, str(file)), str(file), own)
    target = to / f"{flow.name}.flow.yaml"
    if target.exists() and not force:
        raise ConfigurationError(f"{target} exists: give --force to replace it, or --to for another folder")
    to.mkdir(parents=True, exist_ok=True)
    target.write_text(write_document(flow), encoding="utf-8")
    say(f"wrote {target}")


def schema(
    write: Annotated[
        Path | None, typer.Option(help="The folder to write flow.schema.json to, where editors find it.")
    ] = None,
) -> None:
    """Print the JSON Schema of flows as data, for editors and programs."""
    from resolute.writing.documents import SCHEMA
    from resolute.writing.schema import flow_schema

    text = json.dumps(flow_schema(), indent=2) + "\n"
    if write is None:
        typer.echo(text, nl=False)
        return
    write.mkdir(parents=True, exist_ok=True)
    (write / SCHEMA).write_text(text, encoding="utf-8")
    say(f"wrote {write / SCHEMA}")
