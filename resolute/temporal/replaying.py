"""A recorded run, replayed with its own plan.

The interpreter runs again with the recorded answers, so that a run can be shown with its conditions and skipped steps
even without a worker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Final

from temporalio.exceptions import is_cancelled_exception

from resolute.plan.errors import FlowError
from resolute.plan.values import Json
from resolute.running.interpreter import Interpreter
from resolute.running.outcomes import outcomes_from
from resolute.running.recall import newest
from resolute.running.report import RunReport, StepReport
from resolute.running.result import result_of
from resolute.running.runtime import CallRequest
from resolute.temporal.failures import node_failure
from resolute.temporal.handed import READS_FAILURES
from resolute.temporal.recorded import Answer, Recorded
from resolute.temporal.shelter import SHELTERS

_TURNS: Final = 20
"""Turns of the event loop without activity of the interpreter, after which every branch is waiting."""


class _StillGoing(BaseException):
    """The history ends here. Not an error: nothing may catch it on its way out of the interpreter."""


class _RecordedRuntime:
    def __init__(self, recorded: Recorded) -> None:
        self._recorded = recorded
        self._now = recorded.began_at
        self._signs = 0
        self._at_cancel: asyncio.Event | None = None
        self._is_cancelled = False
        self.cancel_run: Callable[[], None] = _nothing

    def now(self) -> datetime:
        self._signs += 1
        return self._now

    def is_full(self, ended: int) -> bool:
        return False  # the history that is read back has ended where it ended

    async def sleep(self, step: str, until: datetime | None) -> None:
        self._signs += 1
        fired = self._recorded.fired.get(step)
        if until is None or not fired:
            raise _StillGoing
        self._now = max(self._now, fired.pop(0))

    async def call(self, request: CallRequest) -> Json:
        self._signs += 1
        answer = self._recorded.answers.get(request.step)
        if answer is not None:
            answer.arguments = request.arguments
        given_up = self._was_at_work(answer)
        if given_up:
            await self._cancelled()
        if answer is None or answer.ended_at is None:
            if given_up and self._recorded.has_ended:
                raise asyncio.CancelledError
            raise _StillGoing
        self._now = max(self._now, answer.ended_at)
        if answer.failure is not None:
            if given_up and is_cancelled_exception(answer.failure):
                raise asyncio.CancelledError
            raise node_failure(request, answer.failure)
        return answer.output

    def cancel(self) -> None:
        self._is_cancelled = True

    def _was_at_work(self, answer: Answer | None) -> bool:
        """Whether the call was running when the run was cancelled."""
        cancelled_by = self._recorded.cancelled_by
        if cancelled_by is None or self._is_cancelled:
            return False
        return answer is None or answer.ended_at is None or answer.ended_by > cancelled_by

    async def _cancelled(self) -> None:
        """Waits until everything recorded before the cancellation has been replayed, then cancels the run, once."""
        if self._at_cancel is None:
            self._at_cancel = asyncio.Event()
            signs, turns = -1, 0
            while turns < _TURNS:
                turns = turns + 1 if signs == self._signs else 0
                signs = self._signs
                await asyncio.sleep(0)
            self.cancel_run()
            self._at_cancel.set()
        await self._at_cancel.wait()


async def replayed(recorded: Recorded) -> RunReport | None:
    """The run as far as it is recorded; None if it has not recorded its plan yet."""
    plan = recorded.start.plan or recorded.plan
    if plan is None:
        return None
    memory = newest(recorded.completed, recorded.failed if plan.interpreter >= READS_FAILURES else None)
    runtime = _RecordedRuntime(recorded)
    taken = recorded.start.earlier.outcomes
    interpreter = Interpreter(
        plan,
        runtime,
        input_data=recorded.start.input,
        memory=memory,
        scheduled_for=recorded.scheduled_for or recorded.began_at,
        outcomes=None if taken is None else outcomes_from(taken),
        observed=True,
    )
    runtime.cancel_run = interpreter.cancel
    if plan.interpreter < SHELTERS:
        recorded.cancelled_by = None  # what it did when it was cancelled is not part of its plan
    with suppress(_StillGoing, FlowError):
        await interpreter.run()
    report = interpreter.state.report()
    steps = tuple(_with_answer(step, recorded.answers.get(step.id)) for step in report.steps)
    return report.model_copy(update={"steps": steps, "result": result_of(recorded.result)})


def _with_answer(step: StepReport, answer: Answer | None) -> StepReport:
    """A step with its own activity's times: the replay's clock is at the latest of all parallel ones."""
    if answer is None or step.kind != "call":
        return step
    ended = {"ended_at": answer.ended_at} if answer.ended_at and step.ended_at else {}
    update = {"started_at": answer.began_at, "arguments": answer.arguments, "attempts": answer.attempts, **ended}
    return step.model_copy(update=update)


def _nothing() -> None:
    pass
