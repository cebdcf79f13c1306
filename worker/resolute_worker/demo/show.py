"""The demo as a person sees it: it sets up a scene, plays its story, and reports what happened."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import tempfile
import time
from collections.abc import Generator
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from resolute.running.report import RunReport
from resolute_worker.demo.evidence import closed_runs, evidence, opening_run
from resolute_worker.demo.scene import Scene, scene
from resolute_worker.demo.story import at_once, story
from resolute_worker.demo.watching import open_board, with_time
from resolute_worker.signals import stopping_signals

LIMIT: Final = 80.0
"""Seconds after which the demo gives up."""

INTERRUPTED: Final = 130


def run(*, watched: bool = False) -> int:
    """Shows the demo; 0 only if an incident was really opened, announced and resolved.

    `watched` opens the board, leaves time to follow, and stays until it is stopped.
    """
    return asyncio.run(demo(Console(highlight=False), watched=watched))


async def demo(console: Console, *, watched: bool = False) -> int:
    """Shows the demo on a console. Everything it starts is on loopback, on free ports, and gone at the end."""
    stop, ended = asyncio.Event(), asyncio.Event()
    with stopping_signals(stop), tempfile.TemporaryDirectory(prefix="resolute-demo-") as folder:
        logs = Path(folder) / "demo.log"
        with _logging_to(logs):
            work = _watched(console, Path(folder), ended, stop) if watched else _play(console, Path(folder))
            play = asyncio.ensure_future(asyncio.wait_for(work, None if watched else LIMIT))
            stopped = asyncio.ensure_future(stop.wait())
            await asyncio.wait([play, stopped], return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()
            if ended.is_set():
                return await play
            if not play.done():
                play.cancel()
                await asyncio.wait([play])
                console.print("\nStopped; everything that the demo started is gone.")
                return INTERRUPTED
            try:
                return play.result()
            except TimeoutError:
                console.print(
                    f"\n[red]The demo did not come to its end within {LIMIT:g} seconds.[/] Its log ends with:"
                )
                console.print(escape("\n".join(logs.read_text().splitlines()[-15:])))
                return 1


async def _play(console: Console, folder: Path) -> int:
    begun = time.monotonic()
    _headline(console)
    async with scene(console, folder) as set_up:
        await story(set_up, at_once)
        well = await _judged(console, set_up, begun)
    if well:
        console.print("Next: [bold]resolute dev flows/ --simulator[/], or a flow of your own (see README.md).")
    return 0 if well else 1


async def _watched(console: Console, folder: Path, ended: asyncio.Event, stop: asyncio.Event) -> int:
    begun = time.monotonic()
    _headline(console)
    async with scene(console, folder) as set_up:
        await open_board(set_up)
        await story(set_up, with_time)
        well = await _judged(console, set_up, begun)
        console.print(f"The board stays at [bold]{set_up.board}[/] until you press Ctrl-C.", soft_wrap=True)
        ended.set()
        await stop.wait()
    return 0 if well else 1


def _headline(console: Console) -> None:
    console.print("[bold]One incident, from its first alert to its resolution[/]  (nobody is paged)\n")


async def _judged(console: Console, set_up: Scene, begun: float) -> bool:
    runs = await closed_runs(set_up.worker.client)
    opening = await opening_run(set_up.worker.client, runs)
    if opening is not None:
        console.print("\nThe run that opened it, as Temporal recorded it:\n", _steps(opening[1]))
    findings = evidence(set_up.sim, set_up.town, runs)
    console.print()
    for finding in findings:
        mark = "[green]yes[/]" if finding.holds else "[red]NO [/]"
        console.print(f"  {mark}  {escape(finding.what)}", soft_wrap=True)
    well = all(finding.holds for finding in findings)
    verdict = "[green]All of that happened[/]" if well else "[red]Not all of that happened[/]"
    console.print(f"\n{verdict} in {time.monotonic() - begun:.0f} seconds.")
    return well


def _steps(report: RunReport) -> Table:
    table = Table("", "Step", "Node", "", "Took", box=None, pad_edge=False, header_style="bold")
    for step in report.steps:
        if step.kind != "call":
            continue
        took = (step.ended_at - step.started_at).total_seconds() if step.ended_at and step.started_at else None
        table.add_row("", step.id, step.node or "", step.status, "" if took is None else f"{took * 1000:.0f} ms")
    return table


@contextlib.contextmanager
def _logging_to(file: Path) -> Generator[None]:
    """Sends log lines to a file: the lost answer is part of the demo, but would look like real trouble."""
    handler, root = logging.FileHandler(file), logging.getLogger()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S"))
    before = root.handlers[:]
    root.handlers[:] = [handler]
    try:
        yield
    finally:
        root.handlers[:] = before
        handler.close()
