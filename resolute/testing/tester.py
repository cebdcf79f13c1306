"""`FlowTester`: runs a flow in a test, with the test's own answers in place of the outside world."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Self, cast

from resolute.execution.inputs import read_any_input
from resolute.memory.clock import START, VirtualClock
from resolute.memory.ended import MemoryRun, RecordedCall
from resolute.memory.runtime import run_in_memory
from resolute.memory.sharing import SharedInMemory
from resolute.plan.errors import FlowError, NodeFailedError, ResoluteError
from resolute.plan.failing import Failure
from resolute.plan.kinds.call import calls_in
from resolute.plan.plan import Plan, with_inner
from resolute.plan.provider import Provider
from resolute.plan.shapes import did_you_mean
from resolute.plan.step import plan_name
from resolute.plan.times import in_utc
from resolute.plan.values import Json, jsonable
from resolute.running.beats import Pulse
from resolute.running.interpreter import Interpreter
from resolute.running.messages import EVENT, Message, MessageRefusedError
from resolute.running.outcomes import Outcomes
from resolute.running.recall import Memory
from resolute.running.recalling import told_of
from resolute.running.record import RunRecord
from resolute.running.report import RunReport, RunStatus, StepReport
from resolute.running.shared.asking import Asking, name_of
from resolute.running.shared.cursors import MOVE, READ
from resolute.running.shared.mutes import MUTE, MUTES
from resolute.testing.beats import TestedBeats, later
from resolute.testing.decisions import NOT_SKIPPED, Decisions, missing
from resolute.testing.fakes import (
    Answer,
    FakeExecutor,
    Fakes,
    PlaceholderEnvironment,
    UnknownFakeError,
    WrongAnswerError,
)
from resolute.testing.gates import Decision, GateDecisions, WrongDecisionError, button_in_tests, link_in_tests
from resolute.testing.played import Replay, flow_of_record, read_record
from resolute.writing.flow import Flow

_MOST: Final = 10_000
"""Steps of items and turns that a test can look at one by one: the latest."""


@dataclass(frozen=True)
class TestedRun:
    """A run in a test, after it has ended."""

    __test__ = False

    plan: Plan
    run: MemoryRun

    @property
    def result(self) -> Any:
        """The run's result: its named outputs, or what `returns` says.

        Raises:
            FlowError: the run failed with this error.
        """
        if self.run.error is not None:
            raise self.run.error
        return self.run.report.result

    @property
    def report(self) -> RunReport:
        """The report of the run: its plan's steps and what they did."""
        return self.run.report

    @property
    def status(self) -> RunStatus:
        """`completed`, `failed` or `cancelled`."""
        return self.run.report.status

    @property
    def failure(self) -> Failure | None:
        """Why the run failed."""
        return self.run.report.failure

    @property
    def error(self) -> FlowError | None:
        """The error that the run ended with."""
        return self.run.error

    @property
    def calls(self) -> tuple[RecordedCall, ...]:
        """Every attempt of every call, in order, with the arguments that the node got."""
        return self.run.calls

    @property
    def not_done(self) -> dict[str, str]:
        """The steps that were not done because the run is dry, each with the reason."""
        return {step.id: step.not_done for step in self.report.steps if step.not_done}

    @property
    def undone(self) -> tuple[str, ...]:
        """The undo steps that completed, in order."""
        steps = [step for plan in with_inner(self.plan) for step in (*plan.steps, *plan.on_failure)]
        undo = {undo.id for call in calls_in(tuple(steps)) for undo in call.undo}
        called = dict.fromkeys(call.step for call in self.calls if plan_name(call.step) in undo)
        return tuple(step for step in called if self.step(step).status == "completed")

    def calls_of(self, name: str) -> list[RecordedCall]:
        """The calls of a step or of a node.

        Raises:
            UnknownFakeError: the flow has no such step or node.
        """
        Fakes.of(self.plan).check(name)
        return [call for call in self.calls if name in (call.step, plan_name(call.step), call.node)]

    def step(self, step_id: str) -> StepReport:
        """How a step ended.

        Raises:
            KeyError: the flow has no such step.
        """
        return self.report.step(step_id)

    def ran(self, name: str) -> bool:
        """Whether a step or node was called at all.

        Raises:
            UnknownFakeError: the flow has no such step or node.
        """
        return bool(self.calls_of(name))


