"""Commands about deployed heartbeats."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType
from rich.markup import escape

from resolute.plan.errors import ConfigurationError
from resolute_worker.cli.asking import Yes, confirmed
from resolute_worker.cli.loading import with_temporal
from resolute_worker.cli.output import AsJson, clock, show, table
from resolute_worker.cli.saying import say
from resolute_worker.settings import load_settings

if TYPE_CHECKING:
    from temporalio.client import Client

    from resolute.temporal.client.beating import KeptHeartbeat

app = typer.Typer(help="List and delete the heartbeats that flows wait for.", rich_markup_mode=None)

FlowName = Annotated[str, typer.Argument(help="The name of a flow with a heartbeat.")]
Path = Annotated[str, typer.Argument(help="The heartbeat's path, where the flow has several.", show_default=False)]


@app.callback(invoke_without_command=True)
def beats(context: typer.Context, as_json: AsJson = False) -> None:
    """List the heartbeats in Temporal: when each was heard last, and when its next beat is due."""
    if context.invoked_subcommand is not None:
        return

    async def work(client: Client) -> list[KeptHeartbeat]:
        from resolute.temporal.client.beating import list_heartbeats

        return await list_heartbeats(client)

    found = with_temporal(work)

    def render() -> RenderableType:
        rows = [
            (
                escape(each.flow),
                escape(each.path),
                _state(each),
                clock(each.last_beat) or "never",
                clock(each.due) or "not before the first beat",
                _length(each.terms.every) if each.terms else "",
                _length(each.terms.grace) if each.terms else "",
            )
            for each in found
        ]
        headers = ("Flow", "Path", "State", "Last beat", "Next due", "Every", "Grace")
        return table(headers, rows, empty="no heartbeat")

    show(as_json, [asdict(each) for each in found], render)


_COLOURS = {"up": "green", "late": "yellow", "missing": "red"}


def _state(each: KeptHeartbeat) -> str:
    said = f"missing ({each.missed} missed)" if each.state == "missing" else each.state
    return f"[{_COLOURS.get(each.state, 'default')}]{said}[/]"


def _length(seconds: float) -> str:
    return str(timedelta(seconds=seconds))


@app.command()
def delete(flow: FlowName, path: Path = "", yes: Yes = False) -> None:
    """Delete a heartbeat and its last beat. A worker that has the flow deploys it again when it starts."""

    async def look(client: Client) -> KeptHeartbeat:
        from resolute.temporal.client.beating import heartbeat_named

        return await heartbeat_named(client, flow, path)

    found = with_temporal(look)
    say(f"{found.flow} {found.path}: {found.state}, last beat {clock(found.last_beat) or 'never'}")
    if not yes and not confirmed(f"Delete the heartbeat {found.path} of {found.flow}?"):
        say("nothing was deleted")
        raise typer.Exit(1)

    async def work(client: Client) -> None:
        from temporalio.service import RPCError, RPCStatusCode

        from resolute.temporal.client.beating import remove_heartbeat
        from resolute_worker.keys import keys_for_client

        try:
            keys = await keys_for_client(client, load_settings())
            await remove_heartbeat(client, found, keys=keys, patience=timedelta(seconds=10))
        except RPCError as error:
            if error.status != RPCStatusCode.DEADLINE_EXCEEDED:
                raise
            message = f"no worker of task queue {found.task_queue!r} has answered: start one"
            raise ConfigurationError(message) from None

    with_temporal(work)
    say(f"{found.flow} no longer waits for {found.path}")
