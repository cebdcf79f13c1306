"""The command that lists what waits for its turn."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType
from rich.markup import escape

from resolute_worker.cli.loading import with_temporal
from resolute_worker.cli.output import AsJson, show, table

if TYPE_CHECKING:
    from temporalio.client import Client

    from resolute.temporal.client.keyed import WaitingLine


def lines(
    flow: Annotated[str | None, typer.Argument(help="Only starts of this flow.", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """List the starts that wait for the run of their key to end, key by key. A worker of the flow has to be at work."""

    async def work(client: Client) -> list[WaitingLine]:
        from resolute.temporal.client import keyed

        return await keyed.lines(client, flow or "")

    found = with_temporal(work)

    def render() -> RenderableType:
        rows = [
            (
                escape(each.run),
                str(len(each.waiting)),
                escape(", ".join(f"{number} by {by or 'request'}" for by, number in Counter(each.waiting).items())),
            )
            for each in found
        ]
        return table(("Behind run", "Starts", "Started by"), rows, empty="no start waits for its turn")

    show(as_json, [asdict(each) for each in found], render)
