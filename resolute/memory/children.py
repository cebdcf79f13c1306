"""Runs in memory that steps of other runs have started."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from resolute.memory.ended import MemoryRun
from resolute.plan.errors import (
    NodeFailedError,
    RunCancelledError,
)
from resolute.plan.failing import Failure
from resolute.plan.values import Json
from resolute.running.interpreter import Interpreter
from resolute.running.messages import Message, MessageRefusedError
from resolute.running.runtime import ChildFailedError, ChildRequest
from resolute.running.state import failure_of


class RunningChild:
    """A run that was started by a step of another, as long as that waits for it."""

    def __init__(self, request: ChildRequest) -> None:
        self._parent_close = request.parent_close
        self._interpreter: Interpreter | None = None
        self._told: Message | None = None
        self._let_go: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.is_given_up = False
        self.is_left_alone = False

    def begun(self, interpreter: Interpreter) -> None:
        """The run has begun, or goes on in a new history."""
        told = self._told if self._interpreter is None else None
        self._interpreter = interpreter
        if told is not None:
            self.tell(told)
        if self.is_given_up and self._parent_close == "cancel":
            interpreter.cancel()

    def tell(self, message: Message) -> None:
        """Passes a message on to the run, which may not have begun."""
        self._told = message
        if self._interpreter is not None:
            with suppress(MessageRefusedError):  # nobody waits for the answer
                self._interpreter.take(message)

    def cancel(self) -> None:
        """Cancels the run, or lets go of it, as its step says."""
        self.is_given_up = True
        if self._parent_close != "cancel":
            if not self._let_go.done():
                self._let_go.set_result(None)
        elif self._interpreter is not None:
            self._interpreter.cancel()

    async def end_of(self, run: asyncio.Task[MemoryRun]) -> MemoryRun:
        """Waits for the end of the run.

        Raises:
            asyncio.CancelledError: it was let go of.
        """
        run.add_done_callback(self._wake)
        await self._let_go
        if run.done():
            return run.result()
        if self._parent_close == "terminate":
            run.cancel()
        else:
            self.is_left_alone = True
        raise asyncio.CancelledError

    def _wake(self, _: object) -> None:
        if not self._let_go.done():
            self._let_go.set_result(None)


def recorded_of_child(run: MemoryRun, *, given_up: bool) -> Json:
    """What a run has recorded that was started by a step of another.

    Raises:
        ChildFailedError: it did not complete.
    """
    error = run.error
    if error is None:
        return run.recorded
    given_up = given_up and isinstance(error, RunCancelledError)
    if isinstance(error, NodeFailedError):
        raise ChildFailedError(
            failure_of(error), trace=error.trace, failed_as_well=run.report.compensation_failures
        ) from error
    failure = Failure(step="", node="", error_type=type(error).__name__, message=str(error))
    raise ChildFailedError(failure, failed_as_well=run.report.compensation_failures, given_up=given_up) from error
