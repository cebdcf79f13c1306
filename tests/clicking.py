"""A worker with a simulated Slack, and people who click on its buttons."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from pydantic import BaseModel
from temporalio.client import Client

import resolute_slack as slack
from resolute import flow, gate, manual, text
from resolute.execution.secrets import Environment
from resolute.temporal.client.client import RunHandle, start_run
from resolute.temporal.history.runs import describe_run
from resolute_slack.simulator import Posted, Simulator
from resolute_slack.testing import simulated_config
from resolute_worker.deploying import Load
from resolute_worker.process import Running, running
from resolute_worker.settings import Settings
from tests.keys import KEYS
from tests.patience import PATIENCE

PATH = "/slack/interactions"
ADA, GRACE, EDSGER = "ada@example.com", "grace@example.com", "edsger@example.com"


class Change(BaseModel):
    """What is filled in; a click alone could approve it."""

    region: str = "eu-west-1"


def gated(name: str, *, to: str = "#ops", **options: Any) -> Any:
    """A flow with a gate, about which a channel is asked."""
    approvers = ["Ada@Example.com", GRACE]
    asked = gate(
        "approve",
        ask="Fail over?",
        approvers=approvers,
        timeout=timedelta(hours=1),
        notify=lambda link: slack.ask(to=to, text=text("Fail over {}?", "<db-1>"), gate=link),
        **options,
    )
    return flow(name).triggered_by(manual("go")).then(asked).build()


PLAIN = gated("clicked")
BOTH = gated("clicked-by-two", quorum=2)
FORM = gated("clicked-with-form", form=Change)
EACH = (
    flow("clicked-in-person")
    .triggered_by(manual("go"))
    .then(
        gate(
            "approve",
            approvers=[ADA, GRACE],
            notify=lambda link, person: slack.ask(to=person, text="Fail over?", gate=link),
        )
    )
    .build()
)
FLOWS = (PLAIN, BOTH, FORM, EACH)


class Office:
    """A worker, its Slack, and a browser."""

    def __init__(self, worker: Running, sim: Simulator, http: httpx.AsyncClient, task_queue: str) -> None:
        self.worker = worker
        self.sim = sim
        self.http = http
        self._task_queue = task_queue

    async def ask(self, asked: Any = PLAIN, *, of: str = "#ops") -> tuple[RunHandle, Posted]:
        """Starts a run, and gives the message that it posts."""
        before = len(self.sim.messages(of))
        run = await start_run(self.worker.client, asked.plan, task_queue=self._task_queue, keys=KEYS)
        await self.sim.until(lambda: len(self.sim.messages(of)) > before, PATIENCE)
        return run, self.sim.messages(of)[-1]

    async def click(self, message: Posted, button: str, *, by: str) -> httpx.Response:
        """Clicks a button, as Slack tells the worker."""
        headers, body = self.sim.click(message, button, by=by)
        return await self.send(headers, body)

    async def send(self, headers: dict[str, str], body: bytes) -> httpx.Response:
        """Sends the worker a request."""
        return await self.http.post(PATH, headers=headers, content=body)

    async def result(self, run: RunHandle) -> Any:
        """What a run gives."""
        return await run.result()

    async def decisions(self, run: RunHandle) -> list[str]:
        """Who has decided, and how."""
        report = (await describe_run(self.worker.client, run.workflow_id)).report
        assert report is not None
        found: Any = report.step("approve").details["decisions"]
        return [f"{each['by']} {'approved' if each['approved'] else 'rejected'}" for each in found]


@asynccontextmanager
async def office(client: Client, audit: Path | None = None, **more: Any) -> AsyncGenerator[Office]:
    """An office with a Slack of its own, and an audit log of that; `more` are settings of its worker."""
    given = {"http_port": 0, "shutdown_seconds": 1, "plan_keys": KEYS.keys, "public_url": "https://ops.test", **more}
    settings = Settings.model_validate({"task_queue": f"clicks-{uuid4().hex[:8]}", **given})
    load = Load(flows=FLOWS, released=datetime(2026, 1, 1, tzinfo=UTC))
    with Simulator.serve() as sim:
        provider = slack.Slack(simulated_config(sim), audit_log=audit)
        environment = Environment({})
        async with (
            running(load, settings=settings, providers=[provider], environment=environment, client=client) as worker,
            httpx.AsyncClient(base_url=worker.http.url, timeout=PATIENCE) as http,
        ):
            yield Office(worker, sim, http, settings.task_queue)
