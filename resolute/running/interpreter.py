"""The one interpreter of plans. Every engine runs flows by this code.

It is deterministic: given the same plan, input and answers of the runtime, it makes the same calls in the same order
with the same ids. Whatever changes that is gated on `plan.interpreter`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Final, cast

from resolute.plan.errors import (
    FlowError,
    NodeFailedError,
    RunCancelledError,
    UnknownStepError,
    UnsupportedPlanError,
)
from resolute.plan.limits import check_value
from resolute.plan.plan import FORMAT, INTERPRETER, Call, Parallel, Plan, Step, When
from resolute.plan.values import Json, JsonObject
from resolute.running.boundary import failure_at, flow_error
from resolute.running.evaluate import Scope, evaluate, is_true, prepare
from resolute.running.recall import Memory, handed_on, recalled
from resolute.running.result import recorded_of
from resolute.running.runtime import CallRequest, Runtime
from resolute.running.saga import Saga
from resolute.running.state import RunState, failure_of
from resolute.running.turns import Turns

PENDING_LIMIT: Final = 500
"""Calls of one run that are at work at the same time; Temporal takes 2,000. Further ones wait for their turn."""

TAKES_TURNS: Final = 2
"""The first interpreter that bounds what is at work. What older ones did must come again in a replay."""


class Interpreter:
    """Runs one plan once.

    Raises (from `run`):
        FlowError: the run failed; undo and on_failure steps have run.
        RunCancelledError: the run was cancelled; undo steps have run.
    """

    def __init__(self, plan: Plan, runtime: Runtime, *, input_data: Json = None, memory: Memory | None = None) -> None:
        self._plan = plan
        self._runtime = runtime
        self._saga = Saga()
        self._cancelled = False
        self._undoing = False
        self._turns = Turns(PENDING_LIMIT)
        self._memory, warnings = recalled(plan, memory)
        previous = self._memory.values if self._memory else None
        self.state = RunState(plan, input_data=input_data, previous=previous, now=runtime.now)
        self.state.warn(warnings)

    async def run(self) -> Json:
        """Runs the plan and gives the run's result."""
        if self._plan.format != FORMAT or self._plan.interpreter > INTERPRETER:
            raise UnsupportedPlanError(
                f"the plan of flow {self._plan.name!r} needs interpreter {self._plan.interpreter}, "
                f"this worker has {INTERPRETER}: deploy the newer worker"
            )
        try:
            await self._block(self._plan.steps, alone=True)
            self._stop_where_cancelled()
            return self._result()
        except asyncio.CancelledError:
            if not self._cancelled or _is_torn_down():
                raise
            error: FlowError = RunCancelledError()
        except Exception as failed:
            error = RunCancelledError() if self._cancelled else flow_error(failed)
        self._undoing = True
        await self._handle(error)
        raise error from error.__cause__

    def cancel(self) -> None:
        """Ends the run: nothing more is begun, what is at work is given up, what has completed is undone.

        The run ends by `RunCancelledError`. A run that undoes its work already goes on with that.
        """
        if not self._cancelled and not self._undoing:
            self._cancelled = True
            self._runtime.cancel()

    def _stop_where_cancelled(self) -> None:
        if self._cancelled and not self._undoing:
            raise asyncio.CancelledError

    def handed_on(self) -> Memory | None:
        """What the next run may read, as far as this one has come; None where the flow does not remember."""
        memory, warnings = handed_on(self._plan, self._memory, self.state.outputs)
        self.state.warn(warnings)
        return memory

    async def _block(self, steps: tuple[Step, ...], *, alone: bool) -> None:
        for step in steps:
            self._stop_where_cancelled()
            match step:
                case Call() if alone or self._plan.interpreter < TAKES_TURNS:
                    await self._call(step, alone=alone)
                case Call():
                    async with self._turns.of(1):
                        self._stop_where_cancelled()
                        await self._call(step, alone=False)
                case When():
                    await self._when(step, alone=alone)
                case Parallel():
                    await self._parallel(step, alone=alone)
                case _:
                    # Without this case a second copy of the plan's classes would make a run complete and do nothing.
                    raise UnknownStepError(f"the plan holds a step that this worker does not know: {step!r}")

    async def _call(self, call: Call, *, alone: bool) -> None:
        state = self.state
        state.begin(call.id)
        try:
            arguments = cast("JsonObject", prepare(call.arguments, state.scope()))
            check_value(f"the input of step {call.id!r} ({call.node})", arguments)
            # A local activity holds up timers and calls of the same run, so it is for when nothing else is in flight;
            # and it passes no queue, whose rate limit it would have to keep.
            lane = call.lane if alone and call.queue is None else "activity"
            request = CallRequest(
                step=call.id, node=call.node, arguments=arguments, policy=call.policy, lane=lane, queue=call.queue
            )
            output = await self._runtime.call(request)
        except asyncio.CancelledError:
            state.cancel(call.id)
            raise
        except Exception as error:
            failed = failure_at(call, error)
            state.fail(call.id, failed)
            raise failed from failed.__cause__
        state.outputs[call.id] = output
        state.complete(call.id, output)
        self._saga.completed(call)

    async def _when(self, when: When, *, alone: bool) -> None:
        state = self.state
        state.begin(when.id)
        try:
            holds = is_true(when.condition, state.scope())
        except Exception as error:
            failed = failure_at(when, error)
            state.fail(when.id, failed)
            raise failed from failed.__cause__
        block, left_out = (when.then, when.otherwise) if holds else (when.otherwise, when.then)
        state.take(when.id, "then" if holds else "otherwise", left_out)
        await self._inside(when.id, self._block(block, alone=alone))

    async def _parallel(self, parallel: Parallel, *, alone: bool) -> None:
        self.state.begin(parallel.id)
        alone = alone and len(parallel.branches) == 1
        await self._inside(parallel.id, self._branches(parallel, alone=alone))

    async def _branches(self, parallel: Parallel, *, alone: bool) -> None:
        # Every branch runs to its end, and the first failure in plan order is the run's: which one fails first by the
        # clock is what two runs never share.
        outcomes = await asyncio.gather(
            *(self._block(branch, alone=alone) for branch in parallel.branches), return_exceptions=True
        )
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    async def _inside(self, step_id: str, block: Awaitable[None]) -> None:
        try:
            await block
        except asyncio.CancelledError:
            self.state.cancel(step_id)
            raise
        except Exception:
            self.state.fail(step_id, None)
            raise
        self.state.complete(step_id)

    async def _handle(self, error: FlowError) -> None:
        state = self.state
        known = error if isinstance(error, NodeFailedError) else None
        state.failure = failure_of(
            known or NodeFailedError(step="", node="", error_type=type(error).__name__, reason=str(error))
        )
        # Who cancels a run knows of it: what is to be told of failures is not told, what was done is undone.
        told = () if isinstance(error, RunCancelledError) else self._plan.on_failure
        for step in (*self._saga.due(), *told):
            try:
                await self._block((step,), alone=True)
            except Exception as failed:
                # The rest is undone all the same, and the run still ends by its first failure.
                state.compensation_failures.append(failure_of(failure_at(step, failed)))

    def _result(self) -> Json:
        plan, memory = self._plan, self.handed_on()
        result = _result_value(plan, self.state.scope())
        recorded = recorded_of(result, memory.values, memory.run) if memory else recorded_of(result)
        check_value(f"the result of flow {plan.name!r}", recorded)
        return recorded


def _is_torn_down() -> bool:
    """Whether the task itself is cancelled: its engine lets go of the run, which goes on elsewhere or later."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _result_value(plan: Plan, scope: Scope) -> Json:
    if plan.has_returns:
        return evaluate(cast("Json", plan.returns), scope)
    return {name: scope.outputs[name] for name in plan.outputs if name in scope.outputs}
