"""Commands that take runs up again: rerun, try."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.markup import escape

from resolute.plan.errors import ConfigurationError
from resolute.plan.plan import Plan
from resolute.plan.values import Json
from resolute_worker.cli.asking import Yes, confirmed, given_json, user
from resolute_worker.cli.lengths import length
from resolute_worker.cli.loading import flow_named, with_temporal
from resolute_worker.cli.output import AsJson, clock, console, show, table
from resolute_worker.cli.runs import PlanChoice, RunId, Status
from resolute_worker.cli.saying import say
from resolute_worker.settings import load_settings

if TYPE_CHECKING:
    from temporalio.client import Client

    from resolute.temporal.client.rerun import Rerun

_MOST: Final = 1000

From = Annotated[
    str | None,
    typer.Option("--from", help="The step to start at, such as page or certs[3].check; default: the failed one."),
]
StartedBy = Annotated[
    str | None,
    typer.Option("--by", help="Who starts it, and may not decide its gates; without it, the user of this machine."),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Write nothing: read, decide, and say what would have been done.")
]
File = Annotated[
    Path | None, typer.Option(help="With --plan newest: the file or folder that has the flow.", show_default=False)
]


@dataclass(frozen=True)
class _Refused:
    run: str
    why: str


def rerun(
    run: Annotated[str | None, typer.Argument(help="A run, named as for `resolute show`.", show_default=False)] = None,
    from_: From = None,
    plan: Annotated[PlanChoice, typer.Option(help="own: the run's plan; newest: the one of today.")] = PlanChoice.own,
    file: File = None,
    input: Annotated[  # noqa: A002  # the option's name
        str | None, typer.Option(help="Another input as JSON, @FILE, or - for stdin.", show_default=False)
    ] = None,
    flow: Annotated[str | None, typer.Option(help="Instead of a run: many runs of this flow.")] = None,
    status: Annotated[Status, typer.Option(help="With --flow: runs with this status.")] = Status.failed,
    since: Annotated[str, typer.Option(help="With --flow: runs started since then, such as 30m, 2h or 1d.")] = "24h",
    by: StartedBy = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    run_id: RunId = None,
    as_json: AsJson = False,
) -> None:
    """Start a run that continues another one: completed steps are kept, the rest runs again.

    Everything before --from is kept, also in parallel branches and other items; a completed write is not repeated. The
    new run has an id of its own. With --flow, many runs are shown first and started after a confirmation.
    """
    if (run is None) is (flow is None):
        raise ConfigurationError("name a run, or give --flow for many: resolute rerun RUN, resolute rerun --flow FLOW")
    after = datetime.now(UTC) - length(since, "--since")
    given = None if input is None else (given_json(input, "input"),)

    async def prepared(client: Client) -> list[Rerun | _Refused]:
        from resolute.temporal.client.rerun import NotRerunError, prepare_rerun
        from resolute.temporal.history.runs import list_runs
        from resolute.temporal.wire.finding import RunKey, find_run

        if run is not None:
            key = await find_run(client, run, run_id)
            newest = await _newest(client, key.workflow_id, key.run_id, plan, file)
            return [await prepare_rerun(client, key, from_ or "", plan=newest)]
        found: list[Rerun | _Refused] = []
        listed = await list_runs(client, flows=[flow or ""], status=status.value, limit=_MOST)
        for each in (each for each in listed if each.started_at >= after):
            try:
                newest = await _newest(client, each.workflow_id, each.run_id, plan, file)
                key = RunKey(each.workflow_id, each.run_id)
                found.append(await prepare_rerun(client, key, from_ or "", plan=newest))
            except NotRerunError as error:
                found.append(_Refused(each.workflow_id, str(error)))
        return found

    found = with_temporal(prepared)
    reruns = [each for each in found if not isinstance(each, _Refused)]
    for refused in (each for each in found if isinstance(each, _Refused)):
        say(f"left out: {refused.why}")
    if run is None:
        _preview(reruns, as_json=as_json)
        if not reruns or not (yes or confirmed(f"Start {len(reruns)} run(s)?")):
            raise typer.Exit(0 if not reruns else 1)
    _start([_in_mode(each, dry=dry_run) for each in reruns], given, by, as_json=as_json)


def try_(
    flow: Annotated[str, typer.Argument(help="The name of the flow.")],
    step: Annotated[str, typer.Argument(help="The step to try, such as page or certs[3].check.")],
    from_: Annotated[str, typer.Option("--from", help="The run whose outcomes the step reads.")],
    plan: Annotated[
        PlanChoice, typer.Option(help="own: the run's plan; newest: the one of today.")
    ] = PlanChoice.newest,
    file: File = None,
    by: StartedBy = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Run one step of a flow on a worker, with what an earlier run came to before it, and nothing after it.

    What the step does is done: it is asked for first, unless --yes or --dry-run is given.
    """

    async def prepared(client: Client) -> Rerun:
        from resolute.temporal.client.rerun import prepare_rerun
        from resolute.temporal.wire.finding import find_run

        key = await find_run(client, from_)
        newest = await _newest(client, key.workflow_id, key.run_id, plan, file)
        found = await prepare_rerun(client, key, step, plan=newest)
        if found.source.flow != flow:
            raise ConfigurationError(f"run {key.workflow_id} is one of flow {found.source.flow!r}, not of {flow!r}")
        return found

    found = with_temporal(prepared)
    if not (yes or dry_run) and not confirmed(f"Step {step} of {flow} runs for real on a worker. Go on?"):
        raise typer.Exit(1)
    _start([_in_mode(found, dry=dry_run)], None, by, as_json=as_json, only=True)


