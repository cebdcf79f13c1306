"""The calls of one run that a switch has stopped: they wait until it is off, and are then made.

One of them asks the worker from time to time, for all of them; a message has it ask at once.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, Protocol

from resolute.plan.plan import Plan
from resolute.plan.values import Json
from resolute.running.messages import ITSELF, Inbox, Listener, Message
from resolute.running.pausing import Pausing
from resolute.running.runtime import Runtime
from resolute.running.standing import Standing
from resolute.running.switches import Stop

SWITCHES: Final = f"{ITSELF}switches"
"""The address at which a run is told that a switch was changed, so that it looks at once."""

_FIRST: Final = timedelta(seconds=2)
_LONGEST: Final = timedelta(minutes=5)
"""How long a run waits before it asks again: twice as long each time."""


WAITS_FOR_BOTH: Final = 4
"""The first interpreter that does not make a call in a pause of its run that a switch had stopped before.

What older ones did must come again in a replay.
"""

STOPS_WHERE_CANCELLED: Final = 5
"""The first interpreter that does not make a call whose run was cancelled while it asked about the switch.

What older ones did must come again in a replay.
"""


class Stoppable(Protocol):
    """What stopping calls needs of the run."""

    plan: Plan
    runtime: Runtime
    inbox: Inbox
    standing: Standing
    pausing: Pausing
    undoing: bool
    lifted: bool

    async def wait(self, step_id: str, until: datetime | None = None, *, even_paused: bool = False) -> object:
        """Waits until it is woken; see `Run.wait`."""

    def wake(self, step_id: str) -> None:
        """Ends a wait; see `Run.wake`."""

    def stop_where_cancelled(self, at: str = "") -> None:
        """See `Run.stop_where_cancelled`."""


class Stopping:
    """The calls of one run that wait for a switch."""

    def __init__(self, run: Stoppable) -> None:
        self._run = run
        self._waiting: dict[str, Stop] = {}
        self._asking = ""
        self._times = 0

    def listen(self) -> None:
        """Listens for changes of switches."""
        self._run.inbox.listen(SWITCHES, Listener(lambda _: None, self._look))

    async def passed(self, step_id: str, stop: Stop) -> None:
        """Waits until what has stopped a call is off, and then as long as the run itself is paused.

        Raises:
            asyncio.CancelledError: the run is cancelled, or the part of it that the step is in.
            RunSuspendedError: the run is to be continued.
        """
        name = f"{step_id}:stopped"
        self._waiting[name] = stop
        self._stand()
        try:
            while name in self._waiting:
                if self._asking in ("", name):
                    self._asking = name
                    await self._ask(name)
                else:
                    await self._run.wait(name, even_paused=True)
        finally:
            self._waiting.pop(name, None)
            if self._asking == name:
                self._asking = ""
                for other in tuple(self._waiting)[:1]:
                    self._run.wake(other)  # it asks from now on
            self._stand()
        if self._run.plan.interpreter >= WAITS_FOR_BOTH:
            await self._run.pausing.over(name)
        if self._run.plan.interpreter >= STOPS_WHERE_CANCELLED:
            self._run.stop_where_cancelled(step_id)

    async def _ask(self, name: str) -> None:
        """Waits, asks whether the switch is still on, and lets all calls go where it is not."""
        pause = min(_FIRST * 2 ** min(self._times, 10), _LONGEST)
        self._times += 1
        await self._run.wait(name, self._run.runtime.now() + pause, even_paused=True)
        stop = self._waiting[name]
        lifted = stop.why == "pause" and self._run.lifted
        now = None if lifted else await self._run.runtime.still(name, stop)
        if now is not None:
            self._waiting[name] = now
            self._stand()
            return
        self._times = 0
        waiting, self._waiting = self._waiting, {}
        for other in waiting:
            self._run.wake(other)

    def look(self) -> None:
        """Has the worker asked at once."""
        self._times = 0
        if self._asking:
            self._run.wake(self._asking)

    def _look(self, _: Message) -> Json:
        self.look()
        return {"waiting": len(self._waiting)}

    def _stand(self) -> None:
        """Tells the outside what stops the run: a pause of many runs is one of this run, as long as a call meets it."""
        run, stops = self._run, tuple(self._waiting.values())
        paused = {stop.source: stop.facts() for stop in stops if stop.why == "pause"}
        run.pausing.meet(paused)
        braked = next((stop for stop in stops if stop.why != "pause"), None)
        stopped = None if braked is None else {"why": braked.why, **braked.facts(), "undoing": run.undoing}
        if stopped != run.standing.stopped:
            run.standing.stopped = stopped
            run.runtime.stand(run.standing.as_json())
