"""What commands say to people beside what they print."""

from __future__ import annotations

import typer

from resolute_worker.harmless import harmless


def say(message: str) -> None:
    """A line for a person, on stderr."""
    typer.echo(harmless(message), err=True)
