"""A pause of a run: nothing new is begun, what is at work ends, and no time that comes wakes anybody until it is over.

Gates are still decided and events still kept: a step that has begun goes on listening. Who has paused a run stands in
`Outcomes.paused`, so that it is still paused in another history.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, Protocol, cast

from resolute.plan.plan import Plan
from resolute.plan.step import Step, walk
from resolute.plan.values import Json, JsonObject
from resolute.running.frame import Frame
from resolute.running.messages import ITSELF, Inbox, Listener, Message, MessageRefusedError
from resolute.running.runtime import Runtime
from resolute.running.standing import Standing

PAUSING: Final = f"{ITSELF}pause"
"""The address of a run at which it is paused and resumed."""

PAUSE: Final = "pause"
RESUME: Final = "resume"

_OWN: Final = "run"
_PARENT: Final = "parent"
_HEARD: Final = "heard"

KEEPS_THE_LATEST: Final = 5
"""The first interpreter by which a run keeps to what the run above it has said last, in whatever order that comes.

What older ones did must come again in a replay.
"""

_NO_PAUSE: Final = "the run is cancelled and undoes its work, which no pause stops"


class Pausable(Protocol):
    """What pausing a run needs of it."""

    plan: Plan
    runtime: Runtime
    inbox: Inbox
    standing: Standing
    cancelled: bool
    lifted: bool

    async def wait(self, step_id: str, until: datetime | None = None) -> object:
        """Waits until it is woken; see `Run.wait`."""

    def wake(self, step_id: str) -> None:
        """Ends a wait; see `Run.wake`."""

    def come_late(self) -> None:
        """Wakes those whose time came during the pause; see `Run.come_late`."""

    def stop_where_cancelled(self, at: str = "") -> None:
        """See `Run.stop_where_cancelled`."""


class Pausing:
    """Who has paused one run, and which steps wait for the end of that.

    A run is paused by somebody, or with the run that started it: each pause ends by itself, but a person who resumes a
    run ends both. What a run passes on to those that it has started is numbered, because messages may overtake each
    other on their way: what comes behind a later one is refused.
    """

    def __init__(self, run: Pausable) -> None:
        self._run = run
        self._paused: dict[str, JsonObject] = {}
        self._barred: dict[str, None] = {}
        self._passed_on = 0
        self._heard = 0
        self.ended: list[Callable[[], None]] = []
        """What is called when the run goes on."""

    def __bool__(self) -> bool:
        return bool(self._paused)

    def listen(self, paused: JsonObject) -> None:
        """Takes up the pauses of an earlier part of the run, and listens for others."""
        held = dict(paused)
        self._heard = int(cast("int", held.pop(_HEARD, 0)))
        self._paused = cast("dict[str, JsonObject]", held)
        self._run.standing.paused = self._first()
        self._run.inbox.listen(PAUSING, Listener(self._check, self._take))

    def as_json(self) -> JsonObject:
        """As plain data, which `listen` takes up."""
        held: JsonObject = {source: facts for source, facts in self._paused.items() if source in (_OWN, _PARENT)}
        return {**held, _HEARD: self._heard} if self._heard else held

    async def passed(self, step: Step, frame: Frame) -> None:
        """Waits, as long as the run is paused, before a step that has not begun.

        Raises:
            asyncio.CancelledError: the run is cancelled, or the part of it that the step is in.
            RunSuspendedError: the run is to be continued.
        """
        if not _has_begun(step, frame):
            await self.over(frame.path + step.id, frame)

    async def over(self, name: str, frame: Frame | None = None) -> None:
        """Waits under this name, as long as the run is paused.

        Raises:
            asyncio.CancelledError: the run is cancelled, or the part of it that waits.
            RunSuspendedError: the run is to be continued.
        """
        while self._paused:
            self._barred[name] = None
            try:
                await self._run.wait(name)
            finally:
                del self._barred[name]
            self._run.stop_where_cancelled(frame.path if frame else "")

    def pause(self, source: str, facts: JsonObject) -> None:
        """Begins nothing more, until `end` is called for the same source."""
        self._paused[source] = facts
        self._tell()

    def meet(self, paused: Mapping[str, JsonObject]) -> None:
        """The pauses of many runs at once that calls of this one meet now; others of that kind are over."""
        gone = [source for source in self._paused if source not in (_OWN, _PARENT, *paused)]
        for source, facts in paused.items():
            if self._paused.get(source) != facts:
                self.pause(source, facts)
        if gone:
            self.end(*gone)

    def end(self, *sources: str) -> None:
        """Ends the pauses of these sources, or all of them; where none is left, the run goes on."""
        found = [source for source in sources or tuple(self._paused) if self._paused.pop(source, None) is not None]
        if not found:
            return
        self._tell()
        if self._paused:
            return
        for step_id in tuple(self._barred):
            self._run.wake(step_id)
        self._run.come_late()
        for each in self.ended:
            each()

    def lift(self, message_id: str = "lifted") -> None:
        """Ends all pauses: the run is cancelled, and undoes its work."""
        if self._paused:
            self._resume(Message(to=PAUSING, word=RESUME, id=message_id))

    def _check(self, message: Message) -> None:
        if message.word not in (PAUSE, RESUME):
            raise MessageRefusedError(f"a run takes {PAUSE} and {RESUME}, not {message.word!r}")
        if _is_passed_on(message):
            self._check_passed_on(message)
            return
        own = self._paused.get(_OWN)
        if message.word == PAUSE and own is not None:
            raise MessageRefusedError(f"the run is paused already, {said_of(own)}", why="decided")
        if message.word == PAUSE and (self._run.cancelled or (self._keeps_the_latest and self._run.lifted)):
            raise MessageRefusedError(_NO_PAUSE, why="decided")
        if message.word == RESUME and own is None and _PARENT not in self._paused:
            for source, facts in self._paused.items():
                what = source.removeprefix("flow:") if source != "all" else "--all"
                raise MessageRefusedError(f"{what} is paused, {said_of(facts)}: resume {what}", why="decided")
            raise MessageRefusedError("the run is not paused", why="decided")

    @property
    def _keeps_the_latest(self) -> bool:
        return self._run.plan.interpreter >= KEEPS_THE_LATEST

    def _check_passed_on(self, message: Message) -> None:
        if not self._keeps_the_latest:
            return
        if 0 < _number_of(message) <= self._heard:
            raise MessageRefusedError("the run that started this one has said something else since", why="decided")
        if message.word == PAUSE and self._run.lifted:
            raise MessageRefusedError(_NO_PAUSE, why="decided")

    def _take(self, message: Message) -> Json:
        self._check(message)
        source = _PARENT if _is_passed_on(message) else _OWN
        if source == _PARENT and self._keeps_the_latest:
            self._heard = max(self._heard, _number_of(message))
        if message.word == PAUSE:
            data = cast("JsonObject", message.data or {})
            since = str(data.get("since") or self._run.runtime.now().isoformat())
            self.pause(source, {"by": message.by, "since": since, "reason": str(data.get("reason") or "")})
            self._pass_on(message)
        else:
            self._resume(message, *((source,) if source == _PARENT else (_OWN, _PARENT)))
        return {"paused": bool(self._paused)}

    def _resume(self, message: Message, *sources: str) -> None:
        """Ends pauses, here and in what a step has started, which is told first.

        Temporal's core tells a run of an output and of a message behind it at once or one after the other, depending on
        how much of the history is there. What the run does then has to come in one order: told first, it always does.
        """
        if not self._keeps_the_latest:
            self.end(*sources)
            self._pass_on(message)
            return
        # Those that were started meet the pauses of switches themselves.
        if not any(source in self._paused for source in (_OWN, _PARENT) if sources and source not in sources):
            self._pass_on(message)
        self.end(*sources)

    def _pass_on(self, message: Message) -> None:
        """A run that a step has started is at work for that step, and paused with it."""
        self._passed_on += 1  # a run that a step has started ends in the same history, so it knows of no other count
        data = {**cast("JsonObject", message.data or {}), "from": _PARENT, "number": self._passed_on}
        own = self._paused.get(_OWN) or self._paused.get(_PARENT)
        if own is not None and (message.word == PAUSE or not self._keeps_the_latest):
            data["since"] = own["since"]
        self._run.runtime.tell_children(
            Message(to=PAUSING, word=message.word, id=f"{message.id}/child", data=data, by=message.by)
        )

    def _tell(self) -> None:
        self._run.standing.paused = self._first()
        self._run.runtime.stand(self._run.standing.as_json())

    def _first(self) -> JsonObject | None:
        for source, facts in self._paused.items():
            return {**facts, "with": source}
        return None


def said_of(facts: JsonObject) -> str:
    """Who has thrown a switch, since when and why."""
    by, reason = facts.get("by"), facts.get("reason")
    return f"by {by or 'somebody'} since {facts.get('since')}" + (f": {reason}" if reason else "")


def _is_passed_on(message: Message) -> bool:
    return isinstance(message.data, dict) and message.data.get("from") == _PARENT


def _number_of(message: Message) -> int:
    """Which one it is of those that a run passes on; 0 where an earlier release has sent it."""
    number = message.data.get("number") if isinstance(message.data, dict) else None
    return number if isinstance(number, int) else 0


def _has_begun(step: Step, frame: Frame) -> bool:
    """Whether a step has begun in an earlier part of the run: it listens, or something in it does."""
    kept = frame.kept
    return step.id in kept.parts or any(
        each.id in kept.parts or each.id in kept.outputs or each.id in kept.done or each.id in kept.held
        for each in walk((step,))
        if each is not step
    )
