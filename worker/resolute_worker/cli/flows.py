"""Commands about the flows in files: check, graph, list."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from resolute.plan.errors import ConfigurationError, TemporalUnreachableError
from resolute.plan.kinds.call import calls_in
from resolute.plan.plan import Plan
from resolute_worker.cli.against import Against, held_against
from resolute_worker.cli.loading import Paths, flow_named, loaded, paths_or_default, tell_mistakes, with_temporal
from resolute_worker.cli.output import AsJson, clock, console, show, table
from resolute_worker.cli.saying import say
from resolute_worker.discovery import Discovery, Mistake, discover, shown

if TYPE_CHECKING:
    from temporalio.client import Client

    from resolute.temporal.schedules.control import DeployedSchedule


def check(paths: Paths = None, against: Against = None, as_json: AsJson = False) -> None:
    """Check flows: list the valid ones and report every mistake.

    With --against, the runs that are open there are held against these files as well: the exit code is 1 if one of them
    has a step ahead that this code cannot execute.
    """
    given = paths_or_default(paths)
    found = _with_refusals(discover(given))
    rows = [_row(each.flow.plan, shown(each.file)) for each in found.flows]
    mistakes = [{"place": each.place, "flow": each.flow, "message": each.message} for each in found.mistakes]

    def render() -> Any:
        headers = ("Flow", "Started by", "Steps", "Fingerprint", "File")
        lines = [[escape(str(cell)) for cell in _cells(row)] for row in rows]
        return table(headers, lines, empty="")

    good = rows and not mistakes
    held = held_against(found, against) if against is not None and good else None
    if rows or as_json:
        beside = {} if held is None else {"runs": held.as_data()}
        show(as_json, {"flows": rows, "mistakes": mistakes, **beside}, render)
    tell_mistakes(found)
    if mistakes:
        wrong = len({re.sub(r":\d+$", "", mistake.place) for mistake in found.mistakes})
        say(f"{wrong} of {len(found.files)} file(s) have mistakes" if len(found.files) > 1 else "not ready")
        raise typer.Exit(1)
    if not rows:
        raise ConfigurationError(f"no flow in {', '.join(map(str, given))}: a flow is the result of .build()")
    if held is not None:
        if not as_json:
            console().print(held.rendered())
        if held.broken:
            raise typer.Exit(1)


def _with_refusals(found: Discovery) -> Discovery:
    """What was found; nodes that the grants here forbid count as mistakes."""
    from resolute_worker.providers import providers_for, refusals

    providers = providers_for(found.modules)
    refused = [
        Mistake(shown(each.file), f"flow {each.flow.name!r}: {reason}", each.flow.name)
        for each in found.flows
        for reason in refusals(each.flow, providers)
    ]
    return replace(found, mistakes=(*found.mistakes, *refused))


def _row(plan: Plan, file: str) -> dict[str, Any]:
    return {
        "flow": plan.name,
        "triggers": [trigger.text for trigger in plan.triggers],
        "steps": len(calls_in(plan.steps)),
        "fingerprint": plan.fingerprint,
        "file": file,
    }


def _cells(row: dict[str, Any]) -> Sequence[Any]:
    return (row["flow"], ", ".join(row["triggers"]), row["steps"], row["fingerprint"], row["file"])


class GraphFormat(StrEnum):
    """The format of a graph."""

    text = "text"
    mermaid = "mermaid"


def graph(
    flow: Annotated[str, typer.Argument(help="The name of a flow, or a file with one flow.")],
    paths: Paths = None,
    format: Annotated[GraphFormat, typer.Option(help="text, or mermaid for documents.")] = GraphFormat.text,  # noqa: A002  # the option's name
    as_svg: Annotated[bool, typer.Option("--svg", help="Draw it as an SVG that stands alone, for documents.")] = False,
    diff: Annotated[
        str | None,
        typer.Option(
            help="What differs from an earlier plan: a file of `graph --json`, a file with one flow, or a run.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Draw a flow; with --json, print its plan; with --diff, the steps that were added, removed, changed or moved."""
    from resolute.writing.diagram import mermaid, outline
    from resolute.writing.differences import differences
    from resolute.writing.svg import svg

    plan = flow_named(flow, paths).plan
    if diff is not None:
        found = differences(_earlier(diff), plan)
        rows = [{"kind": each.kind, "step": each.step, "title": each.title, "fields": each.fields} for each in found]
        show(as_json, rows, lambda: escape("\n".join(map(str, found)) or "no step differs"))
    elif as_svg:
        typer.echo(svg(plan), nl=False)
    elif as_json:
        typer.echo(plan.model_dump_json(indent=2))
    else:
        typer.echo(mermaid(plan) if format is GraphFormat.mermaid else outline(plan))


def _earlier(name: str) -> Plan:
    """The plan in a file, or that of a run.

    Raises:
        ConfigurationError: there is none.
    """
    if name.endswith(".json"):
        try:
            return Plan.model_validate_json(Path(name).read_bytes())
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                f"{name} holds no plan as `resolute graph FLOW --json` prints it: {error}"
            ) from None
    if Path(name).exists():
        return flow_named(name, None).plan

    async def work(client: Client) -> Plan | None:
        from resolute.temporal.history.runs import describe_run
        from resolute.temporal.wire.finding import find_run

        key = await find_run(client, name)
        return (await describe_run(client, key.workflow_id, key.run_id)).plan

    found = with_temporal(work)
    if found is None:
        raise ConfigurationError(f"run {name} has not started to run its plan")
    return found


def list_(paths: Paths = None, as_json: AsJson = False) -> None:
    """List flows and the next run of each scheduled flow."""
    found = loaded(paths)
    try:
        deployed = {schedule.flow: schedule for schedule in with_temporal(_schedules)}
    except TemporalUnreachableError as error:
        deployed = {}
        say(f"resolute: {error}; showing what the files say")
    rows = [*_known(found, deployed), *_elsewhere(found, deployed)]

    def render() -> Any:
        headers = ("Flow", "Started by", "Next run", "Last run", "File")
        lines = [
            [
                escape(row["flow"]),
                escape(", ".join(row["triggers"])),
                "[yellow]paused[/]" if row["paused"] else clock(row["next"]),
                clock(row["last"]),
                escape(row["file"] or "elsewhere"),
            ]
            for row in rows
        ]
        return table(headers, lines, empty="no flow")

    show(as_json, rows, render)


async def _schedules(client: Client) -> list[DeployedSchedule]:
    from resolute.temporal.schedules.control import list_schedules

    return await list_schedules(client)


def _known(found: Discovery, deployed: dict[str, DeployedSchedule]) -> list[dict[str, Any]]:
    return [
        {
            "flow": each.flow.name,
            "triggers": [trigger.text for trigger in each.flow.plan.triggers],
            **_times(deployed.get(each.flow.name)),
            "file": shown(each.file),
        }
        for each in found.flows
    ]


def _elsewhere(found: Discovery, deployed: dict[str, DeployedSchedule]) -> list[dict[str, Any]]:
    return [
        {
            "flow": name,
            "triggers": [schedule.trigger.text] if schedule.trigger else [],
            **_times(schedule),
            "file": None,
        }
        for name, schedule in deployed.items()
        if found.flow(name) is None
    ]


def _times(schedule: DeployedSchedule | None) -> dict[str, Any]:
    if schedule is None:
        return {"next": None, "last": None, "paused": False}
    return {
        "next": schedule.next_times[0] if schedule.next_times else None,
        "last": schedule.last_run.due if schedule.last_run else None,
        "paused": schedule.paused,
    }
