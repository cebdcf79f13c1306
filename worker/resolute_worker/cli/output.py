"""What commands print: a table for people, JSON for programs; everything else goes to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import typer
from pydantic_core import to_jsonable_python
from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderableType, RenderHook, RenderResult
from rich.markup import escape
from rich.measure import Measurement
from rich.segment import Segment
from rich.table import Table

from resolute_worker.harmless import harmless

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]

_PLAIN_WIDTH: Final = 4000
_COLOURS: Final = {
    "completed": "green",
    "running": "cyan",
    "held": "magenta",
    "paused": "magenta",
    "braked": "magenta",
    "failed": "red",
    "cancelled": "yellow",
    "terminated": "yellow",
    "timed_out": "red",
    "skipped": "dim",
    "pending": "dim",
    "paged": "red",
    "resolved": "green",
    "broken": "red",
    "over budget": "yellow",
    "muted": "yellow",
    "late": "yellow",
    "quiet": "dim",
}


_MODES: Final = {"live": "", "dry": " [dim](dry)[/]", "shadow": " [dim](shadow)[/]"}


def mode_text(mode: str) -> str:
    """What stands behind the status of a run that wrote nothing."""
    return _MODES[mode]


def console(*, to_stderr: bool = False) -> Console:
    """Where to print; lines in a pipe are never cut to a terminal's width."""
    stream = sys.stderr if to_stderr else sys.stdout
    made = Console(stderr=to_stderr, width=None if stream.isatty() else _PLAIN_WIDTH, highlight=False)
    made.push_render_hook(_Harmless())
    return made


class _Harmless(RenderHook):
    """Shows control characters in printed text; rich's own colours are not affected."""

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        """Every renderable, harmless."""
        return [_Shown(each) for each in renderables]


@dataclass(frozen=True)
class _Shown:
    inner: ConsoleRenderable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self.inner, options):
            yield segment if segment.control else Segment(harmless(segment.text), segment.style)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement.get(console, options, self.inner)


def show(as_json: bool, value: Any, render: Callable[[], RenderableType]) -> None:
    """Prints a value as JSON, or as `render` returns it."""
    if as_json:
        typer.echo(harmless(json.dumps(to_jsonable_python(value), indent=2, ensure_ascii=False)))
    else:
        console().print(render())


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], *, empty: str) -> RenderableType:
    """Rows under headers; `empty` if there are none. Cells may contain rich markup."""
    made = Table(*headers, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        made.add_row(*row)
    return made if made.row_count else escape(empty)


def coloured(status: str) -> str:
    """A status in its colour."""
    colour = _COLOURS.get(status, "default")
    return f"[{colour}]{escape(status)}[/]"


def clock(at: datetime | None) -> str:
    """A time in the local time zone, to the second, with the name of the zone."""
    return "" if at is None else f"{at.astimezone():%Y-%m-%d %H:%M:%S %Z}"


def lasted(began: datetime | None, ended: datetime | None) -> str:
    """How long something took, or has taken until now."""
    if began is None:
        return ""
    length = (ended or datetime.now(UTC)) - began
    seconds = length.total_seconds()
    return f"{seconds:.1f} s" if seconds < 120 else str(timedelta(seconds=round(seconds)))
