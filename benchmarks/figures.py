"""What a benchmark finds, and how it is shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """One number. `goal` is what it should be, in words; `met` is None where it is only told."""

    what: str
    value: str
    goal: str = ""
    met: bool | None = None


def at_most(what: str, value: float, limit: float, unit: str, digits: int = 0) -> Figure:
    """A figure that should be small."""
    return Figure(what, f"{value:.{digits}f} {unit}", f"<= {limit:g} {unit}", value <= limit)


def at_least(what: str, value: float, limit: float, unit: str = "", digits: int = 2) -> Figure:
    """A figure that should be large."""
    return Figure(what, f"{value:.{digits}f} {unit}".strip(), f">= {limit:g} {unit}".strip(), value >= limit)


def show(console: Console, title: str, figures: Iterable[Figure]) -> None:
    """Prints figures under a title."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, show_header=False)
    for figure in figures:
        mark = {True: "[green]met[/]", False: "[red]missed[/]", None: ""}[figure.met]
        table.add_row("  " + figure.what, figure.value, figure.goal, mark)
    console.print(table)
    console.print()
    console.file.flush()
