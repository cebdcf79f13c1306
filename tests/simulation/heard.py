"""What a run was told by people, and has taken and recorded: pauses, and decisions on steps that are held."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from resolute.plan.values import Json
from resolute.running.hold import HOLD, RETRY, SKIP
from resolute.running.messages import Message
from resolute.running.pausing import PAUSE, PAUSING
from tests.simulation.orders import Decided, Halted, Word

if TYPE_CHECKING:
    from tests.simulation.run import SimulatedRun


class Heard:
    """What counts is when a run took a message, in a turn that outlives the worker, and for the first time."""

    def __init__(self, run: SimulatedRun) -> None:
        self._run = run
        self._firsts: dict[str, int] = {}
        """When a message was taken first, or a cancel, also where that was lost: what it made begin has begun."""
        self._fresh: list[tuple[int, int, Message | None]] = []
        self._known: set[str] = set()
        self._paused_by: dict[str, None] = {}
        self._since = 0
        self._halted: list[Halted] = []
        self.decided: list[Decided] = []
        self.skipped: dict[str, Json] = {}
        """Steps that were left out, and what was given in their place."""

    def take(self, turn: int, message: Message | None) -> None:
        """The run takes a message in a turn; without one, it is cancelled."""
        if message is None or message.to == PAUSING or message.to.startswith(HOLD):
            at = self._run.server.tick()
            self._firsts.setdefault("" if message is None else message.id, at)
            self._fresh.append((turn, at, message))

    def lose(self) -> None:
        """What was taken and not recorded is lost."""
        self._fresh.clear()

    def keep(self, turn: int) -> None:
        """A turn outlives the worker."""
        kept = [(at, message) for taken_in, at, message in self._fresh if taken_in == turn]
        self._fresh = [each for each in self._fresh if each[0] != turn]
        for at, message in kept:
            if message is None:
                self._resumed(self._firsts[""], *self._paused_by)
            elif message.id not in self._known:
                self._known.add(message.id)
                self._take(at, message)
                self._run.server.people.heard(self._run, message)

    def _take(self, at: int, message: Message) -> None:
        if message.to.startswith(HOLD):
            step = message.to.removeprefix(HOLD)
            self._decided(self._firsts[message.id], step, cast("Word", message.word))
            if message.word == SKIP:
                self.skipped[step] = message.data
            return
        passed_on = isinstance(message.data, dict) and message.data.get("from") == "parent"
        source = "parent" if passed_on else "run"
        if message.word == PAUSE:
            self._since = self._since if self._paused_by else at
            self._paused_by[source] = None
        else:
            self._resumed(self._firsts[message.id], *((source,) if passed_on else ("run", "parent")))

    def _resumed(self, at: int, *sources: str) -> None:
        before = bool(self._paused_by)
        for source in sources:
            self._paused_by.pop(source, None)
        if before and not self._paused_by:
            self._halted.append(Halted(what="run paused", of=self._run.id, since=self._since, until=at))

    def _decided(self, at: int, step: str, word: Word) -> None:
        failed = self._run.forget_end(step) if word == RETRY else self._run.end_of(step)
        self.decided.append(Decided(at=at, run=self._run.id, step=step, word=word, failed=failed))

    def halted(self) -> list[Halted]:
        """When the run was paused."""
        if not self._paused_by:
            return self._halted
        return [*self._halted, Halted(what="run paused", of=self._run.id, since=self._since, until=float("inf"))]
