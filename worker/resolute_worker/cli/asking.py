"""What commands ask their user: a confirmation, a value as JSON, and who it is."""

from __future__ import annotations

import getpass
import json
import sys
from pathlib import Path
from typing import Annotated, cast

import typer

from resolute.plan.errors import ConfigurationError, InvalidInputError
from resolute.plan.values import Json

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]

By = Annotated[str | None, typer.Option(help="Who decides this; without it, the user of this machine.")]


def given_json(given: str | None, what: str) -> Json:
    """A value as JSON: the text itself, @FILE, or - for stdin; null where none is given.

    Raises:
        InvalidInputError: it is not JSON, or its file cannot be read.
    """
    if given is None:
        return None
    try:
        raw = sys.stdin.read() if given == "-" else Path(given[1:]).read_text() if given.startswith("@") else given
    except OSError as error:
        raise InvalidInputError(f"the {what} cannot be read: {error.strerror}: {given[1:]}") from None
    try:
        return cast("Json", json.loads(raw))
    except ValueError as error:
        raise InvalidInputError(f'the {what} is not JSON ({error}): write it like \'{{"name": "value"}}\'') from None


def who(by: str | None) -> str:
    """Who decides something: as given, else the user of this machine."""
    return by or user() or "somebody"  # a container's user may have no name


def confirmed(question: str) -> bool:
    """Whether the user says yes; an empty line means no.

    Raises:
        ConfigurationError: there is no terminal to ask on.
    """
    if not sys.stdin.isatty():
        raise ConfigurationError(f"{question} There is no terminal for the question: add --yes")
    return typer.confirm(question, err=True)


def user() -> str:
    """The user of this machine; empty where nobody knows."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""
