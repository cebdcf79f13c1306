"""Runs flows in this process, without a server and without waiting: the engine behind `FlowTester`.

The interpreter and the nodes are those of production. Only the clock differs: a pause before a retry moves it instead
of taking time.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from time import monotonic
from typing import Any, cast

from resolute.execution.executor import FailureFacts, NodeExecutor
from resolute.execution.guard import in_task
from resolute.memory.attempts import Heartbeat, Limit, Output
from resolute.memory.children import RunningChild, recorded_of_child
from resolute.memory.clock import TURNS, StuckError, VirtualClock
from resolute.memory.ended import MemoryRun, RecordedCall
from resolute.memory.played import Played, error_in, known_together
from resolute.memory.sharing import SharedInMemory
from resolute.plan.context import CallContext
from resolute.plan.errors import (
    FlowError,
    MissingEnvironmentError,
    NodeFailedError,
    RunCancelledError,
    RunTimedOutError,
)
from resolute.plan.plan import Plan
from resolute.plan.policies import Policy
from resolute.plan.step import walk
from resolute.plan.values import Json, JsonObject
from resolute.running.evaluate import evaluate
from resolute.running.interpreter import Interpreter, RunContinuedError
from resolute.running.made import CallStoppedError, Made, left_behind
from resolute.running.messages import Message
from resolute.running.origin import Origin
from resolute.running.outcomes import outcomes_from
from resolute.running.recall import Memory
from resolute.running.record import Answer
from resolute.running.report import RunStatus
from resolute.running.result import result_of
from resolute.running.runtime import Answered, CallRequest, ChildRequest, Paused
from resolute.running.shared.asking import SHARE, Asking
from resolute.running.state import TOLD
from resolute.running.switches import Stop
from resolute.running.together import AtOnce, answered
from resolute.running.window import Window


class MemoryRuntime:
    """Runs nodes in this process, by their policies, in virtual time.

    A node that does not answer is given up after its timeout, or after `patience` real seconds if that is less; the
    virtual clock moves by the whole timeout.
    """

    def __init__(
        self,
        executor: NodeExecutor,
        clock: VirtualClock,
        *,
        flow: str,
        run_id: str,
        patience: float = 5.0,
        full: Callable[[int], bool] = lambda _: False,
        ended_by: Mapping[str, str] | None = None,
        calls: list[RecordedCall] | None = None,
        within: str = "",
        flows: tuple[str, ...] = (),
        person: str = "",
        shared: SharedInMemory | None = None,
        played: Played | None = None,
    ) -> None:
        self.shared = shared or SharedInMemory()
        self._asks_as = self.shared.begin()
        self._executor = executor
        self._clock = clock
        self._flow = flow
        self._run_id = run_id
        self._patience = patience
        self._full = full
        self._ended_by = ended_by or {}
        self.calls: list[RecordedCall] = [] if calls is None else calls
        self.within = within
        self._flows = flows
        self._person = person
        self.played = played
        self._at_work: dict[str, asyncio.Task[Json] | RunningChild] = {}
        self._left_alone: list[asyncio.Task[MemoryRun]] = []

    def now(self) -> datetime:
        """The virtual time."""
        return self._clock.now()

    def is_full(self, ended: int) -> bool:
        """Whether the run is to be continued: a test may say so; see `Runtime.is_full`."""
        return self._full(ended)

    async def sleep(self, step: str, until: datetime | None) -> None:
        """Waits in virtual time; see `Runtime.sleep`.

        Raises:
            StuckError: nothing can ever end the wait.
        """
        try:
            await self._clock.wait(step, until)
        except StuckError:
            if said := self._ended_by.get(step.rpartition(".")[2]):
                raise StuckError(f"step {step!r} waits for what nobody tells the run: call {said}") from None
            raise

    @property
    def is_ahead(self) -> bool:
        """No call is made ahead: here a trip costs nothing."""
        return False

    async def call(
        self, request: CallRequest, behind: Sequence[CallRequest] = (), paused: Paused | None = None
    ) -> Json:
        """Runs a node by its policy; see `Runtime.call`."""
        known = self.played.next(self.within + request.step, request.node) if self.played else None
        if known is None:
            return await self._until_given_up(request.step, self._call(request))
        attempt = int(str(known.failure["attempts"] or 1)) if known.failure else 1
        self.calls.append(self._recorded(request, self._context(request, attempt)))
        return await self._known(request.step, known)

    async def _until_given_up(self, step: str, work: Coroutine[Any, Any, Json]) -> Json:
        task = self._at_work[step] = asyncio.create_task(work)
        try:
            return await task
        finally:
            del self._at_work[step]

    async def _known(self, step: str, answer: Answer) -> Json:
        """Gives a known answer when it came, whatever was given up meanwhile; one that never came is waited for."""
        if answer.ended_at is None:
            return await self._until_given_up(step, self._never(step))
        if (left := (answer.ended_at - self._clock.now()).total_seconds()) > 0:
            with self._clock.busy():
                await self._clock.sleep(left)
        if (error := error_in(answer)) is not None:
            raise error
        return cast("Json", answer.output)

    async def _known_together(self, requests: Sequence[CallRequest], answers: list[Answer]) -> list[Answered]:
        for request in requests:
            self.calls.append(self._recorded(request, self._context(request, 1)))
        ended = [answer.ended_at for answer in answers if answer.ended_at is not None]
        # What stops the others has stopped them already: they are given up as they were.
        await self._known(requests[0].step, Answer(ended_at=max(ended) if ended else None))
        return [known_together(answer) for answer in answers]

    async def _never(self, step: str) -> Json:
        await self._clock.wait(step, None)
        raise AssertionError("unreachable: such a wait is given up, or is stuck")

    async def still(self, name: str, stop: Stop) -> Stop | None:
        """Asks the executor; see `Runtime.still`."""
        return self._executor.still(stop, (self._flow, *self._flows))

    def stand(self, standing: JsonObject) -> None:
        """Nobody looks for a run in memory; see `Runtime.stand`."""

    def tell_children(self, message: Message) -> None:
        """Passes a message on to the runs that steps have started; see `Runtime.tell_children`."""
        for child in tuple(self._at_work.values()):
            if isinstance(child, RunningChild):
                child.tell(message)

    async def call_together(
        self, requests: Sequence[CallRequest], *, at_once: int, stops: bool, paused: Paused | None = None
    ) -> list[Answered]:
        """Runs nodes by their policies, so many at once; see `Runtime.call_together`."""
        if self.played:
            known = [self.played.next(self.within + request.step, request.node) for request in requests]
            answers = [answer for answer in known if answer is not None]
            if len(answers) == len(known):
                return await self._known_together(requests, answers)
        made = AtOnce[CallRequest, Answered](
            requests,
            at_once=at_once,
            stops=lambda answer: stops and answer.failure is not None,
            goes_on=lambda: not paused,
        )
        await made.run(lambda request: answered(self.call(request)))
        rest = Answered(given_up=made.stopped, put_off=not made.stopped)
        return [made.answers.get(index, rest) for index in range(len(requests))]

    async def share(self, asking: Asking) -> Json:
        """Asks what the runs of this process share; see `Runtime.share`."""
        if self.played and (known := self.played.next(self.within + asking.step, SHARE)):
            return await self._known(asking.step, known)
        return self.shared.ask(self._asks_as, asking, self._clock.now())

    def child_id(self, step: str) -> str:
        """The id of this run and the step; see `Runtime.child_id`."""
        return f"{self._run_id}/{step}"

    async def child(self, request: ChildRequest) -> Json:
        """Runs another flow beside this run, with the same nodes and on the same clock; see `Runtime.child`."""
        if self.played and (known := self.played.next(self.within + request.step)):
            return await self._known(request.step, known)
        child = RunningChild(request)
        task = asyncio.create_task(
            run_in_memory(
                request.plan,
                self._executor,
                clock=self._clock,
                input_data=request.input,
                run_id=self.child_id(request.step),
                patience=self._patience,
                begun=child.begun,
                full=self._full,
                person=self._person,
                started_in=self,
                step=request.step,
            )
        )
        self._at_work[request.step] = child
        try:
            run = await child.end_of(task)
        finally:
            del self._at_work[request.step]
            if child.is_left_alone:
                self._left_alone.append(task)
        return recorded_of_child(run, given_up=child.is_given_up)

    @property
    def flows_of_started(self) -> tuple[str, ...]:
        """The flows of the runs above one that this one has started."""
        return (*self._flows, self._flow)

    async def others_ended(self) -> None:
        """Waits for the runs that this one started and left alone."""
        await asyncio.gather(*self._left_alone)

    def cancel(self, part: str = "") -> None:
        """Cancels the running nodes; see `Runtime.cancel`."""
        self._give_up(tuple(task for step, task in self._at_work.items() if step.startswith(part)), TURNS)

    def _give_up(self, tasks: tuple[asyncio.Task[Json] | RunningChild, ...], turns: int) -> None:
        if turns:  # what ended at the moment of the cancellation has ended
            asyncio.get_running_loop().call_soon(self._give_up, tasks, turns - 1)
            return
        for task in tasks:
            task.cancel()

    async def _call(self, request: CallRequest) -> Json:
        policy, began, attempt = request.left, self._clock.now(), 1
        heartbeat = Heartbeat(policy.heartbeat, request.made.heartbeat, heard=not request.made.unheard)
        with self._clock.busy():
            while True:
                try:
                    facts = await self._attempt(request, attempt, self._limit(policy, began), heartbeat, began)
                except CallStoppedError as stopped:
                    made = Made(
                        attempts=request.made.attempts + attempt - (not stopped.begun),
                        earlier=request.made.earlier,
                        counted=request.made.counted + attempt - 1,
                        heartbeat=heartbeat.details,
                        left=None if policy.within is None else policy.within - self._since(began),
                        unheard=not heartbeat.heard,
                    )
                    raise CallStoppedError(stopped.stop, made) from None
                if not isinstance(facts, FailureFacts):
                    return facts.output
                pause = policy.retry.pause(attempt) if facts.retry_after is None else facts.retry_after.total_seconds()
                late = policy.within is not None and self._since(began) + pause >= policy.within
                if late or not facts.retryable or attempt == policy.retry.attempts:
                    attempts = request.made.attempts + attempt
                    raise NodeFailedError(
                        step=request.step,
                        node=request.node,
                        error_type=facts.error_type,
                        reason=facts.message,
                        retryable=facts.retryable,
                        attempts=attempts,
                        trace=facts.trace,
                        made=left_behind(attempts, heartbeat.details, unheard=not heartbeat.heard),
                    ) from facts.error
                await self._clock.sleep(pause)
                attempt += 1

    async def _attempt(
        self, request: CallRequest, attempt: int, limit: Limit, heartbeat: Heartbeat, began: datetime
    ) -> Output | FailureFacts:
        within, patience = request.left.within, min(limit.seconds, self._patience)
        ended: list[int] = []

        def beat(*details: Json) -> None:
            if ended:  # a thread that was left behind: it must not affect the next attempt
                raise asyncio.CancelledError(f"nobody waits for step {request.step!r} any more")
            heartbeat.beat(*details)

        context = replace(
            self._context(request, request.made.attempts + attempt),
            heartbeat=beat,
            last_heartbeat=heartbeat.details,
            deadline=monotonic() + patience,
            last_deadline=math.inf if within is None else monotonic() + within - self._since(began),
            clock_offset=self._clock.now().timestamp() - monotonic(),
            unheard=not heartbeat.heard,
        )
        heartbeat.heard = False
        recorded = self._recorded(request, context)
        self.calls.append(recorded)
        watch = asyncio.timeout(patience)
        try:
            async with watch:
                heartbeat.begin(watch)
                return Output(await in_task(self._executor.execute(context, request.arguments)))
        except CallStoppedError as stopped:
            heartbeat.heard = stopped.begun or not context.unheard
            if not stopped.begun:
                self.calls.remove(recorded)
            raise
        except Exception as error:
            if not (isinstance(error, TimeoutError) and watch.expired()):
                heartbeat.heard = True
                return self._executor.failure_facts(error, request.node)
        finally:
            ended.append(attempt)
        if heartbeat.silent:
            limit = replace(limit, seconds=heartbeat.every, text="no heartbeat")
        await self._clock.sleep(limit.seconds)
        return FailureFacts(
            error_type=TimeoutError.__name__,
            message=f"{limit.text} within {limit.told or limit.seconds:g} s",
            retryable=True,
        )

    def _context(self, request: CallRequest, attempt: int) -> CallContext:
        return CallContext(
            flow=self._flow,
            run_id=self._run_id,
            step=request.step,
            node=request.node,
            attempt=attempt,
            earlier=request.made.earlier,
            flows=self._flows,
            dry=request.dry,
            lifted=request.lifted,
        )

    def _limit(self, policy: Policy, began: datetime) -> Limit:
        """What limits the next attempt: its own timeout, or the time that all attempts have together."""
        left = None if policy.within is None else policy.within - self._since(began)
        if left is not None and left <= policy.timeout:
            return Limit(left, "not done", policy.within)
        return Limit(policy.timeout, "no answer")

    def _since(self, began: datetime) -> float:
        return (self._clock.now() - began).total_seconds()

    def _recorded(self, request: CallRequest, call: CallContext) -> RecordedCall:
        environment = self._executor.environment
        try:
            given = evaluate(request.arguments, self._executor.reading(call))
        except (MissingEnvironmentError, FlowError):
            given = request.arguments  # the call itself will say so
        arguments = cast("JsonObject", environment.mask_json(given))
        return RecordedCall(
            step=self.within + request.step,
            node=request.node,
            arguments=arguments,
            attempt=call.attempt,
            at=self._clock.now(),
        )


async def run_in_memory(
    plan: Plan,
    executor: NodeExecutor,
    *,
    clock: VirtualClock | None = None,
    input_data: Json = None,
    memory: Memory | None = None,
    scheduled_for: datetime | None = None,
    run_id: str = "run",
    patience: float = 5.0,
    begun: Callable[[Interpreter], None] | None = None,
    outcomes: Json = None,
    full: Callable[[int], bool] = lambda _: False,
    person: str = "",
    started_in: MemoryRuntime | None = None,
    step: str = "",
    most: int = TOLD,
    shared: SharedInMemory | None = None,
    played: Played | None = None,
    only: str = "",
) -> MemoryRun:
    """Runs a plan to its end, with the nodes and providers of the executor. A failed run is returned, not raised.

    `begun` gets the interpreter before it runs, so that the run can be cancelled through it. `outcomes` are what the
    run starts with, and `full` says when to continue it in another history, as Temporal does with long runs;
    `resolute.running.outcomes` describes both. `person` is who starts the run. `most` is how many steps of items and
    turns the report has. `shared` is what the run shares with others; without it, with the runs that it starts alone.
    `played` answers steps in place of their nodes; `only` is the one step that the run is for.
    """
    runtime = MemoryRuntime(
        executor,
        clock or VirtualClock(),
        flow=plan.name,
        run_id=run_id,
        patience=patience,
        full=full,
        ended_by={step.id: step.ended_by for step in walk((*plan.steps, *plan.on_failure)) if step.ended_by},
        calls=started_in.calls if started_in else None,
        within=f"{started_in.within}{step}." if started_in else "",
        flows=started_in.flows_of_started if started_in else (),
        person=person,
        shared=started_in.shared if started_in else shared,
        played=started_in.played if started_in else played,
    )
    recorded: Json = None
    error: FlowError | None = None
    taken: Json = outcomes
    while True:
        interpreter = Interpreter(
            plan,
            runtime,
            input_data=input_data,
            memory=memory,
            scheduled_for=scheduled_for,
            outcomes=None if taken is None else outcomes_from(taken),
            observed=True,
            origin=Origin(run_id, person),
            hands_undo_on=started_in is not None,
            window=Window(only=only),
            most=most,
        )
        if begun:
            begun(interpreter)
        try:
            recorded = await interpreter.run()
        except RunContinuedError:
            taken = cast("Json", json.loads(json.dumps(interpreter.outcomes().as_json(), sort_keys=True)))
            continue
        except FlowError as failed:
            error = failed
        break
    await runtime.others_ended()
    handed_on = interpreter.handed_on(well=error is None)
    ended: RunStatus = "failed" if error else "completed"
    if isinstance(error, (RunCancelledError, RunTimedOutError)):
        ended = "cancelled" if isinstance(error, RunCancelledError) else "timed_out"
    report = interpreter.state.report().model_copy(update={"status": ended, "result": result_of(recorded)})
    return MemoryRun(report=report, calls=tuple(runtime.calls), memory=handed_on, error=error, recorded=recorded)
