"""The keeper of a key, in memory: it decides by the product's own `Line`, and starts, cancels and tells."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from resolute.plan.keyed import WhileRunning
from resolute.running.line import Became, Line, Start
from resolute.running.messages import EVENT, Message
from tests.simulation.checker import Start as StartSeen
from tests.simulation.run import SimulatedRun

if TYPE_CHECKING:
    from tests.simulation.server import Server


class Keeper:
    """Keeps the starts of one key. `seen` says what became of each, for the checker."""

    def __init__(self, server: Server, key: str, begin: Callable[[str, Callable[[SimulatedRun], None]], SimulatedRun]):
        self._server = server
        self._key = key
        self._begin = begin
        self._line = Line()
        self._run: SimulatedRun | None = None
        self._seen: dict[str, tuple[int, Became, WhileRunning]] = {}
        self.runs: dict[str, list[str]] = {}
        self.told: dict[str, list[str]] = {}

    @property
    def is_idle(self) -> bool:
        """Whether nothing goes on and nothing waits."""
        return not (self._line.is_at_work or self._line.waiting)

    def hand_in(self, start: Start) -> None:
        """Takes a start, which may come twice."""
        if self._line.known(start.id):
            return
        became = self._line.decide(start, self._server.loop.time())
        self._server.say(f"start {start.id} of {self._key} is {became}")
        if became == "replaced" and self._run is not None:
            self._server.cancel(self._run)
        if became == "told":
            if self._run is not None and self._run.is_open:
                name, value = start.event or ("", None)
                message = Message(to=EVENT + name, word="tell", id=start.id, data=value, by=start.by)
                self._server.send(self._run.id, message)
                self.told.setdefault(start.id, []).append(self._run.id)
            else:
                became = self._line.not_told(start, self._server.loop.time())
        self._seen.setdefault(start.id, (self._server.tick(), became, start.while_running))
        self._next()

    def _next(self) -> None:
        if self._line.is_at_work or not self._line.waiting:
            return
        start = self._line.begin()
        self._run = self._begin(start.id, self._ended)
        self.runs.setdefault(start.id, []).append(self._run.id)

    def _ended(self, _: SimulatedRun) -> None:
        self._run = None
        self._line.end()
        self._server.loop.call_later(self._server.chance.lag(), self._next)

    def heard(self, run: str, start: str, times: int) -> None:
        """How often a run has heard what it was told once."""
        self.told[start] = [*(each for each in self.told.get(start, ()) if each != run), *[run] * times]

    def seen(self) -> tuple[StartSeen, ...]:
        """Every start, and what became of it."""
        return tuple(
            StartSeen(
                at=at,
                id=name,
                key=self._key,
                became=became,
                while_running=while_running,
                runs=tuple(self.runs.get(name, ())),
                told=tuple(self.told.get(name, ())),
            )
            for name, (at, became, while_running) in self._seen.items()
        )
