"""A durable execution service in memory: histories, timers, retries, deaths, as Temporal has them, in virtual time.

What a run has recorded survives its worker; all else is lost, and comes again by a replay of what was recorded. Every
delay and every fault is drawn from the seed, and there is no other source of chance.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from resolute.execution.executor import NodeExecutor
from resolute.memory.clock import START
from resolute.memory.sharing import SharedInMemory
from resolute.plan.plan import Plan
from resolute.plan.values import Json
from resolute.running.messages import Message
from resolute.running.recall import Memory
from tests.simulation.chance import Chance
from tests.simulation.checker import Asked, Effect
from tests.simulation.history import Cancel, Said
from tests.simulation.loop import VirtualLoop
from tests.simulation.network import InProcess, Network
from tests.simulation.orders import Begun, Refused, Sent
from tests.simulation.people import People
from tests.simulation.run import SimulatedRun
from tests.simulation.switching import Switchboard

MOST_STEPS: Final = 6_000
"""Turns of one world: with more of them something goes in a circle.

As long as the worker is down, each call that waits for it looks again and again: up to 25 calls of three runs, in 71 of
83 seconds, made a world of 1,853 turns.
"""


class Server:
    """One world: its time, its chance, its worker, its runs. `effects` is what nodes did, in the order of `tick`."""

    def __init__(
        self, loop: VirtualLoop, chance: Chance, executor: NodeExecutor, provider: InProcess, people: People
    ) -> None:
        self.loop = loop
        self.chance = chance
        self.executor = executor
        self.people = people
        self.switches = Switchboard(self, people.draw)
        self.questions = chance.apart("questions")
        self.begun: list[Begun] = []
        self.sent: list[Sent] = []
        self.refused: list[Refused] = []
        self.network = Network(self, provider)
        self.shared = SharedInMemory()
        self.runs: dict[str, SimulatedRun] = {}
        self.effects: list[Effect] = []
        self.strange: list[str] = []
        """What no run may do, whatever goes wrong: a replay that does something else, an end that nothing explains."""
        self.asked: dict[tuple[str, str], Asked] = {}
        self.left: list[asyncio.Task[object]] = []
        """Attempts that were at work in a worker that has died."""
        self.life = 0
        self.is_up = True
        self._is_dying = False
        self.told: list[str] | None = None
        """All that happened, in words, where somebody wants to read it."""
        self._ticks = 0
        self._people_act_at = 0
        self.wait_for_people()

    def tick(self) -> int:
        """The next place in the order of all that happens."""
        self._ticks += 1
        if self._ticks == self._people_act_at:
            self.loop.call_later(self.people.draw.random() ** 3, self.people.act, self)
        return self._ticks

    def wait_for_people(self) -> None:
        """When people do something next, by how much has happened until then."""
        after = self.people.next()
        self._people_act_at = self._ticks + after if after else 0

    def say(self, what: str) -> None:
        """Tells who follows what happens."""
        if self.told is not None:
            self.told.append(f"{self.loop.time():10.3f}  {what}")

    def now(self) -> datetime:
        """The time."""
        return START + timedelta(seconds=self.loop.time())

    async def sleep(self, seconds: float) -> None:
        """Waits in virtual time."""
        await asyncio.sleep(seconds)

    async def never(self) -> None:
        """Waits for ever, as code of a worker that has died."""
        await self.loop.create_future()

    async def polled(self) -> None:
        """Waits until a worker takes up what waits for it."""
        await self.sleep(self.chance.lag())
        while not self.is_up:
            await self.sleep(0.5 + self.chance.lag())

    def die(self) -> None:
        """Kills the worker. It comes up again after a while."""
        if self.is_up and not self._is_dying:
            self._is_dying = True
            self.loop.call_later(0.0, self._die)

    @property
    def is_well(self) -> bool:
        """Whether the worker is there, and does not die at this moment."""
        return self.is_up and not self._is_dying

    def _die(self) -> None:
        self.say("the worker dies")
        self._is_dying = False
        self.life += 1
        self.is_up = False
        for run in self.runs.values():
            run.lose()
        self.loop.call_later(1.0 + self.chance.lag(20.0), self._come_up)

    def _come_up(self) -> None:
        self.say("a worker comes up")
        self.is_up = True
        if self.people.are_there:
            self.switches.come_up()
        for run in tuple(self.runs.values()):
            run.wake()

    def start(
        self,
        plan: Plan,
        run_id: str,
        *,
        given: Json = None,
        memory: Memory | None = None,
        scheduled_for: datetime | None = None,
        parent: SimulatedRun | None = None,
        holds: str = "",
        ended: Callable[[SimulatedRun], None] = lambda _: None,
    ) -> SimulatedRun:
        """Starts a run. `ended` is called when it has ended."""
        run = SimulatedRun(
            self,
            plan,
            run_id,
            given=given,
            memory=memory,
            scheduled_for=scheduled_for or self.now(),
            parent=parent,
            holds=holds,
            ended=ended,
        )
        self.runs[run_id] = run
        self.say(f"{run_id} starts ({plan.name})")
        run.wake()
        return run

    def send(self, run_id: str, message: Message, *, again: bool = False) -> None:
        """Sends a message to a run; with `again` until it takes it."""
        times = 2 if self.chance.happens("message twice") else 1
        for _ in range(times):
            self.loop.call_later(self.chance.lag(), self._send, run_id, Said(message, again=again))

    def _send(self, run_id: str, said: Said) -> None:
        if (run := self.runs.get(run_id)) is not None:
            run.bring(said)

    def cancel(self, run: SimulatedRun) -> None:
        """Asks a run to end."""
        self.say(f"{run.id} is cancelled")
        run.bring(Cancel())

    def end(self) -> None:
        """Lets go of what dead workers have left."""
        for task in self.left:
            task.cancel()
        self.loop.drain()

    def live(self, until: Callable[[], bool]) -> None:
        """Lets time pass until something is so.

        What does not come to it is written down as strange.
        """
        self.loop.drain()
        why = f"after {MOST_STEPS:,} turns it goes on"
        for _ in range(MOST_STEPS):
            if until():
                return
            if not self.loop.step():
                why = "nothing happens any more"
                break
        open_runs = [run.id for run in self.runs.values() if run.is_open]
        self.strange.append(f"{why}, and {open_runs} have not ended")
