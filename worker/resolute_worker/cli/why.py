"""Commands about the ledger: why it paged, why it did not, and how often."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import RenderableType
from rich.markup import escape

from resolute.plan.texts import shortened
from resolute.plan.values import Json
from resolute_worker.cli.lengths import length
from resolute_worker.cli.loading import with_temporal
from resolute_worker.cli.output import AsJson, clock, coloured, table
from resolute_worker.cli.output import show as display
from resolute_worker.cli.saying import say

if TYPE_CHECKING:
    from temporalio.client import Client

    from resolute.running.ledger import Check
    from resolute.temporal.history.ledger import Ledger


class Word(StrEnum):
    """What a check came to."""

    paged = "paged"
    resolved = "resolved"
    broken = "broken"
    held = "held"
    over_budget = "over budget"
    muted = "muted"
    dry = "dry"
    damped = "damped"
    pending = "pending"
    skipped = "skipped"
    late = "late"
    quiet = "quiet"


Since = Annotated[str, typer.Option(help="How far back, such as 30m, 24h or 7d.")]


def why(
    subject: Annotated[
        str, typer.Argument(help="A flow, a run (or the beginning of its id), or an incident: its id or dedup key.")
    ],
    since: Since = "24h",
    outcome: Annotated[
        list[Word] | None, typer.Option(help="Only checks that came to this; may be given again.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The most lines, newest first.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Say what each check came to, and which values decided it.

    A flow has a line for each of its runs, and for each time at which its schedule started none. For a run it is one
    line, for an incident those of every run that had to do with it.
    """
    after = datetime.now(UTC) - length(since, "--since")

    async def work(client: Client) -> Ledger:
        return await _asked(client, subject, after)

    found = with_temporal(work)
    wanted = {each.value for each in outcome or ()}
    checks = [each for each in found.checks if not wanted or each.outcome in wanted]
    display(as_json, [asdict(each) for each in checks[:limit]], lambda: _rendered(checks[:limit]))
    if found.cut:
        say(f"flow {found.flow} has more runs since then than are read at a time: give a shorter --since")
    if not as_json:
        counts = Counter(each.outcome for each in checks)
        told = ", ".join(f"{number} {word}" for word, number in counts.most_common())
        say(f"{len(checks)} check(s): {told}" if checks else "no check since then")
        if len(checks) > limit:
            say(f"the newest {limit} are shown: --limit {len(checks)} shows all")
        if found.unread:
            say(f"{found.unread} run(s) could not be read: they are not Resolute's")
        if found.running:
            say(f"still going on: {', '.join(run.workflow_id for run in found.running)}")
        if found.going:
            say(f"{found.going} run(s) have not ended yet: resolute runs {found.flow} --status running")


def report(
    since: Since = "7d",
    flow: Annotated[
        list[str] | None, typer.Option(help="Only this flow; may be given again.", show_default=False)
    ] = None,
    shift: Annotated[str, typer.Option(help="The length of a shift.")] = "8h",
    as_json: AsJson = False,
) -> None:
    """Count what the checks of a time came to: pages, pages in a shift, short pages, silence, late and missing runs."""
    now = datetime.now(UTC)
    after, turn = now - length(since, "--since"), length(shift, "--shift")

    async def work(client: Client) -> list[Ledger]:
        from resolute.temporal.history.ledger import flows_since, ledger
        from resolute_worker.paging import paging

        flows = flow or await flows_since(client, after)
        return [await ledger(client, each, since=after, paging=paging) for each in flows]

    from resolute.running.tally import tally

    found = [tally(each.flow, each.checks, since=after, until=now, shift=turn) for each in with_temporal(work)]

    def render() -> RenderableType:
        heads = ("Flow", "Checks", "Pages", "Per shift", "Most", "Under 5 min", "Broken", "Late", "Skipped", "Silence")
        rows = [
            (
                escape(each.flow),
                str(each.checks),
                str(each.pages),
                f"{each.pages_per_shift:.2f}",
                str(each.most_in_a_shift),
                str(each.short_pages),
                str(each.broken),
                str(each.late),
                str(each.skipped),
                str(each.longest_silence).partition(".")[0],
            )
            for each in found
        ]
        return table(heads, rows, empty="no check since then")

    display(as_json, [asdict(each) for each in found], render)


async def _asked(client: Client, subject: str, after: datetime) -> Ledger:
    """The checks of a flow, of a run, or of an incident, whichever has the name."""
    from resolute.temporal.history.ledger import Ledger, about, check, is_flow, ledger
    from resolute.temporal.wire.finding import UnknownRunError, find_run
    from resolute.temporal.wire.parts import described
    from resolute_worker.paging import paging

    if await is_flow(client, subject):
        return await ledger(client, subject, since=after, paging=paging)
    try:
        key = await find_run(client, subject)
    except UnknownRunError:
        return await about(client, subject, since=after, paging=paging)
    run = await described(client, key.workflow_id, key.run_id)
    found = await check(client, run, paging=paging)
    return Ledger(run.workflow_type, [] if found is None else [found], going=int(found is None))


def _rendered(checks: list[Check]) -> RenderableType:
    rows = [
        (clock(each.at), coloured(each.outcome), escape(_because(each)), escape(each.run or "(no run)"))
        for each in checks
    ]
    return table(("When", "Outcome", "Why", "Run"), rows, empty="nothing")


def _because(check: Check) -> str:
    values = ", ".join(f"{name} = {_said(value)}" for name, value in check.why.items())
    return "; ".join(part for part in (values, check.said) if part)


def _said(value: Json) -> str:
    text: Any = json.dumps(value, ensure_ascii=False)
    return shortened(str(text), 120)
