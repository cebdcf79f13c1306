"""Commands about mutes: nobody is called for a flow or an alarm until a time; its checks go on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich.console import RenderableType
from rich.markup import escape

from resolute.plan.errors import ConfigurationError, UnknownFlowError
from resolute.plan.shapes import did_you_mean
from resolute_worker.cli.asking import By, who
from resolute_worker.cli.lengths import length
from resolute_worker.cli.loading import with_temporal
from resolute_worker.cli.output import AsJson, show, table
from resolute_worker.discovery import discover
from resolute_worker.settings import load_settings

if TYPE_CHECKING:
    from temporalio.client import Client

    from resolute.plan.values import JsonObject
    from resolute.temporal.client.mutes import Muting

T = TypeVar("T")

Name = Annotated[str, typer.Argument(help="A flow, an alarm by its name, or FLOW/ALARM.")]


def mute(
    name: Name,
    duration: Annotated[str, typer.Option("--for", help="For how long: 30m, 2h, 3d; up to 30 days.")],
    reason: Annotated[str, typer.Option(help="Why, for those who look at it later.")],
    by: By = None,
    anyway: Annotated[bool, typer.Option("--anyway", help="Also where no flow and no alarm has the name yet.")] = False,
    as_json: AsJson = False,
) -> None:
    """Mute a flow or an alarm: it is checked as before, and opens no incident until the time is up."""
    until = length(duration, "--for")

    async def ask(muting: Muting) -> JsonObject:
        if not anyway:
            await _check_name(muting, name)
        return await muting.mute(name, until, reason=reason, by=who(by))

    made = _with_muting(ask)
    show(as_json, dict(made), lambda: escape(f"{name} is muted until {made['until']}: resolute unmute {name}"))


def unmute(name: Name, as_json: AsJson = False) -> None:
    """End a mute before its time."""
    ended = _with_muting(lambda muting: muting.unmute(name))
    if ended is None:
        raise ConfigurationError(f"{name!r} is not muted: resolute mutes lists what is")
    show(as_json, dict(ended), lambda: escape(f"{name} is no longer muted"))


def mutes(as_json: AsJson = False) -> None:
    """List what is muted, until when, by whom and why."""
    found = _with_muting(lambda muting: muting.mutes())

    def render() -> RenderableType:
        fields = ("name", "until", "by", "reason")
        rows = [tuple(escape(str(each[name])) for name in fields) for each in found]
        return table(("Name", "Until", "By", "Reason"), rows, empty="nothing is muted")

    show(as_json, [dict(each) for each in found], render)


async def _check_name(muting: Muting, name: str) -> None:
    """Refuses a name that mutes nothing: neither Temporal nor the files here have such a flow or alarm."""
    from resolute.temporal.client.names import known_names, names_in

    known = await known_names(muting.client, muting.task_queue)
    if name in known:
        return
    with suppress(ConfigurationError):  # there need not be any files here
        known += [each for found in discover(load_settings().flows).flows for each in names_in(found.flow.plan)]
    if name not in known:
        hint = f" ({hint})" if (hint := did_you_mean(name, known)) else ""
        raise UnknownFlowError(
            f"no flow and no alarm of task queue {muting.task_queue!r} is called {name!r}{hint}: "
            "nothing was muted; --anyway mutes what has not run yet"
        )


def _with_muting(ask: Callable[[Muting], Awaitable[T]]) -> T:
    async def work(client: Client) -> T:
        from temporalio.service import RPCError, RPCStatusCode

        from resolute.temporal.client.mutes import Muting
        from resolute_worker.keys import keys_for_client

        settings = load_settings()
        try:
            return await ask(Muting(client, settings.task_queue, await keys_for_client(client, settings)))
        except RPCError as error:
            if error.status != RPCStatusCode.DEADLINE_EXCEEDED:
                raise
            raise ConfigurationError(
                f"no worker of task queue {settings.task_queue!r} has answered: start one, or set RESOLUTE_TASK_QUEUE"
            ) from None

    return with_temporal(work)
