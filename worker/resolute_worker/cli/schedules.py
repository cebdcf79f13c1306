"""Commands about deployed schedules."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from resolute_worker.cli.asking import Yes, confirmed
from resolute_worker.cli.loading import with_temporal
from resolute_worker.cli.output import AsJson, clock, show, table
from resolute_worker.cli.saying import say

if TYPE_CHECKING:
    from temporalio.client import Client

    from resolute.temporal.schedules.control import DeployedSchedule, ScheduledRun

app = typer.Typer(help="List, pause, resume, trigger and delete the schedules of flows.", rich_markup_mode=None)

FlowName = Annotated[str, typer.Argument(help="The name of a scheduled flow.")]
Note = Annotated[str, typer.Option(help="The reason, shown to others later.")]


@app.callback(invoke_without_command=True)
def schedules(context: typer.Context, as_json: AsJson = False) -> None:
    """List the schedules in Temporal."""
    if context.invoked_subcommand is not None:
        return

    async def work(client: Client) -> list[DeployedSchedule]:
        from resolute.temporal.schedules.control import list_schedules

        return await list_schedules(client)

    found = with_temporal(work)

    def render() -> Any:
        rows = [
            (
                escape(each.flow),
                escape(each.trigger.text if each.trigger else ""),
                "[yellow]paused[/]" if each.paused else clock(each.next_times[0] if each.next_times else None),
                clock(each.last_run.due if each.last_run else None),
                str(each.started),
                escape(_whose(each)),
                escape(each.note),
            )
            for each in found
        ]
        return table(
            ("Flow", "Times", "Next run", "Last run", "Runs", "Deployed by", "Note"), rows, empty="no schedule"
        )

    show(as_json, [_json(each) for each in found], render)


def _whose(schedule: DeployedSchedule) -> str:
    by = f"{schedule.by.host}:{schedule.by.place}, {clock(schedule.by.at)}" if schedule.by else ""
    return " ".join(filter(None, (schedule.worker_set, f"({by})" if by and schedule.worker_set else by)))


def _json(schedule: DeployedSchedule) -> dict[str, Any]:
    trigger = schedule.trigger.model_dump(mode="json") if schedule.trigger else None
    last = asdict(schedule.last_run) if schedule.last_run else None
    by = schedule.by.model_dump(mode="json") if schedule.by else None
    return {**vars(schedule), "trigger": trigger, "last_run": last, "by": by}


@app.command()
def pause(flow: FlowName, note: Note = "paused with resolute schedules pause") -> None:
    """Pause a schedule until it is resumed."""

    async def work(client: Client) -> None:
        from resolute.temporal.schedules.control import pause_schedule

        await pause_schedule(client, flow, note)

    with_temporal(work)
    say(f"{flow} is paused")


@app.command()
@app.command(name="unpause", hidden=True)  # Temporal's word for it
def resume(flow: FlowName, note: Note = "resumed with resolute schedules resume") -> None:
    """Resume a paused schedule."""

    async def work(client: Client) -> None:
        from resolute.temporal.schedules.control import unpause_schedule

        await unpause_schedule(client, flow, note)

    with_temporal(work)
    say(f"{flow} goes on")


@app.command()
def trigger(flow: FlowName, as_json: AsJson = False) -> None:
    """Start a run now, without waiting for it."""

    async def work(client: Client) -> ScheduledRun:
        from resolute.temporal.schedules.control import trigger_schedule

        return await trigger_schedule(client, flow)

    run = with_temporal(work)
    show(as_json, asdict(run), lambda: escape(run.workflow_id))


@app.command()
def delete(flow: FlowName, yes: Yes = False) -> None:
    """Delete a schedule and what previous(...) remembers. A worker that has the flow creates it again."""

    async def look(client: Client) -> DeployedSchedule:
        from resolute.temporal.schedules.control import describe_schedule

        return await describe_schedule(client, flow)

    async def work(client: Client) -> None:
        from resolute.temporal.schedules.control import delete_schedule

        await delete_schedule(client, flow)

    found = with_temporal(look)
    times = found.trigger.text if found.trigger else "not made by Resolute"
    say(f"{flow}: {times}, {found.by or 'deployed by an older version'}, {found.started} runs so far")
    say("Its memory (previous values) goes too. A worker that has the flow creates it again; to stop it, pause it.")
    if not yes and not confirmed(f"Delete the schedule of {flow}?"):
        say("nothing was deleted")
        raise typer.Exit(1)
    with_temporal(work)
    say(f"{flow} no longer has a schedule")
