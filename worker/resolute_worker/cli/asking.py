"""Questions before something is changed for good: asked on a terminal, answered with --yes everywhere else."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from resolute.plan.errors import ConfigurationError

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]


def confirmed(question: str) -> bool:
    """Whether somebody says yes; no is the answer to an empty line.

    Raises:
        ConfigurationError: there is no terminal to ask on.
    """
    if not sys.stdin.isatty():
        raise ConfigurationError(f"{question} There is no terminal to ask on: give --yes")
    return typer.confirm(question, err=True)
