"""The demo as a person sees it: it sets up a scene, runs it, and reports what happens."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Generator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pydantic import SecretStr
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from temporalio.client import Client

from resolute.execution.secrets import Environment
from resolute.running.report import RunReport
from resolute.temporal.runs import RunSummary, describe_run, list_runs
from resolute_pagerduty import PagerDuty, PagerDutyConfig
from resolute_pagerduty.simulator import Simulator
from resolute_worker.boarding import BOARD, Boarding
from resolute_worker.demo.evidence import evidence
from resolute_worker.demo.flow import smart_alerting
from resolute_worker.demo.town import ILLNESS, Town
from resolute_worker.deploying import Load
from resolute_worker.http_server import HttpServer
from resolute_worker.process import Running, running
from resolute_worker.settings import Settings
from resolute_worker.signals import stopping_signals

LIMIT: Final = 80.0
"""Seconds after which the demo gives up."""

INTERRUPTED: Final = 130


def run() -> int:
    """Shows the demo; 0 only if an incident was really opened, announced and resolved."""
    return asyncio.run(demo(Console(highlight=False)))


async def demo(console: Console) -> int:
    """Shows the demo on a console. Everything it starts is on loopback, on free ports, and gone at the end."""
    stop = asyncio.Event()
    with stopping_signals(stop), tempfile.TemporaryDirectory(prefix="resolute-demo-") as folder:
        logs = Path(folder) / "demo.log"
        with _logging_to(logs):
            play = asyncio.ensure_future(asyncio.wait_for(_play(console, Path(folder)), LIMIT))
            stopped = asyncio.ensure_future(stop.wait())
            await asyncio.wait([play, stopped], return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()
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


@dataclass(frozen=True)
class _Scene:
    """What the demo has set up."""

    sim: Simulator
    town: Town
    worker: Running
    say: Callable[[str, str], None]

    async def until(self, happened: Callable[[], object]) -> None:
        """Waits until something is true in the simulator."""
        while True:
            # In short intervals: the waiting thread cannot be cancelled.
            with contextlib.suppress(TimeoutError):
                return await self.sim.until(happened, timeout=0.5)


async def _play(console: Console, folder: Path) -> int:
    begun = time.monotonic()
    console.print("[bold]One incident, from its first alert to its resolution[/]  (nobody is paged)\n")
    async with _scene(console, folder) as scene:
        await _story(scene)
        runs = await _closed_runs(scene.worker.client)
        report = await _opening_run(scene.worker.client, runs)
        if report is not None:
            console.print("\nThe run that opened it, as Temporal recorded it:\n", _steps(report))
        findings = evidence(scene.sim, scene.town, runs)
    console.print()
    for finding in findings:
        mark = "[green]yes[/]" if finding.holds else "[red]NO [/]"
        console.print(f"  {mark}  {escape(finding.what)}", soft_wrap=True)
    well = all(finding.holds for finding in findings)
    verdict = "[green]All of that happened[/]" if well else "[red]Not all of that happened[/]"
    console.print(f"\n{verdict} in {time.monotonic() - begun:.0f} seconds.")
    if well:
        console.print("Next: [bold]resolute dev flows/ --simulator[/], or a flow of your own (see README.md).")
    return 0 if well else 1


@contextlib.asynccontextmanager
async def _scene(console: Console, folder: Path) -> AsyncGenerator[_Scene]:
    def say(who: str, what: str) -> None:
        console.print(f"[dim]{datetime.now():%H:%M:%S}[/]  [cyan]{who:<10}[/] {escape(what)}", soft_wrap=True)

    town = Town()
    async with contextlib.AsyncExitStack() as stack:
        sim = await stack.enter_async_context(Simulator.serve())
        say("PagerDuty", f"simulated at {sim.url}: the Payments team, Ada and Bo on call in turns")
        server = await stack.enter_async_context(HttpServer(town.app, "127.0.0.1", 0))
        say("Shop", f"is open at {server.url}, its health is at /health")
        worker = await stack.enter_async_context(
            running(
                Load(flows=[smart_alerting], released=datetime.now(UTC)),
                pages=True,
                settings=Settings(
                    task_queue="demo", embedded=True, embedded_port=0, http_port=0, state_dir=folder, shutdown_seconds=5
                ),
                boarding=Boarding(is_open=True, simulator=sim, pagerduty=lambda: PagerDuty(_account(sim))),
                providers=[PagerDuty(_account(sim))],
                environment=Environment(
                    {
                        "HEALTH_URL": f"{server.url}/health",
                        "SLACK_WEBHOOK_URL": f"{server.url}/channel",
                        "ESCALATION_POLICY": sim.world.payments_policy,
                        "PAGERDUTY_ROUTING_KEY": sim.world.routing_key,
                    }
                ),
            )
        )
        pages = f", its pages at {worker.server.ui_url}" if worker.server.ui_url else ""
        say("Temporal", f"a real server at {worker.server.address}{pages}")
        say("Board", f"shows all of it, live: {worker.http.url}{BOARD}")
        say("Worker", "runs the flow smart-alerting: it checks the shop every second")
        yield _Scene(sim, town, worker, say)


async def _story(scene: _Scene) -> None:
    sim, town, say = scene.sim, scene.town, scene.say
    await town.looked["healthy"].wait()
    say("Flow", "checked the shop: healthy, nothing to do")

    # The hardest case: PagerDuty has accepted the event, but its answer never arrives.
    sim.faults.add(action="reset", method="POST", path="/v2/enqueue", after=True)
    town.ill = True
    say("Shop", f"goes down. {ILLNESS}")
    await scene.until(lambda: sim.incidents("triggered"))
    incident = sim.incidents()[0]
    people = ", ".join(each["assignee"]["summary"] for each in sim.show(incident)["assignments"])
    say("PagerDuty", f"incident #{incident.number} is open and assigned to {people}")
    say("Network", "the answer to that event was lost; Temporal retries the step, with the same dedup key")
    await scene.until(lambda: sum(each.path == "/v2/enqueue" for each in sim.requests) > 1)
    say("PagerDuty", f"still one incident: {len(sim.incidents())}")
    await town.told.wait()
    say("Channel", town.messages[0])

    town.ill = False
    say("Shop", "has recovered")
    await scene.until(lambda: sim.incidents("resolved"))
    say("PagerDuty", f"incident #{incident.number} is resolved")


async def _closed_runs(client: Client) -> list[RunSummary]:
    """The runs that have ended, once Temporal lists them all, including the one that resolved the incident."""
    while True:
        runs = await list_runs(client, flows=[smart_alerting.name])
        closed = [run for run in runs if run.status != "running"]
        for found in closed[:3]:
            report = (await describe_run(client, found.workflow_id, found.run_id)).report
            if report is not None and report.step("resolve_event").status == "completed":
                return closed
        await asyncio.sleep(0.1)  # Temporal's lists are a moment behind, and do not say when they have caught up


async def _opening_run(client: Client, runs: list[RunSummary]) -> RunReport | None:
    """The run whose event opened the incident: the first that sent one."""
    for found in sorted(runs, key=lambda run: run.started_at):
        report = (await describe_run(client, found.workflow_id, found.run_id)).report
        if report is not None and report.step("trigger_event").status == "completed":
            return report
    return None


def _steps(report: RunReport) -> Table:
    table = Table("", "Step", "Node", "", "Took", box=None, pad_edge=False, header_style="bold")
    for step in report.steps:
        if step.kind != "call":
            continue
        took = (step.ended_at - step.started_at).total_seconds() if step.ended_at and step.started_at else None
        table.add_row("", step.id, step.node or "", step.status, "" if took is None else f"{took * 1000:.0f} ms")
    return table


def _account(sim: Simulator) -> PagerDutyConfig:
    return PagerDutyConfig(
        api_key=SecretStr(sim.world.account_key),
        from_email=sim.world.from_email,
        api_url=sim.url,
        events_url=sim.events_url,
    )


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
