"""The command that holds an edited flow against what past runs recorded."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

import typer
from rich.console import Group, RenderableType
from rich.markup import escape

from resolute.plan.described import describe
from resolute.plan.values import Json
from resolute.writing.flow import Flow
from resolute_worker.cli.lengths import length
from resolute_worker.cli.loading import Paths, flow_named, with_temporal
from resolute_worker.cli.output import AsJson, clock, show

if TYPE_CHECKING:
    from temporalio.client import Client

_LONGEST: Final = 200
_COLOURS: Final = {"same": "green", "different": "yellow", "unknown": "cyan", "left out": "dim"}


def backtest(
    flow: Annotated[str, typer.Argument(help="The name of a flow, or a file with one flow.")],
    paths: Paths = None,
    since: Annotated[str, typer.Option(help="Runs that began since then, such as 2h, 7d or 30d.")] = "30d",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The maximum number of runs, the newest ones.")] = 1000,
    all_: Annotated[bool, typer.Option("--all", help="Also list the runs that would have done the same.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what the flow in your files would have done in past runs, against what was done. Nothing is called.

    The edited flow runs over what each run recorded; nodes that only compute run again. What the record cannot answer
    is said. Exits with 1 where a run would have done something else.
    """
    found = flow_named(flow, paths)
    after = datetime.now(UTC) - length(since, "--since")

    async def work(client: Client) -> list[dict[str, Any]]:
        return [each async for each in _verdicts(client, found, after, limit)]

    verdicts = with_temporal(work)
    counts = Counter(str(each["word"]) for each in verdicts)
    value = {"flow": found.name, "runs": len(verdicts), "verdicts": dict(counts), "by run": verdicts}
    show(as_json, value, lambda: _rendered(found.name, verdicts, counts, all_=all_))
    if counts["different"]:
        raise typer.Exit(1)


async def _verdicts(client: Client, flow: Flow, after: datetime, limit: int) -> AsyncIterator[dict[str, Any]]:
    from resolute.execution.executor import NodeExecutor
    from resolute.temporal.history.backtest import Backtest
    from resolute.temporal.history.past_runs import past_runs

    test = Backtest(flow.plan, NodeExecutor(flow.nodes.values()))
    async for run, recorded in past_runs(client, flow.name, since=after, limit=limit):
        verdict = await test.judge(recorded)
        yield {"run": run.workflow_id, "run_id": run.run_id, "started_at": run.started_at, **asdict(verdict)}


def _rendered(flow: str, verdicts: list[dict[str, Any]], counts: Counter[str], *, all_: bool) -> RenderableType:
    parts: list[RenderableType] = []
    for each in verdicts:
        if all_ or each["word"] != "same":
            parts += list(_run(each))
    if not verdicts:
        return f"no run of {escape(flow)} has ended in that time"
    if counts["same"] == len(verdicts):
        said = "no difference"
    else:
        said = ", ".join(f"{count:,} {word}" for word, count in counts.most_common())
    return Group(*parts, f"[bold]{escape(flow)}[/]: {len(verdicts):,} runs, {said}")


def _run(each: dict[str, Any]) -> Iterator[str]:
    word = each["word"]
    yield f"{clock(each['started_at'])}  {escape(each['run'])}  [{_COLOURS[word]}]{word}[/]"
    for act in each["new"]:
        yield f"  [green]+[/] {_act(act)}"
    for act in each["no_longer"]:
        yield f"  [red]-[/] {_act(act)}"
    was, would = each["ended"]
    if would and was != would:
        yield f"  it {was}, and would have {would}" if word == "different" else ""
    yield from (f"  [cyan]?[/] {escape(why)}" for why in each["unknown"])
    yield from (f"  [dim]{escape(why)}[/]" for why in each["assumed"])


def _act(act: dict[str, Any]) -> str:
    given = ", ".join(f"{name}={describe(value)}" for name, value in cast("dict[str, Json]", act["arguments"]).items())
    text = f"{act['step']}  {act['node']}({given})"
    return escape(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}...")
