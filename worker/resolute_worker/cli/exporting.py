"""Commands that take runs and flows out as data, and compare two runs: export, diff."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Group, RenderableType
from rich.markup import escape

from resolute.execution.secrets import Environment
from resolute.plan.errors import ConfigurationError, MissingEnvironmentError
from resolute.plan.language import expressions_in
from resolute.plan.plan import Plan, with_inner
from resolute.plan.step import walk
from resolute.plan.values import Json
from resolute_worker.cli.documents import write_flow
from resolute_worker.cli.loading import with_temporal
from resolute_worker.cli.local import changes_of
from resolute_worker.cli.output import AsJson, show
from resolute_worker.cli.runs import RunId, RunName

if TYPE_CHECKING:
    from temporalio.client import Client

    from resolute.running.differing import Change, Difference
    from resolute.running.record import RunRecord

_FLOW: Final = "flow"
_LONGEST: Final = 200
_MOST: Final = 20


def export(
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN | flow FLOW [PATHS]...",
            help="A run, named as for `resolute show`; or the word flow, the name of a flow, and where it is.",
        ),
    ],
    run_id: RunId = None,
    as_json: Annotated[bool, typer.Option("--json", help="A flow as JSON instead of YAML; a run is JSON.")] = False,
) -> None:
    """Write a run as JSON, for a test or to keep it; or a flow as YAML: resolute export flow FLOW.

    A run is its plan, its input, what each step came to, what people said, and how it ended, without any secret.
    FlowTester.from_run("run.json") plays it.
    """
    if what[0] == _FLOW and len(what) > 1:
        if run_id is not None:
            raise ConfigurationError("--run-id is for a run: a flow has none")
        write_flow(what[1], [Path(path) for path in what[2:]] or None, as_json=as_json)
        return
    if len(what) > 1:
        raise ConfigurationError(
            "one run at a time: resolute export RUN; a flow is written by resolute export flow FLOW [PATHS]..."
        )

    async def work(client: Client) -> RunRecord:
        return await _record(client, what[0], run_id)

    record = with_temporal(work)
    typer.echo(json.dumps(_masked(record.as_json(), record.plan), indent=2, ensure_ascii=False))


def diff(
    first: RunName,
    second: Annotated[str, typer.Argument(help="Another run, named in the same way.")],
    as_json: AsJson = False,
) -> None:
    """Compare two runs: their plans, their inputs, and the first step that differs, with its values.

    Exit code 0: they came to the same; 1: they differ; 2: one of them cannot be read. A step of a loop is told by its
    id in the run, such as poll#7.look.
    """

    async def work(client: Client) -> tuple[RunRecord, RunRecord]:
        return await _record(client, first, None), await _record(client, second, None)

    from resolute.running.differing import difference

    records = with_temporal(work)
    found = difference(*records)
    lines = changes_of(records[0].plan, records[1].plan) if found.plans else []
    show(as_json, _as_json(records, found, lines), lambda: _rendered(records, found, lines))
    if found:
        raise typer.Exit(1)


async def _record(client: Client, run: str, run_id: str | None) -> RunRecord:
    from resolute.temporal.history.exporting import export_run
    from resolute.temporal.wire.finding import find_run

    return await export_run(client, await find_run(client, run, run_id))


def _masked(value: Json, plan: Plan) -> Json:
    """A run without the secrets of its flow that this machine knows. The worker has kept them out already."""
    environment = Environment()
    steps = [step for each in with_inner(plan) for step in walk((*each.steps, *each.on_failure))]
    for operator, operands in expressions_in([value for step in steps for value in step.values()]):
        if operator == "$secret":
            with suppress(MissingEnvironmentError):  # a secret of the worker's machine
                environment.read(operator, operands[0])
    return _without(value, environment)


def _without(value: Json, environment: Environment) -> Json:
    # Only what is certainly a secret: a status like "critical" stays what it is, or the test would be another one.
    match value:
        case str():
            return environment.mask(value) if environment.secret_in(value) else value
        case Mapping():
            return {name: _without(item, environment) for name, item in value.items()}
        case list() | tuple():
            return [_without(item, environment) for item in value]
        case _:
            return value


def _as_json(records: tuple[RunRecord, RunRecord], found: Difference, lines: list[str]) -> dict[str, Any]:
    return {
        "runs": [record.run for record in records],
        "same": not found,
        "plans": {"differ": found.plans, "changes": lines},
        "given": [change.as_json() for change in found.given],
        "first": found.steps[0].as_json() if found.steps else None,
        "steps": [step.step for step in found.steps],
        "ends": [change.as_json() for change in found.ends],
    }


def _rendered(records: tuple[RunRecord, RunRecord], found: Difference, lines: list[str]) -> RenderableType:
    if not found:
        return escape(f"{records[0].run} and {records[1].run} came to the same, step by step")
    parts = [escape(f"- {records[0].run}"), escape(f"+ {records[1].run}")]
    if found.plans:
        parts += ["", "[bold]the plans differ[/]", *(escape(line) for line in lines[:_MOST])]
    if found.given:
        parts += ["", "[bold]they were given[/]", *(_change(change) for change in found.given)]
    if found.steps:
        first = found.steps[0]
        parts += [
            "",
            f"[bold]first step that differs: {escape(first.step)}[/]",
            *(_change(each) for each in first.changes),
        ]
        others = [escape(step.step) for step in found.steps[1:]]
        more = f" and {len(others) - _MOST} more" if len(others) > _MOST else ""
        parts += [f"  then {', '.join(others[:_MOST])}{more}"] if others else []
    if found.ends:
        parts += ["", "[bold]they ended[/]", *(_change(change) for change in found.ends)]
    return Group(*parts)


def _change(change: Change) -> str:
    return f"  {escape(change.at)}: {escape(_value(change.first))} → {escape(_value(change.second))}"


def _value(value: Json) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}... ({len(text):,} characters; --json has all)"
