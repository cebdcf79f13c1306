"""What people do in one world, drawn apart from what goes wrong in it: they pause, brake, and decide on held steps."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from resolute.plan.values import Json, JsonObject
from resolute.running.hold import FAIL, HOLD, RETRY, SKIP
from resolute.running.messages import Message
from resolute.running.pausing import PAUSE, PAUSING, RESUME
from resolute.running.stopping import SWITCHES
from resolute.running.switches import Thrown
from tests.simulation.faulty import TELLING
from tests.simulation.orders import What

if TYPE_CHECKING:
    from tests.simulation.run import SimulatedRun
    from tests.simulation.server import Server

HELD: Final = "step held"
DRY: Final = "dry run"
SHADOW: Final = "shadow"

_WHAT: Final[Mapping[What, float]] = {"run paused": 3, "flow paused": 2, "everything paused": 1, "brake": 4}
PEOPLE: Final = (*_WHAT, HELD, DRY, SHADOW)
"""What people do, as it is counted."""

_THROW: Final = 0.2
_HOLD: Final = 0.1
_WRITE_NOTHING: Final = 0.08
"""In how many worlds."""

_BRAKE_AT: Final = 0.16
"""In how many worlds the brake is put on in the very moment in which it is of consequence."""

BRAKES_AT: Final = ("a read", "a death", "a death")
"""Such moments: what a step reads before it writes is on the way; or a request that adds something is, of a worker that
dies.
"""

_OFTEN: Final = 3
"""Tries of a held step, after which it is left out or fails."""


@dataclass(frozen=True)
class Order:
    """What is done when so much more has happened, and for how many seconds."""

    what: What
    after: int
    seconds: float


class People:
    """What people do.

    `orders` are the switches that they throw. `hold` says that they decide what becomes of steps that have failed, and
    `write_nothing` that runs are dry, or shadows.
    """

    def __init__(self, draw: random.Random, *, within: int) -> None:
        self.draw = draw
        self.hold = draw.random() < _HOLD
        self.write_nothing = draw.random() < _WRITE_NOTHING
        self.orders: list[Order] = []
        if draw.random() < _THROW:
            for _ in range(draw.choice((1, 1, 2, 3))):
                what = draw.choices(tuple(_WHAT), tuple(_WHAT.values()))[0]
                self.orders.append(Order(what, draw.randint(1, within), 0.5 + draw.random() ** 2 * 40.0))
        self.brakes_at: str = draw.choice(BRAKES_AT) if draw.random() < _BRAKE_AT else ""
        self.are_there = bool(self.orders or self.brakes_at) or self.hold or self.write_nothing
        self._lengths: dict[str, float] = {}
        self._seen: dict[tuple[str, str, str], int] = {}
        self._times: dict[tuple[str, str], int] = {}
        self._numbers = 0

    def next(self) -> int:
        """After how much that happens they do something; 0 is never."""
        return self.orders[0].after if self.orders else 0

    def act(self, server: Server) -> None:
        """Somebody throws a switch, or pauses a run."""
        if not self.orders:
            return
        order = self.orders.pop(0)
        server.wait_for_people()
        if order.what == "run paused":
            self._pause_a_run(server, order)
            return
        runs = list(server.runs.values())
        flow = self.draw.choice(runs).plan.name if order.what == "flow paused" and runs else ""
        self._throw(server, order.what, flow, Thrown(by="ada", since=server.now().isoformat(), reason="to be sure"))
        server.chance.faults[order.what] += 1
        server.loop.call_later(order.seconds, self._release, server, order.what, flow)

    def meet(self, moment: str, server: Server) -> None:
        """A moment has come, at which somebody may put the brake on; the worker knows at once."""
        if moment == self.brakes_at:
            self.brakes_at = ""
            server.loop.call_later(0.0, self._brake_now, server)

    def is_deadly(self) -> bool:
        """Whether the worker dies on the way to PagerDuty, for somebody to put the brake on in that moment."""
        return self.brakes_at == "a death"

    def _brake_now(self, server: Server) -> None:
        self._throw(server, "brake", "", Thrown(by="ada", since=server.now().isoformat(), reason="just now"))
        server.switches.look()
        server.chance.faults["brake"] += 1
        server.loop.call_later(20.0 + self.draw.random() * 30.0, self._release, server, "brake", "")

    def _throw(self, server: Server, what: What, flow: str, thrown: Thrown | None) -> None:
        server.say(f"somebody {'throws' if thrown else 'releases'}: {what} {flow}")
        if what == "brake":
            server.switches.brake(thrown)
        else:
            server.switches.pause(flow, thrown)

    def _release(self, server: Server, what: What, flow: str) -> None:
        self._throw(server, what, flow, None)
        if self.draw.random() < 0.7:  # else each looks again by itself
            server.loop.call_later(1.0, self._wake, server)

    def _wake(self, server: Server) -> None:
        for run in server.runs.values():
            if run.is_open:
                server.send(run.id, Message(to=SWITCHES, word="look", id=self._id()))

    def _pause_a_run(self, server: Server, order: Order) -> None:
        if runs := [run for run in server.runs.values() if run.is_open]:
            run, name = self.draw.choice(runs), self._id()
            server.say(f"somebody pauses {run.id}")
            self._lengths[name] = order.seconds
            server.chance.faults[order.what] += 1
            server.send(run.id, Message(to=PAUSING, word=PAUSE, id=name, by="ada"), again=True)

    def heard(self, run: SimulatedRun, message: Message) -> None:
        """A run has taken a message: who has paused it resumes it after a while."""
        if (seconds := self._lengths.pop(message.id, None)) is not None:
            resume = Message(to=PAUSING, word=RESUME, id=self._id(), by="ada")
            run.server.loop.call_later(seconds, lambda: run.server.send(run.id, resume, again=True))

    def see(self, run: SimulatedRun, standing: JsonObject) -> None:
        """Somebody sees how a run stands, and decides on what is held."""
        for each in cast("list[JsonObject]", standing.get("held", [])):
            step, since = str(each["step"]), str(each["since"])
            if (run.id, step, since) not in self._seen:
                self._seen[run.id, step, since] = 1
                run.server.chance.faults[HELD] += 1
                run.server.loop.call_later(self.draw.random() * 10.0, self._decide, run, step)

    def _decide(self, run: SimulatedRun, step: str) -> None:
        name = step.rpartition(".")[2].partition("[")[0]
        times = self._times[run.id, step] = self._times.get((run.id, step), 0) + 1
        words = [RETRY, RETRY, SKIP, FAIL] if times < _OFTEN else [SKIP, FAIL]
        if name.startswith(TELLING):
            words = [RETRY] if times < _OFTEN else [FAIL]  # where nobody is told, somebody waits for ever, and should
        elif name.startswith("exhausted"):
            words = [SKIP, FAIL]  # its turns would have the same names again
        word = self.draw.choice(words)
        data: Json = 7 if word == SKIP and _is_number(run, name) else None
        run.server.say(f"somebody says {word} to {run.id} {step}")
        run.server.send(run.id, Message(to=HOLD + step, word=word, id=self._id(), data=data, by="ada"), again=True)

    def _id(self) -> str:
        self._numbers += 1
        return f"people-{self._numbers}"

    def rest(self) -> None:
        """They do nothing further, but decide on what is held."""
        self.orders.clear()
        self.brakes_at = ""


def _is_number(run: SimulatedRun, step: str) -> bool:
    return any(schema.get("type") == "integer" for schema in run.plan.types.get(step, ()))