def _in_mode(rerun: Rerun, *, dry: bool) -> Rerun:
    return replace(rerun, plan=rerun.plan.in_mode("dry" if dry else "live"))


async def _newest(client: Client, workflow_id: str, run_id: str, choice: PlanChoice, file: Path | None) -> Plan | None:
    from resolute.temporal.history.runs import describe_run
    from resolute_worker.starting import known_plan

    if choice is PlanChoice.own:
        if file is not None:
            raise ConfigurationError("--file is for --plan newest: the run's own plan is in its history")
        return None
    name = (await describe_run(client, workflow_id, run_id)).summary.flow
    if file is not None:
        return flow_named(name, [file]).plan
    known = await known_plan(client, name)
    if known is None:
        raise ConfigurationError(f"nothing is known of a deployed plan of flow {name!r}: give its file with --file")
    say(f"the newest plan of {name} is that of {known[1]}")
    return known[0]


def _preview(reruns: list[Rerun], *, as_json: bool) -> None:
    rows = [
        (clock(each.source.started_at), escape(each.source.workflow_id), escape(each.step), str(len(each.kept)))
        for each in reruns
    ]
    shown = table(("Started", "Run", "From step", "Steps kept"), rows, empty="no run to start")
    console(to_stderr=as_json).print(shown)  # on stdout, JSON stands alone


def _start(
    reruns: list[Rerun], given: tuple[Json] | None, by: str | None, *, as_json: bool, only: bool = False
) -> None:
    settings, person = load_settings(), by or user()

    async def work(client: Client) -> list[dict[str, Any]]:
        from resolute.temporal.client.rerun import start_rerun
        from resolute_worker.cli.progress import Progress, follow
        from resolute_worker.keys import keys_for_client

        keys = await keys_for_client(client, settings)
        started: list[dict[str, Any]] = []
        for each in reruns:
            value = each.input if given is None else given[0]
            run = await start_rerun(client, each, keys=keys, input_data=value, only=only, person=person)
            say(f"started {run.workflow_id}")
            facts = {"flow": run.flow, "run": run.workflow_id, "run_id": run.run_id, "of": each.source.workflow_id}
            ended = await follow(client, run, Progress(each.source.task_queue)) if only else {"status": "running"}
            started.append({**facts, "from": each.step, "kept": list(each.kept), **ended})
        return started

    outcome = with_temporal(work)
    lines = [f"resolute show {each['run']}" for each in outcome]
    if only:
        lines = [str(outcome[0].get("result", ""))]
    show(as_json, outcome if len(outcome) != 1 else outcome[0], lambda: escape("\n".join(lines)))
    if only and outcome[0]["status"] != "completed":
        raise typer.Exit(1)
