"""The runtime of one interpreter: what it asks for is written down, and answered by what is written down.

An interpreter that replays asks for the same again, in the same order, and is answered from the history. Where it asks
for something else the simulation says so: on a server such a run is stuck for ever.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from temporalio.exceptions import CancelledError

from resolute.memory.children import recorded_of_child
from resolute.memory.ended import MemoryRun
from resolute.plan.errors import NodeFailedError
from resolute.plan.policies import Policy
from resolute.plan.values import Json, JsonObject, digest
from resolute.running.made import stopped_from
from resolute.running.messages import Message
from resolute.running.runtime import Answered, CallRequest, ChildRequest, Paused
from resolute.running.shared.asking import Asking
from resolute.running.switches import Stop, stop_from
from resolute.temporal.wire.together import Asked as AskedOfTrip
from resolute.temporal.workflows.trips import Trips
from tests.simulation.history import Carried, ChildDone, Done, Event, Fired

if TYPE_CHECKING:
    from tests.simulation.run import SimulatedRun

_UNDOES: Final = re.compile("undo_|told$")
"""Steps that run when a run has failed or was cancelled."""

_A_MOMENT: Final = timedelta(milliseconds=1)
_TURNS: Final = 5
"""As the runtime on Temporal: turns in which what has ended at the moment of a cancel has ended."""


class StrangeError(AssertionError):
    """A replay does something else than its history."""


@dataclass
class _Asked:
    number: int
    step: str
    answer: asyncio.Future[Any]
    start: Callable[[], None]
    local: bool
    is_new: bool
    is_given_up: bool = False


class Part:
    """Runs one part of a run in one life of a worker. Its trips are the product's own, and it is their `Way`."""

    def __init__(self, run: SimulatedRun) -> None:
        self.moment: datetime = run.server.now()
        self.replays = True
        self.fresh: list[Callable[[], None]] = []
        """What the server is to do when it hears of this turn."""
        self.at_work_here = 0
        """Local calls at work: the turn ends with them."""
        self.turns = 0
        self.is_gone = False
        """Whether its worker has died, or has let go of it: what is left of it ends, and writes nothing."""
        self.is_cancelled = False
        self._run = run
        self._asked: dict[int, _Asked] = {}
        self._count = 0
        self._trips = Trips(self, lambda _: None, run.plan.interpreter)
        self._given_up: list[str] = []
        self._pauses: dict[str, asyncio.Future[None]] = {}
        self._standing = run.stood

    @property
    def is_through(self) -> bool:
        """Whether all that the history has was asked for again."""
        return self._count == len(self._run.history.commands)

    def now(self) -> datetime:
        """When the present turn began, which is the same in a replay."""
        return self.moment

    def is_full(self, ended: int) -> bool:
        """Whether the history is to end, which depends on the history alone."""
        return self._run.is_full(self.turns, ended)

    async def sleep(self, step: str, until: datetime | None) -> None:
        """Waits by a timer of the server."""
        if until is None:
            await self._loop.create_future()
            return
        until = max(until, self.moment + _A_MOMENT)
        asked = self._ask("timer", step, lambda number: lambda: self._run.set_timer(number, until))
        try:
            await asked.answer
        except asyncio.CancelledError:
            if self._asked.pop(asked.number, None) is not None:
                self._order(f"no timer {asked.number}", lambda: self._run.stop_timer(asked.number))
            raise

    def resume(self) -> None:
        """A replay has come to its end: what was at work here, and has no end in the history, begins anew."""
        for asked in tuple(self._asked.values()):
            if asked.local and not asked.answer.done():
                self.at_work_here += 1
                asked.start()
                if asked.is_given_up:
                    self._run.give_up(asked.number)

    @property
    def is_ahead(self) -> bool:
        """Whether calls have been begun to which the run has not come yet."""
        return self._trips.is_ahead

    async def call(
        self, request: CallRequest, behind: Sequence[CallRequest] = (), paused: Paused | None = None
    ) -> Json:
        """Runs a node; in the local lane with those behind it."""
        local = request.lane == "local"
        if local and (behind or request.step in self._trips):
            return (await self._trips.in_turn(request, behind, paused)).value()
        asked = self._ask(
            f"call {request.node} {digest(repr(request.arguments))} {request.lane}",
            request.step,
            lambda number: self._work(number, lambda: self._run.hands.make(request, local=local), local=local),
            local=local,
        )
        self._run.noted(asked.number, request)
        self._note_asked(asked, request.step)
        self._check_cancelled(request.step)
        return _output(await asked.answer)

    def _note_asked(self, asked: _Asked, step: str) -> None:
        if asked.is_new and self._run.server.people.are_there:
            self._run.asked_at[step] = self._run.server.tick()

    def _check_cancelled(self, step: str) -> None:
        """A run that is cancelled begins nothing more, but what undoes its work."""
        if self.is_cancelled and not self.replays and not _UNDOES.match(step.rpartition(".")[2]):
            self._run.server.strange.append(f"{self._run.id} begins {step} although it is cancelled")

    async def call_together(
        self, requests: Sequence[CallRequest], *, at_once: int, stops: bool, paused: Paused | None = None
    ) -> list[Answered]:
        """Runs nodes, so many at once, in one trip for the attempts that are due."""
        answers = await self._trips.beside(requests, at_once=at_once, stops=stops, paused=paused)
        self._run.completed([each for each, answer in zip(requests, answers, strict=True) if not answer.put_off])
        return answers

    @property
    def given_up(self) -> int:
        """How often steps have been given up."""
        return len(self._given_up)

    async def make_room(self, size: int) -> None:
        """There is room for all."""

    def stop_where_given_up(self, step: str, before: int) -> None:
        """Ends the call of a step that was given up while it waited."""
        if any(step.startswith(part) for part in self._given_up[before:]):
            raise asyncio.CancelledError

    async def pause(self, name: str, step: str, until: datetime) -> None:
        """Waits for the next attempt of a step, by a timer of the server."""
        pause = self._pauses[name] = asyncio.ensure_future(self.sleep(step, until))
        try:
            await pause
        finally:
            del self._pauses[name]

    async def carry(self, name: str, arguments: JsonObject, time: timedelta) -> Json:
        """Has the worker make a trip, in one local call.

        Raises:
            CancelledError: it was given up before it began.
        """
        calls = [AskedOfTrip.of(each) for each in cast("list[Json]", arguments["calls"])]
        asked = self._ask(
            f"trip {digest(json.dumps(arguments))}",
            name,
            lambda number: self._work(number, lambda: self._run.hands.carry(number, arguments), local=True),
            local=True,
        )
        self._run.noted(
            asked.number,
            *(
                CallRequest(step=each.step, node=each.node, arguments=each.arguments, policy=_whole(each), lane="local")
                for each in calls
            ),
        )
        for each in calls:
            self._note_asked(asked, each.step)
            self._check_cancelled(each.step)
        try:
            carried: Carried = await asked.answer
        except asyncio.CancelledError:
            if asked.number in self._asked:
                raise
            raise CancelledError from None
        return carried.record

    async def share(self, asking: Asking) -> Json:
        """Asks what runs share."""
        what = f"share {asking.of} {asking.word} {digest(repr(asking.data))}"
        asked = self._ask(
            what, asking.step, lambda number: self._work(number, lambda: self._run.hands.ask(asking), local=False)
        )
        return _output(await asked.answer)

    async def child(self, request: ChildRequest) -> Json:
        """Runs another flow."""
        asked = self._ask(
            f"child {request.plan.fingerprint} {digest(repr(request.input))}",
            request.step,
            lambda number: lambda: self._run.start_child(number, request),
        )
        self._run.noted_child(asked.number, request.step)
        done: ChildDone = await asked.answer
        end: MemoryRun = done.end
        return recorded_of_child(end, given_up=done.given_up)

    def child_id(self, step: str) -> str:
        """The id of this run and the step."""
        return f"{self._run.id}/{step}"

    async def still(self, name: str, stop: Stop) -> Stop | None:
        """Asks the worker, in a local call."""
        asked = self._ask(
            f"still {digest(repr(stop))}",
            name,
            lambda number: self._work(number, lambda: self._run.hands.look(stop), local=True),
            local=True,
        )
        now = _output(await asked.answer)
        return None if now is None else stop_from(now)

    def stand(self, standing: JsonObject) -> None:
        """Tells people, where it has changed."""
        if standing != self._standing and not self.is_gone:
            self._standing = standing
            self._order(f"stand {digest(json.dumps(standing))}", lambda: self._run.stands(standing))

    def tell_children(self, message: Message) -> None:
        """Passes a message on."""
        self._order(f"tell {message.to}", lambda: self._run.tell_children(message))

    def cancel(self, part: str = "") -> None:
        """Gives up the calls at work whose steps begin so."""
        self._trips.give_up(part)
        self._given_up.append(part)
        asked = [each for each in self._asked.values() if each.step.startswith(part)]
        pauses = [pause for name, pause in self._pauses.items() if name.startswith(part)]
        self._give_up(asked, pauses, _TURNS)

    def _give_up(self, asked: list[_Asked], pauses: list[asyncio.Future[None]], turns: int) -> None:
        if turns:
            self._loop.call_soon(self._give_up, asked, pauses, turns - 1)
            return
        for pause in pauses:
            pause.cancel()
        for each in asked:
            if each.number in self._asked and not each.answer.done():
                each.is_given_up = True
                give_up = self._giving_up(each)
                if each.local:
                    self._order(f"no {each.number}", lambda: None)
                    give_up()
                else:
                    self._order(f"no {each.number}", give_up)

    def _giving_up(self, asked: _Asked) -> Callable[[], None]:
        return lambda: self._run.give_up(asked.number)

    def bring(self, event: Event) -> None:
        """Brings an event to who waits for it."""
        match event:
            case Done(command, gone=True):
                self._end(command, None)
            case Done(command) | Carried(command) | ChildDone(command) | Fired(command):
                self._end(command, event)
            case _:
                raise AssertionError(event)

    def _end(self, command: int, event: Event | None) -> None:
        asked = self._asked.pop(command, None)
        if asked is None or asked.answer.done():
            return
        if event is None:
            asked.answer.cancel()
        else:
            asked.answer.set_result(event)

    def _work(self, number: int, work: Callable[[], Coroutine[Any, Any, Any]], *, local: bool) -> Callable[[], None]:
        return lambda: self._run.begin(number, work(), local=local)

    def _ask(self, what: str, step: str, start: Callable[[int], Callable[[], None]], *, local: bool = False) -> _Asked:
        number = self._count
        is_new = self._write(f"{what} {step}")
        asked = self._asked[number] = _Asked(number, step, self._loop.create_future(), start(number), local, is_new)
        if is_new and local:
            self.at_work_here += 1
            asked.start()
        elif is_new:
            self.fresh.append(asked.start)
        return asked

    def _order(self, what: str, order: Callable[[], None]) -> None:
        if self._write(what):
            self.fresh.append(order)

    def _write(self, command: str) -> bool:
        """Writes a command down; False where the history has it."""
        commands, number = self._run.history.commands, self._count
        self._count += 1
        if number < len(commands):
            if commands[number] != command:
                raise StrangeError(f"{self._run.id} did {commands[number]!r}, and in a replay {command!r}")
            return False
        if self.replays:
            raise StrangeError(f"{self._run.id} did nothing further, and in a replay {command!r}")
        commands.append(command)
        return True

    @property
    def _loop(self) -> Any:
        return self._run.server.loop


def _whole(asked: AskedOfTrip) -> Policy:
    """The policy of a call, of which a trip is told what is left behind a switch that has stopped it."""
    retry = asked.policy.retry
    if not (retry.attempts and asked.made.counted):
        return asked.policy
    attempts = retry.attempts + asked.made.counted
    return asked.policy.model_copy(update={"retry": retry.model_copy(update={"attempts": attempts})})


def _output(done: Done) -> Json:
    if done.stopped is not None:
        raise stopped_from(done.stopped)
    if done.failure is not None:
        raise NodeFailedError(**cast("Any", done.failure), made=done.left)
    return done.output
