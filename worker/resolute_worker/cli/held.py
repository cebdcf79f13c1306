"""Commands about steps that have failed for good: list the ones that wait for a person, and decide on them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType
from rich.markup import escape

from resolute.plan.values import Json
from resolute_worker.cli.asking import By, given_json, who
from resolute_worker.cli.loading import with_temporal
from resolute_worker.cli.output import AsJson, clock, show, table
from resolute_worker.cli.runs import RunId, RunName
from resolute_worker.settings import load_settings

if TYPE_CHECKING:
    from temporalio.client import Client

    from resolute.temporal.client.standing import StandingRun
    from resolute.temporal.wire.finding import RunKey

HeldStep = Annotated[str, typer.Argument(help="The id of a held step, as `resolute held` shows it.")]


def held(
    flow: Annotated[str | None, typer.Argument(help="Only runs of this flow.", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """List the steps that are held: each has failed for good, and its run waits until somebody decides on it."""

    async def work(client: Client) -> list[StandingRun]:
        from resolute.temporal.client.standing import standing_runs

        return [run for run in await standing_runs(client, flow) if run.held]

    found = with_temporal(work)

    def render() -> RenderableType:
        rows = [
            (
                clock(step.since),
                escape(run.flow),
                escape(step.step),
                escape(f"{step.error}: {step.message}"),
                escape(run.workflow_id),
            )
            for run in found
            for step in run.held
        ]
        more = sum(run.held_in_all - len(run.held) for run in found)
        rows += [("", "", f"and {more} more", "", "")] if more else []
        return table(("Since", "Flow", "Step", "Error", "Run"), rows, empty="no step is held")

    show(as_json, [asdict(each) for each in found], render)


def retry(
    run: RunName,
    step: Annotated[
        str | None, typer.Argument(help="The step; without it, the only one that is held.", show_default=False)
    ] = None,
    by: By = None,
    run_id: RunId = None,
    as_json: AsJson = False,
) -> None:
    """Try a step again: one that is held, or the one that a run has failed at. Earlier steps are not repeated."""

    async def work(client: Client) -> tuple[RunKey, str]:
        from resolute.temporal.client.control import is_running, retry_run
        from resolute.temporal.wire.finding import find_run

        key = await find_run(client, run, run_id)
        if await is_running(client, key):
            return key, await _decide(client, key, step, "retry", None, by)
        return await retry_run(client, key, step)

    key, tried = with_temporal(work)
    _tell(as_json, key, tried, "retry", f"step {tried} is tried again: resolute show {key.workflow_id}")


def skip(
    run: RunName,
    step: HeldStep,
    value: Annotated[
        str | None,
        typer.Option(help="What takes the place of the step's output: JSON, @FILE, or - for stdin; without it, null."),
    ] = None,
    by: By = None,
    run_id: RunId = None,
    as_json: AsJson = False,
) -> None:
    """Skip a held step: its run goes on with a value in place of its output."""
    _decided(run, run_id, step, "skip", "is skipped", given_json(value, "value"), by, as_json)


def fail(run: RunName, step: HeldStep, by: By = None, run_id: RunId = None, as_json: AsJson = False) -> None:
    """Let a held step fail: its run fails with the step's error, and undoes what the flow says how to undo."""
    _decided(run, run_id, step, "fail", "fails", None, by, as_json)


def _decided(
    run: str, run_id: str | None, step: str, word: str, told: str, value: Json, by: str | None, as_json: bool
) -> None:
    async def work(client: Client) -> RunKey:
        from resolute.temporal.wire.finding import find_run

        key = await find_run(client, run, run_id)
        await _decide(client, key, step, word, value, by)
        return key

    key = with_temporal(work)
    _tell(as_json, key, step, word, f"step {step} {told}: resolute show {key.workflow_id}")


async def _decide(client: Client, key: RunKey, step: str | None, word: str, value: Json, by: str | None) -> str:
    from resolute.temporal.client.standing import decide_held
    from resolute_worker.keys import keys_for_client

    keys = await keys_for_client(client, load_settings())
    return await decide_held(client, key, step, word, value=value, by=who(by), keys=keys)


def _tell(as_json: bool, key: RunKey, step: str, word: str, text: str) -> None:
    value = {"run": key.workflow_id, "run_id": key.run_id, "step": step, "decided": word}
    show(as_json, value, lambda: escape(text))
