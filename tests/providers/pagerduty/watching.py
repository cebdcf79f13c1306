"""A flow that watches a service and pages for it, run again and again while everything goes wrong around it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from typing import Any, Literal, TypeAlias

import resolute_pagerduty as pagerduty
from resolute import Alarmed, CallContext, Flow, TerminalError, alarm, every, flow, node, sleep
from resolute.execution.executor import NodeExecutor
from resolute.memory.clock import VirtualClock
from resolute.memory.runtime import run_in_memory
from resolute.plan.step import plan_name
from resolute.plan.values import JsonObject
from resolute.running.interpreter import Interpreter
from resolute.running.recall import Memory
from resolute_pagerduty import PagerDuty
from resolute_pagerduty.simulator import Clock, Limits, Simulator
from resolute_pagerduty.simulator.resources import Incident
from tests.patience import PATIENCE
from tests.providers.pagerduty.harness import config_for

BEGAN = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
A_MINUTE = timedelta(minutes=1)

Health: TypeAlias = Literal["ok", "bad", "between"] | None
Fault: TypeAlias = Literal["", "refused", "lost", "unreachable", "told"]
"""`refused`: PagerDuty answers with 503; `lost`: it does what is asked, and the answer is lost; `unreachable`: both
until the run gives up; `told`: what stands behind the alarm fails."""
Where: TypeAlias = tuple[str, Literal["before", "after"]]

SERVICE: dict[str, Any] = {"health": "ok", "fails": False, "slow": False}


@node
async def look() -> str | None:
    """How the service is."""
    health: str | None = SERVICE["health"]
    return health


@node
async def is_slow() -> bool:
    """Whether the run is to take longer than it may."""
    return bool(SERVICE["slow"])


@node
async def tell() -> None:
    """What stands behind the alarm."""
    if SERVICE["fails"]:
        raise TerminalError("nobody listens")


@dataclass(frozen=True)
class Edition:
    """How the flow is written: its alarm's name, which may be missing, and what damps it."""

    name: str | None = "checkout"
    raise_after: int = 2
    clear_after: int = 2

    @cache  # noqa: B019  # a few editions, frozen
    def written(self) -> Flow:
        """The flow."""
        health, slow = look().as_("health"), is_slow().as_("slow")
        begun = flow("watch", within=timedelta(minutes=4)).triggered_by(every(A_MINUTE)).then(health)
        if self.name is not None:
            watched = alarm(
                self.name,
                bad=health.output == "bad",
                clear=health.output == "ok",
                raise_after=self.raise_after,
                clear_after=self.clear_after,
                incident=pagerduty.incident_for(dedup_key="checkout"),
            )
            begun = begun.then(watched)
        ended = begun.then(slow).when(slow.output).then(sleep(timedelta(minutes=8))).end_when()
        return ended.then(tell().as_("told")).build()


class Meeting(NodeExecutor):
    """Runs nodes; at one of them, the run is cancelled, or Temporal terminates it, or its worker dies."""

    def meet(self, where: Where | None, cancel: bool) -> None:
        """Says at which step that happens, and whether it is a cancel."""
        self._where = where
        self._cancels = cancel
        self.begun: list[Interpreter] = []
        self.terminated = asyncio.Event()

    async def execute(self, call: CallContext, arguments: JsonObject) -> Any:
        """See `NodeExecutor.execute`."""
        await self._meet(call, "before")
        output = await super().execute(call, arguments)
        await self._meet(call, "after")
        return output

    async def _meet(self, call: CallContext, when: Literal["before", "after"]) -> None:
        if self._where is None or self._where[1] != when or not plan_name(call.step).endswith(self._where[0]):
            return
        if self._cancels:
            self.begun[-1].cancel()
        else:
            self.terminated.set()
            await asyncio.Event().wait()


@dataclass
class Watch:
    """A schedule of the flow, and the PagerDuty that it pages. One run follows the other, a minute apart."""

    sim: Simulator
    provider: PagerDuty
    edition: Edition = field(default_factory=Edition)
    memory: Memory | None = None
    said: list[str] = field(default_factory=list[str])
    signals: list[tuple[datetime, Health]] = field(default_factory=list[tuple[datetime, Health]])
    clock: VirtualClock = field(default_factory=lambda: VirtualClock(BEGAN))
    numbers: Any = field(default_factory=count)

    async def check(
        self,
        health: Health,
        *,
        fault: Fault = "",
        cancelled: Where | None = None,
        terminated: Where | None = None,
        slow: bool = False,
        continued: bool = False,
        keeps_faults: bool = False,
    ) -> str:
        """One run; the outcome of its alarm, or how the run ended."""
        SERVICE.update(health=health, fails=fault == "told", slow=slow)
        if not keeps_faults:
            self.sim.faults.clear()
        match fault:
            case "refused":
                self.sim.faults.add(action="status", status=503, path="/v2/enqueue", times=1)
            case "lost":
                self.sim.faults.add(action="reset", path="/v2/enqueue", times=1, after=True)
            case "unreachable":
                self.sim.faults.add(action="status", status=503, path="/v2/enqueue", times=3, after=True)
                self.sim.faults.add(action="status", status=503, path="/v2/enqueue", times=None)
            case _:
                pass
        self.clock.move(A_MINUTE)
        now = self.clock.now()
        self.sim.clock.freeze(now)
        self.signals.append((now, health))
        said = await self._run(cancelled, terminated, continued=continued)
        self.said.append(said)
        return said

    async def _run(self, cancelled: Where | None, terminated: Where | None, *, continued: bool) -> str:
        built = self.edition.written()
        executor = Meeting(built.nodes.values(), [self.provider])
        executor.meet(cancelled or terminated, cancelled is not None)
        going = asyncio.ensure_future(
            run_in_memory(
                built.plan,
                executor,
                clock=self.clock,
                memory=self.memory,
                run_id=f"run-{next(self.numbers)}",
                begun=executor.begun.append,
                full=lambda ended: continued and ended >= 1,
                patience=PATIENCE,
            )
        )
        stopped = asyncio.ensure_future(executor.terminated.wait())
        await asyncio.wait({going, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not going.done():
            going.cancel()
            self.clock = VirtualClock(self.clock.now())  # with nobody at work who holds it
            return "terminated"
        run = going.result()
        self.memory = run.memory
        name = self.edition.name
        if run.error is not None or name is None:
            return run.report.status
        return Alarmed.model_validate(run.report.step(name).output).outcome

    @property
    def open(self) -> list[Incident]:
        """The incidents that are open."""
        return [incident for incident in self.sim.incidents() if incident.open]

    def between(self, earlier: Incident, later: Incident) -> Sequence[Health]:
        """What the checks saw behind the beginning of one incident, until the next one began."""
        return [health for at, health in self.signals if earlier.created_at < at <= later.created_at]


def served() -> Any:
    """A PagerDuty that begins as the watch does."""
    return Simulator.serve(clock=Clock(BEGAN), limits=Limits.none())


def provider_for(sim: Simulator) -> PagerDuty:
    """A provider that talks to it."""
    return PagerDuty(config_for(sim))
