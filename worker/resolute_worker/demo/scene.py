"""What the demo sets up: a simulated PagerDuty, a shop, a real Temporal server, and a worker with its board."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr
from rich.console import Console
from rich.markup import escape

from resolute.execution.secrets import Environment
from resolute_pagerduty import PagerDuty, PagerDutyConfig
from resolute_pagerduty.simulator import Simulator
from resolute_worker.boarding import BOARD, Boarding
from resolute_worker.demo.flow import smart_alerting
from resolute_worker.demo.town import Town
from resolute_worker.deploying import Load
from resolute_worker.process import Running, running
from resolute_worker.serving.server import HttpServer
from resolute_worker.settings import Settings


@dataclass(frozen=True)
class Scene:
    """What the demo has set up."""

    sim: Simulator
    town: Town
    worker: Running
    say: Callable[[str, str], None]

    @property
    def board(self) -> str:
        """Where the board is."""
        return f"{self.worker.http.url}{BOARD}"

    async def until(self, happened: Callable[[], object]) -> None:
        """Waits until something is true in the simulator."""
        while True:
            # In short intervals: the waiting thread cannot be cancelled.
            with contextlib.suppress(TimeoutError):
                return await self.sim.until(happened, timeout=0.5)


@contextlib.asynccontextmanager
async def scene(console: Console, folder: Path) -> AsyncGenerator[Scene]:
    """Everything that the demo needs, for the length of an `async with`; it is on loopback, on free ports."""

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
        say("Worker", "runs the flow smart-alerting: it checks the shop every second")
        shown = Scene(sim, town, worker, say)
        say("Board", f"shows all of it, live: {shown.board}")
        yield shown


def _account(sim: Simulator) -> PagerDutyConfig:
    return PagerDutyConfig(
        api_key=SecretStr(sim.world.account_key),
        from_email=sim.world.from_email,
        api_url=sim.url,
        events_url=sim.events_url,
    )
