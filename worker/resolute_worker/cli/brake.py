"""Commands about the brake: one switch that stops every write of every flow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer
from rich.console import RenderableType
from rich.markup import escape

from resolute.running.switches import Switches
from resolute_worker.cli.asking import By, who
from resolute_worker.cli.loading import with_temporal
from resolute_worker.cli.output import AsJson, show, table
from resolute_worker.cli.pausing import Reason
from resolute_worker.settings import load_settings

if TYPE_CHECKING:
    from temporalio.client import Client

app = typer.Typer(help="Stop every write of every flow at once, and release them.", rich_markup_mode=None)


@app.command()
def on(by: By = None, reason: Reason = "", as_json: AsJson = False) -> None:
    """Put the brake on: every call of a node that writes waits, of every flow; reads go on. No run fails by it."""
    person = who(by)

    async def work(client: Client) -> dict[str, Any]:
        from resolute_worker.keys import keys_for_client
        from resolute_worker.switching import put_brake_on

        keys = await keys_for_client(client, load_settings())
        changed = await put_brake_on(client, keys, by=person, reason=reason)
        return {"brake": changed.brake}

    show(
        as_json,
        with_temporal(work),
        lambda: "the brake is on: on every worker, no write is begun from within two seconds on; resolute brake off",
    )


@app.command()
def off(as_json: AsJson = False) -> None:
    """Release the brake: the writes that wait are made."""

    async def work(client: Client) -> dict[str, Any]:
        from resolute_worker.keys import keys_for_client
        from resolute_worker.switching import release_brake

        return {"brake": None, "woken": await release_brake(client, await keys_for_client(client, load_settings()))}

    told = with_temporal(work)
    show(as_json, told, lambda: f"the brake is off; {told['woken']} runs that waited are told")


@app.command()
def status(as_json: AsJson = False) -> None:
    """Show the brake and every pause of a flow, who has thrown it and why, and how many runs wait."""

    async def work(client: Client) -> tuple[Switches, bool, int]:
        from resolute.temporal.client.standing import standing_runs
        from resolute.temporal.wire.switches import read_switches
        from resolute_worker.keys import keys_for_client

        found = await read_switches(client, await keys_for_client(client, load_settings()))
        waiting = [run for run in await standing_runs(client) if run.paused or run.stopped]
        return found.switches, found.believed, len(waiting)

    switches, believed, waiting = with_temporal(work)

    def render() -> RenderableType:
        on = [("brake", switches.brake), ("everything is paused", switches.everything)]
        on += [(f"{flow} is paused", each) for flow, each in switches.flows.items()]
        rows = [(escape(what), escape(each.by), each.since, escape(each.reason)) for what, each in on if each]
        if not believed:
            rows.append(("[red]not sealed with this key[/]", "", "", "workers with another key do not believe it"))
        rows += [(f"{waiting} runs wait", "", "", "")] if waiting else []
        return table(("Switch", "By", "Since", "Reason"), rows, empty="the brake is off, and no flow is paused")

    value = {"brake": switches.brake, "everything": switches.everything, "flows": switches.flows}
    show(as_json, {**value, "believed": believed, "waiting": waiting}, render)
