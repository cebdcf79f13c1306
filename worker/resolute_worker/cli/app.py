"""The command line: its commands, how mistakes are reported, and exit codes.

Codes: 0 success; 1 a flow has mistakes, or a run failed; 2 the environment or the command's arguments are wrong.
"""

from __future__ import annotations

import gc
import logging
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated, Final, NoReturn

import typer

from resolute.plan.errors import ConfigurationError, ResoluteError
from resolute_worker.cli.commands import Commands
from resolute_worker.cli.saying import say
from resolute_worker.streams import open_missing_streams

FLOW_MISTAKE: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = 130

app = typer.Typer(
    name="resolute",
    cls=Commands,
    help="Durable automation for on-call teams.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _tell_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"resolute {version('resolute')}")
        raise typer.Exit


@app.callback()
def resolute(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Durable automation for on-call teams."""


def run(arguments: Sequence[str]) -> int:
    """Runs one command and returns its exit code."""
    try:
        app(args=list(arguments))
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(bool(end.code))
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of the output has closed it. Python would complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except ResoluteError as error:
        say(f"resolute: {error}")
        return USAGE if isinstance(error, ConfigurationError) else FLOW_MISTAKE
    return 0


def main() -> NoReturn:
    """The entry point of `resolute`."""
    open_missing_streams()
    code = run(sys.argv[1:])
    logging.shutdown()
    if "temporalio" in sys.modules:
        # Threads of the Temporal SDK may crash the interpreter at shutdown, which would change the exit code.
        gc.collect()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
