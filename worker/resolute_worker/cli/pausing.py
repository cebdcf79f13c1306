"""Commands that pause runs, flows or everything, and let them go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from resolute.plan.errors import ConfigurationError
from resolute_worker.cli.asking import By, Yes, confirmed, who
from resolute_worker.cli.loading import with_temporal
from resolute_worker.cli.output import AsJson, show
from resolute_worker.settings import load_settings

if TYPE_CHECKING:
    from temporalio.client import Client

Name = Annotated[
    str | None,
    typer.Argument(help="The id of a run or its beginning, or the name of a flow.", show_default=False),
]
All = Annotated[bool, typer.Option("--all", help="Every run of every flow.")]
IsFlow = Annotated[bool, typer.Option("--flow", help="The name is a flow's, even if it has never run.")]
Reason = Annotated[str, typer.Option(help="Why; it is shown with every run that waits.")]


def pause(
    name: Name = None,
    everything: All = False,
    is_flow: IsFlow = False,
    by: By = None,
    reason: Reason = "",
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Pause a run, a flow or everything: nothing new is begun, what is at work ends, and gates are still decided.

    A paused flow takes starts all the same: their runs wait. A cancel lifts the pause of a run, which then undoes its
    work.
    """
    _check(name, everything)
    if everything and not yes and not confirmed("Pause every run of every flow?"):
        raise typer.Exit(1)
    person = who(by)

    async def work(client: Client) -> dict[str, Any]:
        from resolute.temporal.client.pauses import Named, named, pause_run
        from resolute_worker.keys import keys_for_client
        from resolute_worker.switching import pause_flow

        keys = await keys_for_client(client, load_settings())
        found = Named(flow=name or "") if everything or is_flow else await named(client, name or "")
        if found.run is not None:
            taken = await pause_run(client, found.run, by=person, reason=reason, keys=keys)
            return {"run": found.run.workflow_id, "paused": True, "taken": taken}

        await pause_flow(client, keys, found.flow, by=person, reason=reason)
        return {"flow": found.flow or None, "all": everything, "paused": True}

    _tell(with_temporal(work), as_json)


def resume(
    name: Name = None,
    everything: All = False,
    is_flow: IsFlow = False,
    by: By = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Let a paused run, a paused flow or everything go on."""
    _check(name, everything)
    if everything and not yes and not confirmed("Let everything go on?"):
        raise typer.Exit(1)
    person = who(by)

    async def work(client: Client) -> dict[str, Any]:
        from resolute.temporal.client.pauses import Named, named, resume_run
        from resolute.temporal.wire.switches import read_switches
        from resolute_worker.keys import keys_for_client
        from resolute_worker.switching import resume_flow

        keys = await keys_for_client(client, load_settings())
        paused = (await read_switches(client, keys)).switches
        by_name = everything or is_flow or name in paused.flows
        found = Named(flow=name or "") if by_name else await named(client, name or "")
        if found.run is not None:
            taken = await resume_run(client, found.run, by=person, keys=keys)
            return {"run": found.run.workflow_id, "paused": False, "taken": taken}

        woken = await resume_flow(client, keys, found.flow)
        return {"flow": found.flow or None, "all": everything, "paused": False, "woken": woken}

    _tell(with_temporal(work), as_json)


def _check(name: str | None, everything: bool) -> None:
    if (name is None) != everything:
        raise ConfigurationError("give the id of a run, the name of a flow, or --all")


def _tell(told: dict[str, Any], as_json: bool) -> None:
    def text() -> str:
        if "run" in told:
            word = "is paused" if told["paused"] else "goes on"
            late = "" if told["taken"] else ", as soon as a worker takes that: none has within 10 s (resolute worker)"
            return escape(f"{told['run']} {word}{late}: resolute show {told['run']}")
        what = told["flow"] or "everything"
        if not told["paused"]:
            return escape(f"{what} goes on; {told['woken']} runs that waited are told")
        back = told["flow"] or "--all"
        return escape(f"{what} is paused, on every worker within two seconds: resolute resume {back}")

    show(as_json, told, text)
