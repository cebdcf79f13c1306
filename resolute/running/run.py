"""What the steps of one run share, and what each of them goes through whatever its kind.

A step is looked up before it is run: what it has come to in an earlier part of the run is taken as it is. When a run is
suspended nothing new is begun, what is at work ends, and whatever waits lets go; then all that the run needs to be
continued stands in `Kept` and in the saga.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias

from resolute.plan.errors import NodeFailedError, ResoluteError, UnknownStepError
from resolute.plan.plan import Plan
from resolute.plan.step import Step
from resolute.plan.values import JsonObject
from resolute.running.boundary import failure_at
from resolute.running.frame import Frame
from resolute.running.hold import hold, settled
from resolute.running.messages import Inbox
from resolute.running.notebook import Notebook
from resolute.running.origin import NOWHERE, Origin
from resolute.running.pausing import Pausing
from resolute.running.runtime import Runtime
from resolute.running.saga import KEEPS_PARTS, Saga, undo_of
from resolute.running.standing import Standing
from resolute.running.state import RunState
from resolute.running.stopping import Stopping
from resolute.running.turns import Turns
from resolute.running.window import Window

PENDING_LIMIT: Final = 500
"""Calls of one run that are at work at the same time; Temporal takes 2,000. Further ones wait for their turn."""

TAKES_TURNS: Final = 2
"""The first interpreter that bounds what is at work. What older ones did must come again in a replay."""

CONTINUES: Final = 3
"""The first interpreter whose runs are continued in another history."""

_UNKNOWN: Final = (
    "it may have done its work all the same, which its undo steps have not undone: look at what it changes"
)

NOTHING: Final = object()
"""In place of the output of a step that has none."""

Woken: TypeAlias = Literal["woken", "time"]


class RunSuspendedError(ResoluteError):
    """The run is to be continued: the step has let go, and is taken up again from what is kept of it."""


@dataclass(frozen=True)
class Running:
    """How a kind of step runs.

    `run` gives the step's output, or `NOTHING`. A step that `takes_turns` counts among what is at work in a run, which
    is bounded. One that is not `is_held` fails by somebody's decision, on which nobody is asked again.
    """

    run: Callable[[Any, Frame, Run], Awaitable[Any]]
    takes_turns: bool = False
    is_held: bool = True


class Run:
    """One run, as its steps see it."""

    def __init__(
        self,
        plan: Plan,
        runtime: Runtime,
        state: RunState,
        kinds: Mapping[type[Step], Running],
        window: Window | None = None,
        origin: Origin = NOWHERE,
        notebook: Notebook | None = None,
    ) -> None:
        self.plan = plan
        self.notebook = notebook or Notebook()
        self.origin = origin
        self.window = window or Window()
        self.runtime = runtime
        self.state = state
        self.saga = Saga(keeps_parts=plan.interpreter >= KEEPS_PARTS)
        self.inbox = Inbox(plan.interpreter)
        self.standing = Standing()
        self.pausing = Pausing(self)
        self.stopping = Stopping(self)
        self.undoing = False
        self.cancelled = False
        self.suspended = False
        self.lifted = False
        """Whether pauses do not stop the run: it undoes its work because somebody has cancelled it."""
        self.moves = 0
        """Calls and waits so far: what has not changed it has held the run's task all the time."""
        self._kinds = kinds
        self._turns = Turns(PENDING_LIMIT)
        self._ended = 0
        self._waiting: dict[str, asyncio.Future[str]] = {}
        self._late: dict[str, None] = {}
        self._given_up: list[str] = []
        self._at: tuple[tuple[Step, ...], int] = ((), 0)

    async def block(self, steps: tuple[Step, ...], frame: Frame) -> None:
        """Runs steps one after the other."""
        for index, step in enumerate(steps):
            self._at = (steps, index)
            await self.step(step, frame)

    def behind(self, step: Step) -> tuple[Step, ...]:
        """The steps that come behind one in its block, which is begun now and alone; none where it is in no block."""
        steps, index = self._at
        return steps[index + 1 :] if steps and steps[index] is step else ()

    async def step(self, step: Step, frame: Frame) -> None:
        """Runs a step, unless it has come to its end in an earlier part of the run.

        Raises:
            NodeFailedError: it failed, or a step in it.
            asyncio.CancelledError: it was given up.
            RunSuspendedError: the run is to be continued.
        """
        self.stop_where_cancelled(frame.path)
        kind = self._kinds.get(type(step))
        if kind is None:
            # Without this a second copy of the plan's classes would make a run complete and do nothing.
            raise UnknownStepError(f"the plan holds a step that this worker does not know: {step!r}")
        if frame.path + step.id == self.window.until:
            self.window.reached = True
            self.window.carried = step.id in frame.kept.outputs or step.id in frame.kept.done
            raise RunSuspendedError
        while not await settled(step, frame, self) and not await self._tried(step, kind, frame):
            self.stop_where_cancelled(frame.path)

    async def _tried(self, step: Step, kind: Running, frame: Frame) -> bool:
        """Runs a step; False where it is held now, so that a person decides what becomes of it."""
        if not kind.takes_turns or frame.alone or self.plan.interpreter < TAKES_TURNS:
            self.moves += kind.takes_turns
            return await self._step(step, kind, frame)
        self.moves += 1
        async with self._turns.of(1):
            self.stop_where_cancelled(frame.path)
            return await self._step(step, kind, frame)

    async def _step(self, step: Step, kind: Running, frame: Frame) -> bool:
        kept, state = frame.kept, self.state
        step_id = frame.path + step.id
        if step.id in kept.failed:
            state.carry(step, frame, failed=kept.failed[step.id])
            raise kept.failed[step.id]
        if step.id in kept.outputs or step.id in kept.done:
            state.carry(step, frame, output=kept.outputs.get(step.id))
            return True
        self.rest()
        if self.pausing and not self.runtime.is_ahead:
            await self.pausing.passed(step, frame)
        if not self.window.opens(step, frame.path):
            raise RunSuspendedError
        state.begin(step, frame)
        try:
            output = await kind.run(step, frame, self)
        except asyncio.CancelledError:
            state.cancel(step, frame)
            if undo_of(step):
                state.warn([f"step {step_id!r} was given up while it was at work: {_UNKNOWN}"])
            raise
        except RunSuspendedError:
            raise
        except Exception as error:
            failed = failure_at(step, step_id, error)
            own = failed.step == step_id
            if own and self._holds(kind, frame):
                hold(step, frame, self, failed)
                return False
            state.fail(step, frame, failed if own else None)
            if own:
                kept.failed[step.id] = failed
            if step_id == self.window.only:
                self.window.error = failed
            raise failed from failed.__cause__
        kept.held.pop(step.id, None)
        self._ended += 1
        if output is NOTHING:
            kept.done[step.id] = None
            state.complete(step, frame)
        else:
            kept.parts.pop(step.id, None)
            kept.outputs[step.id] = output
            state.complete(step, frame, output)
            if step_id == self.window.only:
                self.window.output = output
        self.saga.completed(step, frame)
        return True

    def _holds(self, kind: Running, frame: Frame) -> bool:
        """Whether a step that has failed for good is held: where nobody else says what becomes of it."""
        busy_ending = self.undoing or self.cancelled or self._is_given_up(frame.path) or bool(self.window.only)
        return self.plan.holds and kind.is_held and not frame.collected and not busy_ending

    def stand_held(self, step_id: str, held: JsonObject | None, error: NodeFailedError) -> None:
        """Tells the outside that a step is held, or no longer."""
        if held is None:
            self.standing.let_go(step_id)
        else:
            self.standing.hold(step_id, held["since"], error)
        self.runtime.stand(self.standing.as_json())

    def _is_given_up(self, at: str) -> bool:
        return any(at.startswith(part) for part in self._given_up)

    def stop_where_cancelled(self, at: str = "") -> None:
        """Begins nothing more in a run that has been cancelled, or in a part of it that has been given up.

        `at` is the path of a block in the run, or the id of a step.

        Raises:
            asyncio.CancelledError: it has been, and does not undo its work yet.
        """
        if self.runtime.is_ahead:
            return
        if self.cancelled and not self.undoing:
            raise asyncio.CancelledError
        if self._is_given_up(at):
            raise asyncio.CancelledError

    def rest(self) -> None:
        """Where a run may be suspended: nothing of the step that asks is at work.

        Raises:
            RunSuspendedError: the run is to be continued.
        """
        if self.plan.interpreter < CONTINUES or self.runtime.is_ahead:
            return
        if not self.suspended and self.runtime.is_full(self._ended):
            self.suspend()
        if self.suspended:
            raise RunSuspendedError

    async def wait(self, step_id: str, until: datetime | None = None, *, even_paused: bool = False) -> Woken:
        """Waits until the time has come or `wake` is called; what woke it. In a pause no time comes, if not said.

        Raises:
            asyncio.CancelledError: the run is cancelled.
            RunSuspendedError: the run is to be continued; what has been waited for is to be kept before.
        """
        self.rest()
        self.moves += 1
        why = await self._woken(step_id, until)
        while why == "time" and self.pausing and not even_paused:
            self._late[step_id] = None
            try:
                why = await self._woken(step_id, None)
            finally:
                del self._late[step_id]
        match why:
            case "cancelled":
                raise asyncio.CancelledError
            case "suspended":
                raise RunSuspendedError
            case "woken":
                return "woken"
            case _:
                return "time"

    async def _woken(self, step_id: str, until: datetime | None) -> str:
        woken = self._waiting[step_id] = asyncio.get_running_loop().create_future()
        timer = asyncio.ensure_future(self._timer(step_id, until, woken))
        try:
            why = await woken
        finally:
            del self._waiting[step_id]
            if not timer.done():
                timer.cancel()
        if timer.done() and not timer.cancelled() and (error := timer.exception()):
            raise error
        return why

    async def _timer(self, step_id: str, until: datetime | None, woken: asyncio.Future[str]) -> None:
        try:
            await self.runtime.sleep(step_id, until)
        finally:
            if not woken.done():
                woken.set_result("time")

    def come_late(self) -> None:
        """Wakes those whose time came during a pause."""
        for step_id in tuple(self._late):
            self._end_wait(step_id, "time")

    def wake(self, step_id: str) -> None:
        """Ends the wait of a step, if it waits."""
        self._end_wait(step_id, "woken")

    def suspend(self) -> None:
        """Has the run let go wherever it can, to be continued."""
        self.suspended = True
        self.inbox.moving = True
        for step_id in tuple(self._waiting):
            self._end_wait(step_id, "suspended")

    def cancel(self) -> None:
        """Begins nothing more, gives up what is at work, and ends every wait."""
        self.cancelled = True
        for step_id in tuple(self._waiting):
            self._end_wait(step_id, "cancelled")
        self.lift()
        self.runtime.cancel()

    def lift(self) -> None:
        """No pause stops the run from now on."""
        self.lifted = True
        self.pausing.lift()
        self.stopping.look()

    def give_up(self, part: str) -> None:
        """Gives up the steps whose ids begin so: none of them begins any more, until `end_part` says it is over."""
        self._given_up.append(part)
        for step_id in tuple(self._waiting):
            if step_id.startswith(part):
                self._end_wait(step_id, "cancelled")
        self.runtime.cancel(part)

    def leave(self, part: str) -> None:
        """Nothing further begins of the steps whose ids begin so; what is at work goes on, and nobody waits for it."""
        self._given_up.append(part)

    def end_part(self, part: str) -> None:
        """Nothing of a part that may have been given up is at work any more."""
        self._given_up = [each for each in self._given_up if each != part]

    def _end_wait(self, step_id: str, why: str) -> None:
        woken = self._waiting.get(step_id)
        if woken is not None and not woken.done():
            woken.set_result(why)
