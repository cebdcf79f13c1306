"""The one interpreter of plans. Every engine runs flows by this code.

It is deterministic: given the same plan, input and answers of the runtime, it makes the same calls in the same order
with the same ids. Whatever changes that is gated on `plan.interpreter`. How each kind of step runs stands in `kinds`.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Final, cast

from resolute.plan.errors import (
    FlowError,
    NewerPlanError,
    NodeFailedError,
    ResoluteError,
    RunCancelledError,
    RunTimedOutError,
)
from resolute.plan.limits import check_value
from resolute.plan.plan import FORMAT, INTERPRETER, Plan
from resolute.plan.step import walk
from resolute.plan.values import Json, JsonObject
from resolute.running.boundary import failure_at, flow_error
from resolute.running.evaluate import Scope, evaluate
from resolute.running.following import cursors_of
from resolute.running.kinds import RUNNING
from resolute.running.messages import Message
from resolute.running.modes import memory_for, memory_from
from resolute.running.notebook import Notebook
from resolute.running.origin import NOWHERE, Origin
from resolute.running.outcomes import Ending, Outcomes
from resolute.running.recall import Memory, handed_on, recalled
from resolute.running.recalling import recalled_from, recalling, remembering
from resolute.running.result import recorded_of, with_undo
from resolute.running.run import Run, RunSuspendedError
from resolute.running.runtime import Runtime
from resolute.running.state import TOLD, RunState, failure_of
from resolute.running.torn_down import is_torn_down
from resolute.running.window import Window

WITHIN: Final = "run:within"
"""The name of the timer that ends a run; no step has such a name."""


class RunContinuedError(ResoluteError):
    """The run is to be continued in another history, from the outcomes that its interpreter has then."""


class Interpreter:
    """Runs one plan once, from the beginning or from the outcomes of an earlier part of the run.

    `scheduled_for` is when the run was due; without it, when it began. `window` says which steps may be begun,
    `observed` that the values which conditions look at are wanted, and `hands_undo_on` that a step of another run
    started this one, and undoes it if that fails. `most` is how many steps of items are told one by one.

    Raises (from `run`):
        FlowError: the run failed; undo and on_failure steps have run.
        RunCancelledError: the run was cancelled; undo steps have run.
        RunTimedOutError: the run was not done in time; undo and on_failure steps have run.
        RunContinuedError: the run is to be continued.
    """

    def __init__(
        self,
        plan: Plan,
        runtime: Runtime,
        *,
        input_data: Json = None,
        memory: Memory | None = None,
        scheduled_for: datetime | None = None,
        outcomes: Outcomes | None = None,
        window: Window | None = None,
        observed: bool = False,
        origin: Origin = NOWHERE,
        hands_undo_on: bool = False,
        most: int = TOLD,
    ) -> None:
        self._plan = plan
        self._window = window or Window()
        self._hands_undo_on = hands_undo_on
        self._input = input_data
        self._earlier = outcomes or Outcomes()
        self._handed = memory
        self._recalls = plan.shares_memory and not self._window.only
        self._answer = self._earlier.recalled
        self._given = memory if self._answer is None else recalled_from(self._answer[0]).with_handed(memory)
        self._memory, warnings = recalled(plan, memory_for(plan.mode, self._given))
        previous = self._memory.values if self._memory else None
        self._ending: Ending | None = self._earlier.ending
        self.state = RunState(
            plan,
            input_data=input_data,
            previous=previous,
            now=runtime.now,
            scheduled_for=self._earlier.scheduled_for or scheduled_for or runtime.now(),
            kept=self._earlier.kept,
            told=self._earlier.told,
            observed=observed,
            most=most,
        )
        self._runtime = runtime
        within = None if plan.within is None else runtime.now() + timedelta(seconds=plan.within)
        self._deadline = self._earlier.deadline or within
        self._time_is_up = self._is_late = False
        notebook = Notebook(self._memory.kept if self._memory else None, self._earlier.notebook)
        self._run = Run(plan, runtime, self.state, RUNNING, self._window, origin, notebook)
        self._run.saga.restore(self._earlier.undo, self.state.top)
        self._run.inbox.restore(self._earlier.inbox)
        self._run.lifted = self._ending is not None and isinstance(self._ending.error, RunCancelledError)
        self._run.pausing.listen(self._earlier.paused)
        self._run.stopping.listen()
        self._run.pausing.ended.append(self._end_where_late)
        self._has_read = self._earlier.cursors is not None
        self.state.cursors.update(self._earlier.cursors or {})
        self.state.warn((*self._earlier.warnings, *warnings))

    async def run(self) -> Json:
        """Runs the plan and gives the run's result."""
        try:
            result = await self._in_time()
        except FlowError:
            await self._remember(well=False)
            raise
        await self._remember(well=True)
        return result

    async def _in_time(self) -> Json:
        if self._deadline is None or self._ending is not None:
            return await self._ran()
        clock = asyncio.ensure_future(self._end_in_time(self._deadline))
        try:
            return await self._ran()
        finally:
            clock.cancel()

    async def _end_in_time(self, deadline: datetime) -> None:
        await self._runtime.sleep(WITHIN, deadline)
        self._time_is_up = True
        self._end_where_late()

    def _end_where_late(self) -> None:
        """Ends a run whose time is up; one that is paused ends when it goes on."""
        if self._time_is_up and not (self._run.pausing or self._run.cancelled or self._run.undoing):
            self._is_late = True
            self._run.cancel()

    async def _ran(self) -> Json:
        if self._plan.format != FORMAT or self._plan.interpreter > INTERPRETER:
            raise NewerPlanError(
                f"the plan of flow {self._plan.name!r} needs interpreter {self._plan.interpreter}, "
                f"this worker has {INTERPRETER}: deploy the newer worker"
            )
        error = self._ending.error if self._ending else None
        if error is None:
            try:
                await self._recall()
                await self._read_cursors()
                await self._run.block(self._plan.steps, self.state.top)
                self._run.stop_where_cancelled()
                return self._result() if not self._window.only else self._tried()
            except asyncio.CancelledError:
                if not self._run.cancelled or is_torn_down():
                    raise
                error = self._ended_early()
            except RunSuspendedError:
                if self._run.cancelled:
                    error = self._given_up()
                elif self._window.only and not self._run.suspended:
                    return self._tried()
                else:
                    raise RunContinuedError from None
            except Exception as failed:
                error = self._ended_early() if self._run.cancelled else flow_error(failed)
        if self._window.only:
            self.state.failed_with(error)
            raise error from error.__cause__  # what was done before the step is another run's, and stays
        try:
            await self._handle(error)
        except RunSuspendedError:
            raise RunContinuedError from None
        raise error from error.__cause__

    async def _recall(self) -> None:
        """Asks what earlier runs have left, before anything else. A run to which nobody answers knows of none."""
        if not self._recalls or self._answer is not None:
            return
        try:
            self._answer = [await self._runtime.share(recalling(self._plan, self._input))]
        except NodeFailedError as error:
            self.state.warn((f"previous(...) is null: what earlier runs have left cannot be read: {error.reason}",))
            return
        self._given = recalled_from(self._answer[0]).with_handed(self._handed)
        self._memory, warnings = recalled(self._plan, memory_for(self._plan.mode, self._given))
        self.state.warn(warnings)
        if self._memory is not None:
            self.state.recall(self._memory.values)
            self._run.notebook.hand(self._memory.kept)

    async def _remember(self, *, well: bool) -> None:
        """Tells what the run has come to, however it ended; it has ended, and nothing cancels it any more."""
        if not self._recalls or self._answer is None or self._plan.mode == "dry" or self._earlier.apart:
            return
        self._run.undoing = True
        memory, before = self.handed_on(well=well), recalled_from(self._answer[0])
        if memory is None:
            return
        takes = self._handed is not None
        began = self.state.scheduled_for
        asking = remembering(self._plan, self._input, before, memory, self.state.outputs, takes=takes, began=began)
        try:
            await self._runtime.share(asking)
        except NodeFailedError as error:
            self.state.warn((f"later runs know nothing of this one: {error.reason}",))

    async def _read_cursors(self) -> None:
        """Reads what cursors are at, before anything else; a part of a run knows what the one before it knew."""
        if self._has_read or not self._plan.cursors:
            return
        self.state.cursors.update(await cursors_of(self._plan, self._runtime, self.state.warn))
        self._has_read = True

    def cancel(self) -> None:
        """Ends the run: nothing more is begun, what is at work is given up, what has completed is undone.

        The run ends by `RunCancelledError`. A run that undoes its work already goes on with that. A pause is over.
        """
        if not self._run.cancelled and not self._run.undoing:
            self._run.cancel()
        else:
            self._run.lift()

    def outcomes(self) -> Outcomes:
        """What the run has come to so far: what it needs to be continued elsewhere.

        A cancel that came when the run had just let go of its steps is among it.
        """
        if self._run.cancelled and self._ending is None:
            self._ending = Ending(error=self._given_up())
        return Outcomes(
            kept=self.state.top.kept,
            told=self.state.told(),
            undo=self._run.saga.as_json(self.state),
            ending=self._ending,
            warnings=tuple(self.state.warnings),
            scheduled_for=self.state.scheduled_for,
            deadline=self._deadline,
            inbox=self._run.inbox.as_json(),
            paused=self._run.pausing.as_json(),
            notebook=self._run.notebook.as_json(),
            cursors=self.state.cursors if self._has_read else None,
            recalled=self._answer,
            apart=self._earlier.apart,
        )

    def check(self, message: Message) -> None:
        """Refuses a message that the run could not take now.

        Raises:
            MessageRefusedError: it could not; says why.
        """
        self._run.inbox.check(message)

    def put_by(self, message: Message) -> None:
        """Keeps a message that came while the run moves to another history; see `Inbox.put_by`."""
        self._run.inbox.put_by(message)

    def is_ready(self, message: Message) -> bool:
        """Whether a message can be taken or refused already; see `Inbox.is_ready`."""
        return self._run.inbox.is_ready(message)

    def take(self, message: Message) -> Json:
        """Takes a message, and gives the answer for who sent it.

        Raises:
            MessageRefusedError: the run does not take it; says why.
        """
        return self._run.inbox.take(message)

    def open_at(self, prefix: str) -> list[str]:
        """The addresses that begin so and at which somebody listens."""
        return self._run.inbox.open_at(prefix)

    @property
    def standing(self) -> JsonObject:
        """What keeps the run from going on; empty where nothing does."""
        return self._run.standing.as_json()

    @property
    def new_warnings(self) -> tuple[str, ...]:
        """What is to be known of this part of the run, and was not told of an earlier one."""
        return tuple(self.state.warnings[len(self._earlier.warnings) :])

    def handed_on(self, *, well: bool = False) -> Memory | None:
        """What the next run may read, as far as this one has come; None where the flow does not remember.

        `well` says that the run ends well, and so that all is done that its steps asked for.
        """
        now = self._runtime.now()
        self.state.warn(self._run.notebook.tidy(now))
        kept = self._run.notebook.handed_on(well=well, now=now)
        names = frozenset(step.id for step in walk(self._plan.steps) if step.remembers)
        self.state.warn(self._run.notebook.left_behind(names))
        memory, warnings = handed_on(self._plan, self._memory, self.state.outputs, kept)
        self.state.warn(warnings)
        return memory_from(self._plan.mode, self._given, memory)

    def _tried(self) -> Json:
        """The output of the one step that the run was for.

        Raises:
            FlowError: it failed.
        """
        if self._window.error is not None:
            self.state.failed_with(self._window.error)
            raise self._window.error
        check_value(f"the output of step {self._window.only!r}", self._window.output)
        return self._window.output

    def _given_up(self) -> FlowError:
        self.state.give_up()
        return self._ended_early()

    def _ended_early(self) -> FlowError:
        """Why the run was ended: it was cancelled, or its time was up."""
        if not self._is_late:
            return RunCancelledError()
        within = timedelta(seconds=self._plan.within or 0)
        return RunTimedOutError(f"the run was not done within {within} (h:mm:ss), which is all that its flow allows")

    async def _handle(self, error: FlowError) -> None:
        state = self.state
        self._run.undoing = True
        self._run.lifted = self._run.lifted or isinstance(error, RunCancelledError)
        ending = self._ending = self._ending or Ending(error=error)
        state.failed_with(error)
        state.compensation_failures += ending.failed
        # Who cancels a run knows of it: what is to be told of failures is not told, what was done is undone.
        told = () if isinstance(error, RunCancelledError) else self._plan.on_failure
        due = [*self._run.saga.due(), *((step, state.top) for step in told)]
        for step, frame in due[ending.done :]:
            try:
                await self._run.step(step, frame)
            except RunSuspendedError:
                raise
            except Exception as failed:
                # The rest is undone all the same, and the run still ends by its first failure.
                failure = failure_of(failure_at(step, frame.path + step.id, failed))
                state.compensation_failures.append(failure)
                ending.failed.append(failure)
            ending.done += 1

    def _result(self) -> Json:
        plan, memory = self._plan, self.handed_on(well=True)
        result = _result_value(plan, self.state.scope())
        recorded = recorded_of(result, memory.values, memory.run, memory.beside) if memory else recorded_of(result)
        if self._hands_undo_on:
            recorded = with_undo(recorded, self._run.saga.as_json(self.state))
        check_value(f"the result of flow {plan.name!r}", recorded)
        return recorded


def _result_value(plan: Plan, scope: Scope) -> Json:
    if plan.has_returns:
        return evaluate(cast("Json", plan.returns), scope)
    return {name: scope.outputs[name] for name in plan.outputs if name in scope.outputs}
