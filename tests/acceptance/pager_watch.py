"""Services that a worker watches, and the PagerDuty that it pages, while it is killed and its runs end early."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Final
from uuid import uuid4

from temporalio.client import Client

from resolute import FlowError
from resolute.temporal.client.client import RunHandle
from resolute.temporal.client.control import NotRunningError, cancel_run
from resolute.temporal.schedules.control import delete_schedule, trigger_schedule
from resolute.temporal.wire.finding import RunKey
from resolute_pagerduty.simulator import Limits, Simulator
from resolute_pagerduty.simulator.resources import Incident
from tests.keys import KEY
from tests.patience import PATIENCE
from tests.worker.processes import Process, started

HASTY: Final = 10.0
"""Seconds that a run of a hasty flow has: more than it needs on a busy machine, as long as nothing hangs."""

_FLOWS: Final = """
import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from resolute import TerminalError, alarm, flow, node, schedule
import resolute_pagerduty as pagerduty

HERE = Path(__file__).parent

@node(effect="read", lane="local")
async def look(at: str) -> str:
    return (HERE / at / "health").read_text()

@node(timeout=timedelta(seconds=8))
async def notify(at: str, state: str) -> None:
    (HERE / at / "notifying").touch()
    if (HERE / at / "deaf").exists():
        raise TerminalError("nobody listens")
    while (HERE / at / "held").exists():
        await asyncio.sleep(0.02)
    with (HERE / at / "notified").open("a") as file:
        print(state, file=file)

def made(name, after, **options):
    health = look(name).as_("health")
    opened = pagerduty.incident_for(dedup_key=name)
    soon = replace(opened, **{
        each: getattr(opened, each).timeout(timedelta(seconds=8)) for each in ("raises", "clears")
    })
    service = alarm("service", bad=health.output == "bad", raise_after=after, clear_after=after, incident=soon)
    changed = service.output.raised | service.output.cleared
    return (
        flow(name, **options).triggered_by(schedule("0 0 29 2 *")).then(health).then(service)
        .when(changed).then(notify(name, service.output.state).as_("notify")).end_when()
        .build()
    )

"""


@dataclass
class Service:
    """What a flow watches: how it is stands in files of its folder, which the worker's nodes read."""

    folder: Path

    def stands(self, health: str) -> None:
        """How it is from now on."""
        (self.folder / "health").write_text(health)

    def put(self, file: str, *, there: bool) -> None:
        """Makes a file, or takes it away: `held` stops the notification, `deaf` fails it."""
        path = self.folder / file
        path.touch() if there else path.unlink(missing_ok=True)

    @property
    def is_notifying(self) -> bool:
        """Whether a notification has begun since everything was well."""
        return (self.folder / "notifying").exists()

    @property
    def notified(self) -> list[str]:
        """The states that were notified."""
        path = self.folder / "notified"
        return path.read_text().split() if path.exists() else []


@dataclass
class Monitor:
    """One of the flows, and what it watches and opens. Its runs follow one another, and each is started by hand."""

    client: Client
    sim: Simulator
    flow: str
    service: Service
    signals: list[tuple[datetime, str]] = field(default_factory=list[tuple[datetime, str]])

    async def begin(self, health: str) -> RunHandle:
        """Starts a check."""
        self.service.stands(health)
        self.signals.append((self.sim.clock.now(), health))
        run = await trigger_schedule(self.client, self.flow)
        return RunHandle(self.client.get_workflow_handle(run.workflow_id, run_id=run.run_id), self.flow)

    async def end(self, run: RunHandle) -> str:
        """Waits until a check has ended: `completed`, or what it failed of."""
        async with asyncio.timeout(PATIENCE):
            try:
                await run.result()
            except FlowError as error:
                return type(error).__name__
        return "completed"

    async def check(self, health: str) -> str:
        """A check, to its end."""
        return await self.end(await self.begin(health))

    async def settle(self, health: str, *, checks: int) -> None:
        """So many checks that complete: nothing is wrong with anything but the service."""
        for _ in range(checks):
            async with asyncio.timeout(PATIENCE):
                while await self.check(health) != "completed":
                    pass  # a hasty one, on a busy machine

    async def cancel(self, run: RunHandle) -> None:
        """Cancels a check, if it still goes on."""
        with suppress(NotRunningError):
            await cancel_run(self.client, RunKey(run.workflow_id, run.run_id or ""))

    def mend(self) -> None:
        """From now on people are notified."""
        for file in ("held", "deaf", "notifying"):
            self.service.put(file, there=False)

    @property
    def incidents(self) -> list[Incident]:
        """What it has opened, oldest first."""
        return [incident for incident in self.sim.incidents() if incident.key == self.flow]

    def storms(self) -> list[str]:
        """Incidents that were opened without that the service had been well and bad again since the one before."""
        said: list[str] = []
        for earlier, later in pairwise(self.incidents):
            seen = [health for at, health in self.signals if earlier.created_at < at <= later.created_at]
            if {*seen} != {"ok", "bad"}:
                said.append(f"{later.id} behind {earlier.id}, with {seen} between them")
        return said


@dataclass
class PagerWatch:
    """The worker process, what it watches, and its PagerDuty."""

    sim: Simulator
    folder: Path
    variables: dict[str, str]
    monitors: dict[str, Monitor]
    stack: AsyncExitStack
    worker: Process | None = None

    def mend(self) -> None:
        """From now on PagerDuty answers, and people are notified."""
        self.sim.faults.clear()
        for each in self.monitors.values():
            each.mend()

    async def kill(self) -> None:
        """Kills the worker with SIGKILL, at whatever it does."""
        assert self.worker is not None
        self.worker.process.kill()
        await self.worker.ended()

    async def revive(self) -> None:
        """Starts a worker."""
        of_worker = started("worker", folder=self.folder, **self.variables)
        self.worker = await self.stack.enter_async_context(of_worker)
        await self.worker.url()


@asynccontextmanager
async def watched(client: Client, folder: Path, flows: Mapping[str, str]) -> AsyncGenerator[PagerWatch]:
    """A worker at work on flows, given by their names with their options; each opens an incident of its own."""
    place = folder / "flows"
    services = {name: Service(place / name) for name in flows}
    for service in services.values():
        service.folder.mkdir(parents=True)
    lines = [f"flow_{number} = made({name!r}, {options})" for number, (name, options) in enumerate(flows.items())]
    (place / "watching.py").write_text(_FLOWS + "\n".join(lines))
    async with Simulator.serve(limits=Limits.none()) as sim, AsyncExitStack() as stack:
        variables = {
            "PAGERDUTY_EVENTS_URL": sim.events_url,
            "PAGERDUTY_ROUTING_KEY": sim.world.routing_key,
            "TEMPORAL_ADDRESS": client.service_client.config.target_host,
            "RESOLUTE_TASK_QUEUE": uuid4().hex,
            "RESOLUTE_HTTP_PORT": "0",
            "RESOLUTE_PLAN_KEYS": KEY,
        }
        monitors = {name: Monitor(client, sim, name, service) for name, service in services.items()}
        watch = PagerWatch(sim, folder, variables, monitors, stack)
        await watch.revive()
        try:
            yield watch
        finally:
            for name in flows:
                await delete_schedule(client, name)
