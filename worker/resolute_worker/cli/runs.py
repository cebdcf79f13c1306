"""Commands about runs: start one, list them, show one."""

from __future__ import annotations

import json
from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import RenderableType
from rich.markup import escape

from resolute_worker.cli.asking import given_json, user
from resolute_worker.cli.loading import Paths, flow_named, with_temporal
from resolute_worker.cli.output import AsJson, clock, coloured, lasted, mode_text, table
from resolute_worker.cli.output import show as display
from resolute_worker.cli.saying import say
from resolute_worker.cli.showing import failure_text, rendered_run, would_lines
from resolute_worker.cli.switched import tell_switches
from resolute_worker.settings import load_settings

if TYPE_CHECKING:
    from temporalio.client import Client

    from resolute.temporal.history.runs import RunDescription, RunSummary
    from resolute.temporal.wire.finding import RunKey


RunName = Annotated[
    str, typer.Argument(help="The id of a run, the beginning of an id, or the name of a flow for its latest run.")
]
RunId = Annotated[
    str | None, typer.Option(help="Temporal's run id, if several runs have the same id.", show_default=False)
]


class PlanChoice(StrEnum):
    """Whose plan a run goes on by."""

    own = "own"
    newest = "newest"


class Status(StrEnum):
    """The status of a run."""

    running = "running"
    completed = "completed"
    failed = "failed"
    cancelled = "cancelled"
    terminated = "terminated"
    timed_out = "timed_out"


def run(
    flow: Annotated[str, typer.Argument(help="The name of a flow; with --local, or as a file, one of your files.")],
    paths: Paths = None,
    local: Annotated[
        bool, typer.Option("--local", help="Run the plan of your files (PATHS, or flows/), not the deployed one.")
    ] = False,
    input: Annotated[  # noqa: A002  # the option's name
        str | None, typer.Option(help="The run's input as JSON, @FILE, or - for stdin.", show_default=False)
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write nothing: read, decide, and say what would have been done.")
    ] = False,
    wait: Annotated[bool, typer.Option(help="Wait until the run ends, and exit with 1 if it failed.")] = True,
    as_json: AsJson = False,
) -> None:
    """Start a run now, of the flow as it is deployed; a scheduled flow is started through its schedule.

    With --local or a path, the run gets the plan of your files instead, and the difference is shown before it starts.
    With --dry-run nothing is written anywhere.
    """
    found = flow_named(flow, paths) if local or paths or flow.endswith(".py") else None
    value = given_json(input, "input")
    settings = load_settings()
    queue = settings.task_queue
    begun: list[str] = []

    async def work(client: Client) -> dict[str, Any]:
        from resolute.temporal.client.keyed import handed_over
        from resolute_worker.cli.local import start_local
        from resolute_worker.cli.progress import Progress, follow, promised, would_have_done
        from resolute_worker.starting import start_on_request

        if found is None:
            run = await start_on_request(client, flow, task_queue=queue, input_data=value, person=user(), dry=dry_run)
        else:
            run = await start_local(client, found, settings, input_data=value, person=user(), dry=dry_run)
        started = {"flow": run.flow, "run": run.workflow_id, "run_id": run.run_id, "status": "running"}
        begun.append(run.workflow_id)
        say(f"started {run.workflow_id}")
        if not wait:
            return started
        ended = {**started, **await follow(client, run, Progress(queue))}
        handed = await handed_over(client, run) if ended["status"] == "completed" else None
        if handed is not None and handed.became != "started":
            waiting = f", and {handed.waiting} starts wait for its end" if handed.waiting else ""
            say(f"run {handed.run} of the same key goes on{waiting}: this start was {handed.became}")
        elif handed is not None:
            run = await promised(client, handed.run, run.flow)
            begun.append(run.workflow_id)
            say(f"it is its turn: {run.workflow_id}")
            facts = {"run": run.workflow_id, "run_id": run.run_id}
            ended = {**started, **facts, **await follow(client, run, Progress(queue))}
        return {**ended, **await would_have_done(client, run)} if dry_run else ended

    try:
        outcome = with_temporal(work)
    except KeyboardInterrupt:
        for workflow_id in begun:
            say(f"the run continues in the background: resolute show {workflow_id}")
        raise
    display(as_json, outcome, lambda: _rendered_outcome(outcome))
    if outcome["status"] not in ("running", "completed"):
        raise typer.Exit(1)


def _rendered_outcome(outcome: dict[str, Any]) -> RenderableType:
    if outcome["status"] == "running":
        return escape(f"resolute show {outcome['run']}")
    lines = [f"{escape(outcome['flow'])} {coloured(outcome['status'])}"]
    if outcome.get("failure"):
        lines.append(escape(failure_text(outcome["failure"])))
    if outcome.get("result") is not None:
        lines.append(escape(json.dumps(outcome["result"], indent=2, ensure_ascii=False)))
    lines += would_lines(outcome.get("would have done"))
    return "\n".join(lines)


def runs(
    flow: Annotated[str | None, typer.Argument(help="Only runs of this flow.", show_default=False)] = None,
    status: Annotated[Status | None, typer.Option(help="Only runs with this status.", show_default=False)] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="The maximum number of runs, newest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List runs, newest first."""

    async def work(client: Client) -> list[RunSummary]:
        from resolute.temporal.history.runs import list_runs

        await tell_switches(client)
        flows = [flow] if flow else []
        return await list_runs(client, flows=flows, status=status.value if status else None, limit=limit)

    found = with_temporal(work)

    def render() -> RenderableType:
        rows = [
            (
                clock(each.started_at),
                escape(each.flow),
                coloured(_status(each)) + mode_text(each.mode),
                lasted(each.started_at, each.ended_at),
                escape(each.started_by),
                escape(each.workflow_id),
            )
            for each in found
        ]
        return table(("Started", "Flow", "Status", "Took", "Started by", "Run"), rows, empty="no run")

    display(as_json, [asdict(each) for each in found], render)


def _status(run: RunSummary) -> str:
    """How a run stands, in a word: one that does not go on says why."""
    if run.paused:
        return "paused"
    return "braked" if run.stopped else run.status


def show(
    run: RunName,
    run_id: RunId = None,
    as_json: AsJson = False,
) -> None:
    """Show one run: each step with its attempts, and why the run failed."""

    async def work(client: Client) -> RunDescription:
        from resolute.temporal.history.runs import describe_run
        from resolute.temporal.wire.finding import find_run

        key = await find_run(client, run, run_id)
        await tell_switches(client)
        return await describe_run(client, key.workflow_id, key.run_id)

    found = with_temporal(work)
    value = {**asdict(found.summary), "plan": found.plan, "report": found.report}
    display(as_json, value, lambda: rendered_run(found))


def cancel(run: RunName, run_id: RunId = None, as_json: AsJson = False) -> None:
    """Cancel a run. Running steps are stopped; completed steps are undone where the flow says how."""

    async def work(client: Client) -> RunKey:
        from resolute.temporal.client.control import cancel_run
        from resolute.temporal.wire.finding import find_run

        key = await find_run(client, run, run_id)
        await cancel_run(client, key)
        return key

    key = with_temporal(work)
    display(as_json, {"run": key.workflow_id, "run_id": key.run_id}, lambda: escape(f"cancelling {key.workflow_id}"))
