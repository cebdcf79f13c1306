"""What must have happened for the demo to succeed, read from PagerDuty, the channel and Temporal."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from temporalio.client import Client

from resolute.running.report import RunReport
from resolute.temporal.history.runs import RunSummary, describe_run, list_runs
from resolute_pagerduty.simulator import Simulator
from resolute_worker.demo.flow import DEDUP_KEY, smart_alerting
from resolute_worker.demo.town import ILLNESS, Town


@dataclass(frozen=True)
class Finding:
    """One thing that must have happened, and whether it did."""

    what: str
    holds: bool


def evidence(sim: Simulator, town: Town, runs: list[RunSummary]) -> list[Finding]:
    """What PagerDuty, the channel and Temporal contain at the end."""
    incidents = sim.incidents()
    kinds = [entry.type.removesuffix("_log_entry") for each in incidents for entry in each.entries]
    lost = [each for each in sim.requests if each.path == "/v2/enqueue" and each.status is None]
    lookups = [each for each in sim.requests if each.path == "/oncalls" and each.status == 200]
    on_call = [user.name for user in sim.account.state.users.values()]
    return [
        Finding(
            "exactly one incident was opened, although the answer to the first event was lost",
            [(each.title, each.key) for each in incidents] == [(ILLNESS, DEDUP_KEY)] and len(lost) == 1,
        ),
        Finding("PagerDuty was asked who is on call", bool(lookups)),
        Finding(
            "the channel was told, by name, who is on call",
            any(ILLNESS in text and any(name in text for name in on_call) for text in town.messages),
        ),
        Finding(
            "the incident was resolved by the flow",
            [each.status for each in incidents] == ["resolved"] and kinds.count("resolve") == 1,
        ),
        Finding(
            f"{len(runs)} runs completed, none failed",
            bool(runs) and all(run.status == "completed" for run in runs),
        ),
    ]


async def closed_runs(client: Client) -> list[RunSummary]:
    """The runs that have ended, once Temporal lists them all, including the one that resolved the incident."""
    while True:
        runs = await list_runs(client, flows=[smart_alerting.name])
        closed = [run for run in runs if run.status != "running"]
        for found in closed[:3]:
            report = (await describe_run(client, found.workflow_id, found.run_id)).report
            if report is not None and report.step("resolve_event").status == "completed":
                return closed
        await asyncio.sleep(0.1)  # Temporal's lists are a moment behind, and do not say when they have caught up


async def opening_run(client: Client, runs: list[RunSummary]) -> tuple[RunSummary, RunReport] | None:
    """The run whose event opened the incident, the first that sent one; and what happened in it."""
    for found in sorted(runs, key=lambda run: run.started_at):
        report = (await describe_run(client, found.workflow_id, found.run_id)).report
        if report is not None and report.step("trigger_event").status == "completed":
            return found, report
    return None
