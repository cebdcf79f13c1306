"""Questions before something is changed permanently: asked on a terminal, answered with --yes elsewhere."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from resolute.plan.errors import ConfigurationError

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]


def confirmed(question: str) -> bool:
    """Whether the user says yes; an empty line means no.

    Raises:
        ConfigurationError: there is no terminal to ask on.
    """
    if not sys.stdin.isatty():
        raise ConfigurationError(f"{question} There is no terminal for the question: add --yes")
    return typer.confirm(question, err=True)
