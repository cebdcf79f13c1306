"""One run of the simulated service: its history, what waits to be brought to it, and the interpreter at work on it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, cast

from resolute.memory.clock import START
from resolute.memory.ended import MemoryRun
from resolute.plan.errors import FlowError, NodeFailedError, RunCancelledError, RunTimedOutError
from resolute.plan.kinds.call import calls_in
from resolute.plan.plan import Plan
from resolute.plan.values import Json, JsonObject
from resolute.running.interpreter import Interpreter, RunContinuedError
from resolute.running.made import CallStoppedError
from resolute.running.messages import Message, MessageRefusedError
from resolute.running.outcomes import outcomes_from
from resolute.running.pausing import RESUME
from resolute.running.recall import Memory
from resolute.running.report import RunReport, RunStatus
from resolute.running.result import result_of
from resolute.running.runtime import CallRequest, ChildRequest
from resolute.temporal.wire.together import Said as SaidOfCall
from resolute.temporal.wire.together import round_in
from tests.simulation.checker import CALL, Effect
from tests.simulation.hands import Hands
from tests.simulation.heard import Heard
from tests.simulation.history import Cancel, Carried, ChildDone, Done, Event, Fired, History, Said
from tests.simulation.history import Turn as HistoryTurn
from tests.simulation.orders import Begun, Refused
from tests.simulation.part import Part, StrangeError

if TYPE_CHECKING:
    from tests.simulation.server import Server

_TRIES: Final = 1_000
"""More attempts than a step makes, until somebody has it tried again."""


class SimulatedRun:
    """A run, from its start to its end. `ends` are the calls that it has recorded, in the order in which it did."""

    def __init__(
        self,
        server: Server,
        plan: Plan,
        run_id: str,
        *,
        given: Json,
        memory: Memory | None,
        scheduled_for: datetime,
        parent: SimulatedRun | None,
        holds: str,
        ended: Callable[[SimulatedRun], None],
    ) -> None:
        self.server = server
        self.plan = plan
        self.id = run_id
        self.holds = holds
        self.began = server.tick()
        self.ended = 0
        self.is_open = True
        self.error: FlowError | None = None
        self.recorded: Json = None
        self.memory: Memory | None = None
        self.report: RunReport | None = None
        self.history = History()
        self.flows: tuple[str, ...] = () if parent is None else (*parent.flows, parent.plan.name)
        """The flows of the runs that have started it, the first one first."""
        self.hands = Hands(self)
        self.heard = Heard(self)
        self.asked_at: dict[str, int] = {}
        """When the run asked for a call, for the last time."""
        self.stood: JsonObject = {}
        """How the run stood when its history began."""
        self._stands: JsonObject = {}
        self._tries: dict[str, int] = {}
        self.attempts: list[asyncio.Future[Any]] = []
        self.permanent: set[str] = set()
        self.ends: list[tuple[int, CallRequest, Done]] = []
        self.order: dict[str, int] = {}
        """When the run knew of calls that were made beside each other; it knows of all of them at once."""
        self._completed: list[tuple[int, tuple[str, ...]]] = []
        self.children: dict[str, SimulatedRun] = {}
        self.children_ended: list[tuple[int, str]] = []
        self.parts = 1
        self._quick = quick_steps(plan)
        self._given = given
        self._handed = memory
        self._scheduled_for = scheduled_for
        self.parent = parent
        self._tell = ended
        self._outcomes: Json = None
        self._waiting: list[Event] = []
        self._part: Part | None = None
        self._interpreter: Interpreter | None = None
        self._task: asyncio.Task[Json] | None = None
        self._is_due = self._in_turn = False
        self._forget()

    def _forget(self) -> None:
        """A new part begins, with a history of its own."""
        self.history = History()
        self._requests: dict[int, tuple[CallRequest, ...]] = {}
        self._steps_of_children: dict[int, str] = {}
        self._runs_of_steps: dict[int, SimulatedRun] = {}
        self._work: dict[int, asyncio.Task[Any]] = {}
        self._here: set[int] = set()
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self._given_up: set[int] = set()
        self._is_done: set[int] = set()

    # What the server does.

    def wake(self) -> None:
        """Has the worker look at the run soon."""
        if self.is_open and not self._is_due:
            self._is_due = True
            self.server.loop.call_later(self.server.chance.lag(0.2), self._look)

    def bring(self, event: Event) -> None:
        """Something has happened that is to be brought to the run."""
        if self.is_open:
            self._waiting.append(event)
            self.wake()

    def lose(self) -> None:
        """The worker has died."""
        if not self.is_open:
            return
        self._waiting = [*self.history.lose(), *self._waiting]
        self._completed.clear()
        self.heard.lose()
        self._drop()
        for number in [each for each in self._work if each >= len(self.history.commands) or each in self._here]:
            del self._work[number]
        self._here.clear()
        for number in [each for each in self._requests if each >= len(self.history.commands)]:
            del self._requests[number]  # it may be something else's the next time
        for ended in self.attempts:
            if not ended.done():
                ended.set_result(None)

    def _drop(self) -> None:
        if self._part is not None:
            self._part.is_gone = True
        self._part = self._interpreter = self._task = None
        self._in_turn = False

    def set_timer(self, number: int, until: datetime) -> None:
        """Sets a timer."""
        at = (until - START).total_seconds()
        self._timers[number] = self.server.loop.call_at(at, self._fire, number)

    def stop_timer(self, number: int) -> None:
        """Stops a timer. One that has fired, of which the run has not heard, is as if it had not."""
        if (timer := self._timers.pop(number, None)) is not None:
            timer.cancel()
        self._waiting = [event for event in self._waiting if event != Fired(number)]

    def _fire(self, number: int) -> None:
        del self._timers[number]
        self.bring(Fired(number))

    def begin(self, number: int, work: Coroutine[Any, Any, Any], *, local: bool) -> None:
        """Begins a call: what comes of it is brought to the run."""
        task = self._work[number] = self.server.loop.create_task(work)
        part = self._part
        if local:
            self._here.add(number)

        def end(ended: asyncio.Task[Any]) -> None:
            if local:
                self.server.loop.call_later(0.0, self._end_here, part, number, ended)
            elif self._work.get(number) is ended:
                self.server.loop.call_later(self.server.chance.lag(), self._end_there, number, ended)

        task.add_done_callback(end)

    def _end_there(self, number: int, ended: asyncio.Task[Any]) -> None:
        if self._work.get(number) is ended:
            self.bring(_came(number, ended))

    def _end_here(self, part: Part, number: int, ended: asyncio.Task[Any]) -> None:
        """A local call has ended, in the turn that made it."""
        if part is self._part:
            self._take((_came(number, ended),), local=True)

    def give_up(self, number: int) -> None:
        """Gives up what is at work for a command."""
        self._given_up.add(number)
        if (child := self._runs_of_steps.get(number)) is not None:
            self.server.loop.call_later(self.server.chance.lag(), child.bring, Cancel())
        elif (work := self._work.get(number)) is not None:
            work.cancel()

    def start_child(self, number: int, request: ChildRequest) -> None:
        """Starts the run of a step."""

        def ended(child: SimulatedRun) -> None:
            end = MemoryRun(
                report=cast("RunReport", child.report), calls=(), error=child.error, recorded=child.recorded
            )
            self.bring(ChildDone(number, end, number in self._given_up, end.report))

        tries = self._tries.get(request.step, 0)
        name = f"{self.id}/{request.step}" + (f"~{tries + 1}" if tries else "")
        run = self.server.start(request.plan, name, given=request.input, parent=self, ended=ended)
        self._runs_of_steps[number] = self.children[request.step] = run

    def tell_children(self, message: Message) -> None:
        """Passes a message on to the runs of steps."""
        for run in self._runs_of_steps.values():
            self.server.send(run.id, message)

    # What the worker does.

    def is_full(self, turns: int, ended: int) -> bool:
        """Whether the history is to end."""
        full = self.server.chance.full
        return bool(full) and ended > 0 and turns >= full

    def noted(self, number: int, *requests: CallRequest) -> None:
        """Which calls a command is of."""
        self._requests[number] = requests

    def begins(self, step: str, node: str, attempt: int, *, local: bool, lifted: bool = False) -> Effect:
        """An attempt of a step begins. Those of quick steps are not counted where their record is lost."""
        server = self.server
        counted = 0 if step.rpartition(".")[2] in self._quick else attempt + self._tries.get(step, 0) * _TRIES
        effect = Effect(at=server.tick(), run=self.id, step=step, does=CALL, key=f"{self.id}/{step}", attempt=counted)
        server.effects.append(effect)
        server.say(f"{self.id} {step} begins (attempt {attempt}{', local' if local else ''})")
        if server.people.are_there:
            begun = Begun(
                at=effect.at,
                run=self.id,
                step=step,
                asked=self.asked_at.get(step, 0),
                first=attempt == 1,
                writes=self._writes(node),
                lifted=lifted,
                flows=(self.plan.name, *self.flows),
            )
            server.begun.append(begun)
        return effect

    def was_stopped(self, effect: Effect, node: str, stopped: CallStoppedError) -> None:
        """An attempt that seemed to begin did not: a switch has stopped it, or stopped it at a write."""
        server = self.server
        server.say(f"{self.id} {effect.step} is stopped ({stopped.stop.why})")
        if stopped.begun:
            return
        server.effects = [each for each in server.effects if each is not effect]
        server.begun = [each for each in server.begun if each.at != effect.at]
        if stopped.stop.why != "pause":
            at, writes = server.tick(), self._writes(node)
            server.refused.append(Refused(at=at, run=self.id, step=effect.step, writes=writes))

    def _writes(self, node: str) -> bool:
        definition = self.server.executor.definitions.get(node)
        return definition is not None and definition.effect == "write" and not self.plan.is_dry

    def stands(self, standing: JsonObject) -> None:
        """How the run stands now, for people."""
        self._stands = standing
        self.server.people.see(self, standing)

    def end_of(self, step: str) -> float:
        """When the failure of a step was recorded, of which somebody decides."""
        ends = [at for at, request, _ in self.ends if request.step == step]
        ends += [at for at, name in self.children_ended if name == step]
        return float(max(ends, default=0))

    def forget_end(self, step: str) -> float:
        """A step is tried again: what it came to is no end. Gives when that was recorded."""
        at = self.end_of(step)
        self.ends = [each for each in self.ends if each[0] != at]
        self.children_ended = [each for each in self.children_ended if each[0] != at]
        self._tries[step] = self._tries.get(step, 0) + 1
        self.hands.attempts.pop(step, None)
        return at

    def completed(self, requests: Sequence[CallRequest]) -> None:
        """The run knows of calls that were made beside each other."""
        if not cast("Part", self._part).replays:
            self._completed.append((len(self.history.turns), tuple(request.step for request in requests)))

    def noted_child(self, number: int, step: str) -> None:
        """Which step a command starts a run for."""
        self._steps_of_children[number] = step

    def _look(self) -> None:
        self._is_due = False
        if not (self.is_open and self.server.is_up):
            return
        if self._in_turn:
            # A worker whose task takes long hands in what it has, and is given what has come meanwhile.
            if not (self._waiting and self.server.chance.happens("task in the middle")):
                return
            self._hand_in()
        elif self._part is None or self.server.chance.happens("run replayed"):
            self._replay()
            if self._task is not None and self._task.done():
                self._end_turn()
                return
        if self._waiting or not self.history.turns:
            events, self._waiting = tuple(self._waiting), []
            self._take(events)

    def _replay(self) -> None:
        self._drop()
        part = self._part = Part(self)
        for turn in self.history.turns:
            self._play(part, turn)
        part.replays = False
        if not part.is_through:
            raise StrangeError(f"{self.id} does less in a replay than in its history: {self.history.commands}")
        part.resume()
        self._in_turn = part.at_work_here > 0

    def _take(self, events: tuple[Event, ...], *, local: bool = False) -> None:
        part = cast("Part", self._part)
        self._in_turn = True
        turn = HistoryTurn(self.server.now(), events, local)
        self.history.turns.append(turn)
        if local:
            part.at_work_here -= 1
        self._play(part, turn)
        if not part.at_work_here:
            self._end_turn()

    def _play(self, part: Part, turn: HistoryTurn) -> None:
        loop = self.server.loop
        part.moment = turn.at
        part.turns += 1
        if self._interpreter is None:
            self._begin(part)
            loop.drain()
        said = [event for event in turn.events if isinstance(event, Said)]
        for event in said:
            self._say(event, is_new=not part.replays)
        if said:
            loop.drain()
        for event in turn.events:
            if isinstance(event, Cancel):
                cast("Interpreter", self._interpreter).cancel()
                part.is_cancelled = True
                if not part.replays:
                    self.heard.take(len(self.history.turns), None)
            elif not isinstance(event, Said):
                part.bring(event)
        loop.drain()

    def _begin(self, part: Part) -> None:
        self._interpreter = Interpreter(
            self.plan,
            part,
            input_data=self._given,
            memory=self._handed,
            scheduled_for=self._scheduled_for,
            outcomes=None if self._outcomes is None else outcomes_from(self._outcomes),
            hands_undo_on=self.parent is not None,
        )
        self._task = self.server.loop.create_task(self._interpreter.run())

    def _say(self, said: Said, *, is_new: bool) -> None:
        interpreter = cast("Interpreter", self._interpreter)
        try:
            interpreter.take(said.message)
            if is_new:
                self.heard.take(len(self.history.turns), said.message)
        except MessageRefusedError as error:
            if error.why == "moving" and not said.again:
                interpreter.put_by(said.message)
                if is_new and said.message.word == RESUME:
                    self.heard.take(len(self.history.turns), said.message)
            elif is_new and said.again and error.why in ("unknown", "moving"):
                self.server.loop.call_later(0.5, self.bring, said)

    def _end_turn(self) -> None:
        """The worker hands in what came of a turn: from now on it outlives the worker."""
        self._in_turn = False
        task = cast("asyncio.Task[Json]", self._task)
        self._hand_in()
        if task.done():
            self._close(task)
        if self._waiting:
            self.wake()

    def _hand_in(self) -> None:
        part = cast("Part", self._part)
        before = self.history.kept[1]
        for number, turn in enumerate(self.history.keep(), start=before + 1):
            self.heard.keep(number)
            for event in turn.events:
                self._keep(event)
            for known_in, steps in self._completed:
                if known_in == number:
                    self.order.update({step: self.server.tick() for step in steps})
        self._completed.clear()
        fresh, part.fresh = part.fresh, []
        for order in fresh:
            order()
        if self.server.is_up and self.server.chance.happens("death after a record"):
            self.server.die()

    def _keep(self, event: Event) -> None:
        match event:
            case Done(command) if command in self._requests:
                self._keep_call(self._requests[command][0], event)
            case Carried(command, record):
                self._keep_trip(command, record)
            case ChildDone(command):
                step = self._steps_of_children[command]
                self.children_ended.append((self.server.tick(), step))
                self.server.say(f"{self.id} {step} is recorded: its run has ended")
            case _:
                pass

    def _keep_trip(self, command: int, record: Json) -> None:
        requests = {request.step: request for request in self._requests[command]}
        for step, said in round_in(record).said.items():
            if said.word == "stopped":
                self.server.say(f"{self.id} {step} waits for a switch")
            elif (done := _done(command, said)) is not None:
                self._keep_call(requests[step], done)
            else:
                self.server.say(f"{self.id} {step} is to be tried again")

    def _keep_call(self, request: CallRequest, done: Done) -> None:
        if done.stopped is not None:
            self.server.say(f"{self.id} {request.step} waits for a switch")
            return
        at = self.server.tick()
        self.ends.append((at, request, done))
        how = "given up" if done.gone else "failed" if done.failure else json.dumps(done.output)
        self.server.say(f"{self.id} {request.step} is recorded: {how} [{at}]")

    def _close(self, task: asyncio.Task[Json]) -> None:
        interpreter = cast("Interpreter", self._interpreter)
        try:
            self.recorded = task.result()
        except RunContinuedError:
            self._continue(interpreter)
            return
        except FlowError as error:
            self.error = error
        self.memory = interpreter.handed_on(well=self.error is None)
        ended: RunStatus = "failed" if self.error else "completed"
        if isinstance(self.error, (RunCancelledError, RunTimedOutError)):
            ended = "cancelled" if isinstance(self.error, RunCancelledError) else "timed_out"
        report = interpreter.state.report()
        self.report = report.model_copy(update={"status": ended, "result": result_of(self.recorded)})
        self.ended = self.server.tick()
        self.is_open = False
        self.server.say(f"{self.id} has ended: {ended} {self.error or ''}")
        left = [number for number, work in self._work.items() if not work.done()]
        if left:
            self.server.strange.append(f"{self.id} has ended while {[self._requests.get(n) for n in left]} is at work")
        self._drop()
        self._tell(self)

    def _continue(self, interpreter: Interpreter) -> None:
        self._outcomes = cast("Json", json.loads(json.dumps(interpreter.outcomes().as_json(), sort_keys=True)))
        self.server.chance.faults["run continued"] += 1
        self.server.say(f"{self.id} is continued")
        left = [number for number, work in self._work.items() if not work.done()]
        if left or self._timers:
            self.server.strange.append(f"{self.id} is continued while {left or list(self._timers)} is at work")
        late = [event for event in self._waiting if not isinstance(event, (Said, Cancel))]
        if late:
            self.server.strange.append(f"{self.id} is continued, and has not heard of {late}")
        self.parts += 1
        self.stood = self._stands
        self._drop()
        self._forget()
        self.wake()


def quick_steps(plan: Plan) -> frozenset[str]:
    """The steps of a plan that its author calls quick and safe to repeat."""
    if (known := _QUICK.get(plan.fingerprint)) is None:
        calls = calls_in((*plan.steps, *plan.on_failure))
        known = _QUICK[plan.fingerprint] = frozenset(call.id for call in calls if call.lane == "local")
    return known


_QUICK: Final[dict[str, frozenset[str]]] = {}


def _came(number: int, ended: asyncio.Task[Any]) -> Event:
    """What came of a call, as it is recorded."""
    if ended.cancelled():
        return Done(number, gone=True)
    error = ended.exception()
    if isinstance(error, NodeFailedError):
        return Done(number, failure=error.facts(), left=error.made)
    if isinstance(error, CallStoppedError):
        return Done(number, stopped=error.as_json())
    if error is not None:
        raise error
    result: Any = ended.result()
    return result if isinstance(result, Carried) else Done(number, cast("Json", result))


def _done(command: int, said: SaidOfCall) -> Done | None:
    """The end of a call, as a trip has recorded it; None where it is to be tried again."""
    match said.word:
        case "output":
            return Done(command, said.output)
        case "failed":
            return Done(command, failure=said.facts)
        case "given up":
            return Done(command, gone=True)
        case "again" | "stopped":
            return None
