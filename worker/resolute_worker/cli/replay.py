"""`resolute replay`: recorded runs, replayed by this release."""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType
from rich.markup import escape

from resolute.plan.errors import ConfigurationError
from resolute_worker.cli.loading import with_temporal
from resolute_worker.cli.output import AsJson, table
from resolute_worker.cli.output import show as display
from resolute_worker.cli.saying import say
from resolute_worker.settings import load_settings

if TYPE_CHECKING:
    from temporalio.client import Client, WorkflowHistory

    from resolute.temporal.replay import ReplayedHistory
    from resolute.temporal.wire.finding import RunKey

_LAST = 100


def replay(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN|FILE]...",
            help="Runs, as other commands name them, or files with a history as Temporal's CLI and UI export it.",
            show_default=False,
        ),
    ] = None,
    last: Annotated[
        int | None,
        typer.Option(
            min=1, max=10_000, help=f"The latest runs, so many; {_LAST} if no run is named.", show_default=False
        ),
    ] = None,
    flow: Annotated[str | None, typer.Option(help="Only the latest runs of this flow.", show_default=False)] = None,
    save: Annotated[
        Path | None, typer.Option(help="Also write the histories into this folder, a file each.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Replay recorded runs with this release: the exit code is 1 if one of them would go another way.

    Nothing is called, and nothing is changed. Without a run, the latest runs of the task queue are replayed.
    """
    if what and (last is not None or flow is not None):
        raise ConfigurationError("--last and --flow choose among the latest runs: leave out the names, or the options")
    files = [Path(each) for each in what or () if Path(each).is_file()]
    runs = [each for each in what or () if not Path(each).is_file()]
    if missing := [each for each in runs if each.endswith(".json")]:
        raise ConfigurationError(f"there is no file {missing[0]}")
    if files and save is not None:
        raise ConfigurationError("--save writes what it reads from Temporal: leave out the files")
    logging.getLogger("temporalio").setLevel(logging.CRITICAL)  # what it logs is told in the table
    found = asyncio.run(_of_files(files)) if files else []
    if runs or not files:
        found += with_temporal(_of_runs(runs, flow, last or _LAST, save))
    broken = [each for each in found if each.problem]

    def render() -> RenderableType:
        headers = ("Run", "Flow", "Events", "Problem")
        rows = [(each.workflow_id, each.flow, f"{each.events:,}", each.problem) for each in broken]
        cells = [[escape(cell) for cell in row] for row in rows]
        return table(headers, cells, empty=f"{_counted(len(found))} replayed without a difference")

    display(as_json, {"replayed": len(found), "broken": [asdict(each) for each in broken]}, render)
    if broken:
        say(f"{len(broken):,} of {_counted(len(found))} would go another way with this release")
        raise typer.Exit(1)


def _counted(number: int) -> str:
    """So many histories, in words."""
    return f"{number:,} {'history' if number == 1 else 'histories'}"


async def _of_files(files: Sequence[Path]) -> list[ReplayedHistory]:
    from resolute.temporal.replay import history_in, replay
    from resolute_worker.keys import converter_of

    async def read() -> AsyncIterator[WorkflowHistory]:
        for file in files:
            yield history_in(file)

    return [each async for each in replay(read(), converter_of(load_settings()))]


def _of_runs(
    names: Sequence[str], flow: str | None, last: int, save: Path | None
) -> Callable[[Client], Awaitable[list[ReplayedHistory]]]:
    async def work(client: Client) -> list[ReplayedHistory]:
        from resolute.temporal.history.runs import list_runs
        from resolute.temporal.replay import recorded_of, replay
        from resolute.temporal.wire.finding import RunKey, find_run

        if names:
            keys: list[RunKey] = [await find_run(client, name) for name in names]
        else:
            queue = load_settings().task_queue
            listed = await list_runs(client, flows=[flow] if flow else [], task_queue=queue, limit=last)
            keys = [RunKey(run.workflow_id, run.run_id) for run in listed]

        async def read() -> AsyncIterator[WorkflowHistory]:
            for key in keys:
                for history in await recorded_of(client, key):
                    if save is not None:
                        _write(save, history)
                    yield history

        return [each async for each in replay(read(), client.data_converter)]

    return work


def _write(folder: Path, history: WorkflowHistory) -> None:
    """Writes a history, which nobody else may read: it holds what the run was given."""
    name = re.sub(r"[^A-Za-z0-9._-]", "-", history.workflow_id)[:100]
    file = folder / f"{name}.{history.run_id}.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as written:
            written.write(history.to_json() + "\n")
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be written: {error.strerror}") from None
