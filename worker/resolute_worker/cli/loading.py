"""What commands share: settings, flows from files, and a connection to Temporal."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

import typer

from resolute.plan.errors import ConfigurationError, TemporalUnreachableError, UnknownFlowError
from resolute.plan.shapes import did_you_mean
from resolute.writing.data import SUFFIXES
from resolute.writing.flow import Flow
from resolute_worker.cli.saying import say
from resolute_worker.discovery import Discovery, discover
from resolute_worker.settings import load_settings

if TYPE_CHECKING:
    from temporalio.client import Client

T = TypeVar("T")

Paths = Annotated[
    list[Path] | None,
    typer.Argument(help="Files or folders with flows; default: flows/.", show_default=False),
]

_STORED_ELSEWHERE: Final = "[TMPRL1105]"
"""How the SDK says that it has no store for a value that is stored outside of Temporal."""

_PATIENCE: Final = 15.0


def paths_or_default(paths: Sequence[Path] | None) -> list[Path]:
    """The given paths, or those of the settings.

    Raises:
        ConfigurationError: a path does not exist.
    """
    return list(paths or load_settings().flows)


def loaded(paths: Sequence[Path] | None) -> Discovery:
    """The valid flows; mistakes are reported and end the command with code 1.

    Raises:
        ConfigurationError: there is no flow in the paths.
    """
    given = paths_or_default(paths)
    found = discover(given)
    if found.mistakes:
        tell_mistakes(found)
        raise typer.Exit(1)
    if not found.flows:
        names = ", ".join(map(str, given))
        raise ConfigurationError(f"no flow in {names}: a flow is the result of .build(), at the top level of a file")
    return found


def tell_mistakes(found: Discovery) -> None:
    """Reports every mistake with its place."""
    for mistake in found.mistakes:
        say(f"{mistake.place}: {mistake.message}")


def flow_named(name: str, paths: Sequence[Path] | None) -> Flow:
    """A flow by its name, or the only flow of the given file.

    Raises:
        UnknownFlowError: there is none.
    """
    if name.endswith((".py", *SUFFIXES)) and not paths:
        found = loaded([Path(name)])
        if len(found.flows) == 1:
            return found.flows[0].flow
        raise UnknownFlowError(f"{name} has {len(found.flows)} flows: give the name of one of them, then the file")
    found = loaded(paths)
    flow = found.flow(name)
    if flow is None:
        hint = did_you_mean(name, [each.flow.name for each in found.flows])
        raise UnknownFlowError(f"there is no flow {name!r} ({hint})")
    return flow


def with_temporal(work: Callable[[Client], Awaitable[T]], *, address: str | None = None) -> T:
    """Does something with a connection to Temporal: at `address`, or where Temporal's own configuration says.

    Raises:
        TemporalUnreachableError: no server answers.
        ConfigurationError: Temporal refuses the request.
    """
    from temporalio.service import RPCError

    from resolute.temporal.client.client import is_unreachable, unreachable
    from resolute.temporal.values.converting import NO_STORE
    from resolute_worker.connection import checked_client

    async def connected() -> T:
        try:
            async with asyncio.timeout(_PATIENCE):
                client = await checked_client(load_settings(), address)
        except TimeoutError:
            raise TemporalUnreachableError(
                f"Temporal does not answer within {_PATIENCE:g} s: check TEMPORAL_ADDRESS and the TLS settings"
            ) from None
        try:
            return await work(client)
        except RPCError as error:
            if is_unreachable(error):
                raise unreachable(client.service_client.config.target_host, error) from None
            raise ConfigurationError(f"Temporal refuses: {error.message}") from None
        except RuntimeError as error:
            if _STORED_ELSEWHERE not in str(error):
                raise
            raise ConfigurationError(NO_STORE) from None

    return asyncio.run(connected())