class FlowTester:
    """Runs a flow without a server: production's interpreter and node execution, on a virtual clock.

    Providers' nodes need an answer, or their provider; an author's own nodes run for real without an answer. Runs of
    one tester follow each other like those of a schedule: `previous(...)` reads what a step returned in the latest run
    in which it completed, however that run ended.

    Args:
        flow: the flow to test.
        env: environment variables for `env(...)`, and for secrets if a test needs a certain value.
        providers: providers to use for real, opened by the test, such as one that talks to a simulator.
        start: when the virtual clock starts.
        patience: how long, in seconds of real time, a node may take before it counts as not answering.
        beside: a tester of another flow, whose budgets and cursors this one shares.

    >>> import asyncio
    >>> from resolute import flow, manual, node
    >>> @node
    ... async def load(host: str) -> float:
    ...     raise OSError("no network in a test")
    >>> measured = load("db-1").as_("load")
    >>> tester = FlowTester(flow("watch").triggered_by(manual("watch")).then(measured).build())
    >>> tester.answer("load", 0.7)
    >>> asyncio.run(tester.run()).result
    {'load': 0.7}
    """

    __test__ = False

    def __init__(
        self,
        flow: Flow,
        *,
        env: Mapping[str, str] | None = None,
        providers: Sequence[Provider] = (),
        start: datetime = START,
        patience: float = 5.0,
        beside: FlowTester | None = None,
    ) -> None:
        self.flow = flow
        self.clock = VirtualClock(start)
        self._fakes = Fakes.of(flow.plan)
        self._decisions = Decisions(flow.plan)
        self._gates = GateDecisions(flow.plan, self.clock)
        self.clock.bring = self._bring
        self.clock.missing = self._missing
        self._environment = PlaceholderEnvironment(dict(env or {}))
        self._environment.links = lambda _, facts: link_in_tests(facts)
        self._environment.buttons = lambda _, facts: button_in_tests(facts)
        self._providers = providers
        self._patience = patience
        self._memory: Memory | None = None
        self._shared = SharedInMemory() if beside is None else beside._shared
        self._at_work: Interpreter | None = None
        self._told = 0
        self._telling: list[tuple[timedelta, Message]] = []
        self._due: list[Callable[[], None]] = []
        self._refused: list[ResoluteError] = []
        self._runs = 0
        self._replay: Replay | None = None
        self._beats = TestedBeats(flow.plan, self.clock.now())

    @classmethod
    def from_run(
        cls,
        record: str | Path | Mapping[str, object],
        flow: Flow | None = None,
        *,
        env: Mapping[str, str] | None = None,
        providers: Sequence[Provider] = (),
        patience: float = 5.0,
    ) -> Self:
        """A tester that plays a recorded run: `resolute export RUN > run.json`.

        Each run of it begins as the recorded one did and is answered what that was answered, by steps, people and
        events, at the same times. So a run that failed fails again, without its node's code or a network. What the test
        itself says comes first: `answer`, `fails`, `sequence`, `decides`, `when_held`, an input; `clear(name)` has a
        step or node run for real. A step that ran another flow is answered as a whole.

        Args:
            record: the file, or its content as data.
            flow: another version of the flow, to be run over the same answers; without it, the plan of the run.
            env: as for `FlowTester`.
            providers: as for `FlowTester`.
            patience: as for `FlowTester`.

        Raises:
            RecordError: it is no record of a run, or one of a newer release.
        """
        known = read_record(record)
        tester = cls(
            flow or flow_of_record(known), env=env, providers=providers, start=known.began_at, patience=patience
        )
        tester._replay = Replay(known, tester.flow, tester._fakes)
        return tester

    def answer(self, name: str, value: Answer) -> None:
        """Answers every call of a step or node: with a value, or with a function of the call's arguments.

        The value is what the node returns: its model, or a dict that fits it. The function may be async; it gets the
        arguments by name, as the node would.

        Raises:
            UnknownFakeError: the flow has no such step or node.
        """
        self._fakes.add(name, [value])

    def fails(self, name: str, error: BaseException) -> None:
        """Fails every call of a step or node with an error, whose type decides whether it is retried.

        Raises:
            UnknownFakeError: the flow has no such step or node.
        """
        self._fakes.add(name, [error])

    def sequence(self, name: str, answers: Iterable[Answer]) -> None:
        """Answers the calls of a step or node one after the other, with values or errors; the last answer stays.

        Raises:
            UnknownFakeError: the flow has no such step or node.
        """
        self._fakes.add(name, answers)

    def clear(self, name: str) -> None:
        """Removes the answers of a step or node, also those of a recorded run: from now on it runs for real.

        Raises:
            UnknownFakeError: the flow has no such step or node.
        """
        if self._replay is None or not self._replay.run_for_real(name) or self._fakes.knows(name):
            self._fakes.clear(name)

    def tells(self, event: str, data: object = None, *, after: timedelta = timedelta()) -> None:
        """Tells a run of an event: the one that is in progress, where an answer calls this, or else the next one.

        The run keeps the event until a step waits for it, as production's does.

        Args:
            event: its name, as in `signal("deployed", Deployed)`.
            data: a model, or JSON that fits it.
            after: how long after now, or after the beginning of the next run, in virtual time.

        Raises:
            MessageRefusedError: the run does not take it: it does not fit, or too many events are kept.
        """
        self._told += 1
        message = Message(to=EVENT + event, word="tell", id=f"test-{self._told}", data=jsonable(data), by="the test")
        if self._at_work is None:
            self._telling.append((after, message))
        elif after:
            self._tell_at(self.clock.now() + after, message)
        else:
            self._at_work.take(message)

    def when_held(self, step: str, *, retry: int = 0, skip: object = NOT_SKIPPED, fail: bool = False) -> None:
        """Decides what becomes of a step that is held, in a flow with `when_stuck="hold"`.

        Decisions on one step are made one after the other, each when the step is held; a run that holds a step on which
        nothing is decided any more fails with `StuckError`. A step in a loop is named as in the flow (all of its items
        and turns), or by its id in the run (`certs[3].check`).

        Args:
            step: the step.
            retry: how often it is tried again, from the beginning and with all its attempts.
            skip: the value that takes the place of its output; None for none.
            fail: let it fail, and the run with it.

        Raises:
            UnknownFakeError: the flow has no such step, or not exactly one thing is decided.
        """
        self._decisions.when_held(step, retry=retry, skip=skip, fail=fail, json=jsonable)

    def decides(
        self,
        gate: str,
        *,
        approved: bool,
        by: str = "somebody",
        reason: str = "",
        form: object = None,
        after: timedelta = timedelta(),
    ) -> None:
        """Decides a gate in every run of this tester, as a person would; for a quorum, call it for each person.

        The gate is decided when everything else of the run waits, so people have been told of it by then. A gate inside
        a loop is decided in every item and turn, or by its id in the run (`certs[3].approve`) in one. Without a
        decision, time runs on to the gate's timeout.

        Args:
            gate: the name of the gate.
            approved: whether the person approves or rejects.
            by: the person.
            reason: why.
            form: what the person fills in: the form's model, or a dict.
            after: how long after the gate has opened, in virtual time.

        Raises:
            UnknownFakeError: the flow has no such gate.
        """
        self._gates.add(gate, Decision(approved, by, reason, jsonable(form), after))

    def mute(self, name: str, length: timedelta, *, reason: str = "a test", by: str = "the test") -> None:
        """Mutes a flow or an alarm from now on, in virtual time."""
        data = {"name": name, "for": length.total_seconds(), "reason": reason, "by": by}
        muting = Asking(step="mute", of=MUTES, word=MUTE, data=data)
        self._shared.ask(self._shared.begin(), muting, self.clock.now())

    def cursor(self, name: str) -> Any:
        """What a cursor is at; null until it has been moved once."""
        reading = Asking(step="cursor", of=name_of("cursor", name), word=READ, data={})
        return self._shared.ask(self._shared.begin(), reading, self.clock.now())

    def move_cursor(self, name: str, to: object) -> None:
        """Moves a cursor before a run, as an earlier one may have done."""
        moving = Asking(step="cursor", of=name_of("cursor", name), word=MOVE, data={"to": jsonable(to)})
        self._shared.ask(self._shared.begin(), moving, self.clock.now())

    async def beats(self, path: str = "") -> list[TestedRun]:
        """Beats a heartbeat of the flow now, in virtual time, and runs what starts because the beat is back.

        Args:
            path: the path of the heartbeat, where the flow has several.

        Raises:
            UnknownFakeError: the flow has no such heartbeat.
        """
        pulse = self._beats.pulse(path)
        pulse.beat(self.clock.now().timestamp())
        return await self._overdue(pulse)

    async def silence(self, length: timedelta) -> list[TestedRun]:
        """Lets virtual time pass in which nobody beats, and runs what starts because a beat is missing, in order.

        A run that fails is started again, after a minute, and then ever later.
        """
        runs, until = list[TestedRun](), self.clock.now() + length
        while (woken := self._beats.next(until)) is not None:
            at, pulse = woken
            self.clock.move(later(self.clock.now(), at))
            now = self.clock.now().timestamp()
            pulse.decide(now)
            if pulse.looks is not None and pulse.looks <= now:
                pulse.ended("failed", now)  # of one that did not fail it is known already
            runs += await self._overdue(pulse)
        self.clock.move(later(self.clock.now(), until))
        return runs

    async def _overdue(self, pulse: Pulse) -> list[TestedRun]:
        runs = list[TestedRun]()
        for start in list(pulse.starts):
            pulse.started(start)
            runs.append(await self.run(start.input))
            if runs[-1].status not in ("failed", "timed_out"):
                pulse.ended("done", self.clock.now().timestamp())
        return runs

    def cancel(self) -> None:
        """Cancels the current run, as a person or the schedule's next run may. For answers to call.

        The answer's own step is cancelled if it is still waiting; if it returns, the step has completed and is undone.

        Raises:
            UnknownFakeError: no run is in progress.
        """
        if self._at_work is None:
            raise UnknownFakeError(
                "no run is in progress: call cancel() in an answer, such as an async one that then waits"
            )
        self._at_work.cancel()

    async def run(
        self,
        input: object = None,  # noqa: A002  # the word that authors know from triggers
        *,
        previous: Mapping[str, object] | None = None,
        scheduled_for: datetime | None = None,
        by: str = "",
        dry: bool = False,
    ) -> TestedRun:
        """Runs the flow to its end; a failed run is returned, not raised.

        Args:
            input: the run's input: a model, or JSON; read through the model of a trigger, as in production.
            previous: what `previous(...)` reads, by step name, instead of the results of this tester's earlier runs.
            scheduled_for: when the run was due; without it, when it begins. Without an offset it is in UTC.
            by: the person who starts the run, who may not decide its gates.
            dry: whether it is a dry run, in which no node that writes is called; `not_done` says of which steps.

        Raises:
            WrongDecisionError: a gate refuses what `decides` gave.
            NoAnswerError: a provider's node was called without an answer, and the provider was not given; or a
                recorded run has no answer for a step.
            WrongAnswerError: an answer is not something its node could return.
            InvalidInputError: no trigger of the flow accepts the input.
            UnknownFakeError: `previous` names a step whose output the flow does not pass on to its next run.
        """
        self._runs += 1
        executor = FakeExecutor(self.flow.nodes.values(), self._providers, self._environment, self._fakes)
        self._refused = []
        played = self._play(input)
        earlier = self._memory if previous is None else self._remembering(previous)
        outcomes = _recalling(earlier) if self.flow.plan.shares_memory and previous is not None else None
        run = await run_in_memory(
            self.flow.plan.in_mode("dry" if dry or (played and played.plan.is_dry) else "live"),
            executor,
            clock=self.clock,
            input_data=played.input if played else read_any_input(self.flow, jsonable(input)),
            memory=None if self.flow.plan.shares_memory else earlier,
            outcomes=cast("Json", played.outcomes) if played else outcomes,
            scheduled_for=in_utc(scheduled_for) if scheduled_for else played and played.scheduled_for,
            run_id=f"test-{self._runs}",
            patience=self._patience,
            begun=self._begun,
            person=by or (played.person if played else ""),
            most=_MOST,
            shared=self._shared,
            only=played.only if played else "",
            played=self._replay.playing if self._replay else None,
        )
        self._at_work = None
        for take_back in self._due:
            take_back()
        self._due = []
        self._gates.begin()
        unanswered = self._replay.playing.mistakes if self._replay else []
        if mistakes := [*unanswered, *executor.mistakes, *self._refused]:
            self._refused.clear()
            raise mistakes[0]
        self._memory = run.memory
        if isinstance(run.error, NodeFailedError) and (place := self.flow.plan.places.get(plan_name(run.error.step))):
            run.error.add_note(f"step {run.error.step!r} was written at {place}")
        return TestedRun(self.flow.plan, run)

    def _play(self, given: object) -> RunRecord | None:
        """Makes everything ready to play a recorded run, and gives it with the input for this one."""
        if self._replay is None:
            return None
        replay, record = self._replay, self._replay.record
        replay.begin()
        self.clock.move(record.began_at - self.clock.now())
        self._memory = replay.memory
        self._gates.play(replay.decisions())
        self._decisions.play(replay.held())
        self._telling = [*replay.told(), *self._telling]
        if record.cancelled_at is not None:
            self._due.append(self.clock.call_at(record.cancelled_at, self._cancelled))
        if given is None and not replay.is_changed:
            return record  # whose input has been read
        known = jsonable(record.input if given is None else given)
        return record.model_copy(update={"input": read_any_input(self.flow, known)})

    def _cancelled(self) -> None:
        if self._at_work is not None:
            self._at_work.cancel()

    def _missing(self, step: str) -> str:
        why = self._replay.playing.missing(step) if self._replay else ""
        return why or missing(self._at_work, step)

    def _begun(self, interpreter: Interpreter) -> None:
        self._at_work = interpreter
        telling, self._telling = self._telling, []
        for after, message in telling:
            if after:
                self._tell_at(self.clock.now() + after, message)
            else:
                self._tell(message)

    def _tell_at(self, at: datetime, message: Message) -> None:
        self._due.append(self.clock.call_at(at, lambda: self._tell(message)))

    def _tell(self, message: Message) -> None:
        try:
            if self._at_work is not None:
                self._at_work.take(message)
        except MessageRefusedError as error:
            self._refused.append(error)

    def _bring(self) -> bool:
        """Brings what people would say to the run, when all of it waits."""
        try:
            run = self._at_work
            return run is not None and (self._decisions.bring(run) or self._gates.bring(run))
        except (WrongAnswerError, WrongDecisionError) as mistake:
            self._refused.append(mistake)
            return False

    def _remembering(self, previous: Mapping[str, object]) -> Memory:
        plan = self.flow.plan
        known = list(plan.outputs) if plan.remembers else []
        for name in previous:
            if name not in known:
                raise UnknownFakeError(
                    f"the flow passes no output of {name!r} to its next run ({did_you_mean(name, known)})"
                )
        return Memory({name: jsonable(value) for name, value in previous.items()})


def _recalling(memory: Memory | None) -> Json:
    """A run that has been told already what earlier runs have left."""
    return Outcomes(recalled=[told_of(memory or Memory({}))]).as_json()
