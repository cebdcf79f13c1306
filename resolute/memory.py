"""Runs flows in this process, without a server and without waiting: what `FlowTester` is made of.

The interpreter and the nodes are those of production. What differs is the clock: a pause before a retry moves it
instead of taking time.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Final, cast

from resolute.context import CallContext
from resolute.errors import FlowError, MissingEnvironmentError, NodeFailedError
from resolute.evaluate import Scope, evaluate
from resolute.execution import FailureFacts, NodeExecutor
from resolute.interpreter import Interpreter
from resolute.plan import Plan
from resolute.policies import Policy
from resolute.report import RunReport
from resolute.result import remembered, result_of
from resolute.runtime import CallRequest
from resolute.values import Json, JsonObject

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""When a virtual clock begins unless told otherwise."""

_TURNS: Final = 5
"""Turns of the event loop without a sign of life, after which everything waits: branches begin and join in fewer."""


class VirtualClock:
    """A clock that moves when everybody waits for it, straight to the earliest time that somebody waits for.

    While a node is at work the clock stands still, however long that takes. So a parallel branch that waits for its
    next attempt never overtakes one that is at work.
    """

    def __init__(self, start: datetime = START) -> None:
        self._now = start if start.tzinfo else start.replace(tzinfo=UTC)
        self._busy = 0
        self._signs = 0
        self._order = count()
        self._waiting: list[tuple[datetime, int, Callable[[], None]]] = []

    def now(self) -> datetime:
        """The time, in UTC unless the clock was started in another zone."""
        self._signs += 1  # the interpreter asks whenever a step begins or ends
        return self._now

    def move(self, by: timedelta) -> None:
        """Moves the clock between two runs."""
        self._now += by

    @contextmanager
    def busy(self) -> Generator[None]:
        """Holds the clock while the block runs, except where the block sleeps."""
        self._busy += 1
        try:
            yield
        finally:
            self._rest()

    async def sleep(self, seconds: float) -> None:
        """Waits in virtual time. For whoever holds the clock, which is let go meanwhile."""
        woken = asyncio.get_running_loop().create_future()

        def wake() -> None:
            if not woken.done():
                self._busy += 1
                woken.set_result(None)

        with self.alarm(seconds, wake):
            self._rest()
            try:
                await woken
            except asyncio.CancelledError:
                self._busy += 0 if woken.done() and not woken.cancelled() else 1
                raise

    @contextmanager
    def alarm(self, seconds: float, ring: Callable[[], None]) -> Generator[None]:
        """Calls `ring` when the clock gets there while the block runs."""
        entry = (self._now + timedelta(seconds=seconds), next(self._order), ring)
        heapq.heappush(self._waiting, entry)
        try:
            yield
        finally:
            if entry in self._waiting:
                self._waiting.remove(entry)
                heapq.heapify(self._waiting)

    def _rest(self) -> None:
        self._busy -= 1
        if not self._busy:
            self._turn(self._signs, _TURNS)

    def _turn(self, signs: int, turns: int) -> None:
        if self._busy or not self._waiting:
            return
        if signs != self._signs:
            turns = _TURNS  # a branch has just begun or ended: it may be about to do more
        if turns:
            asyncio.get_running_loop().call_soon(self._turn, self._signs, turns - 1)
            return
        self._now, _, ring = heapq.heappop(self._waiting)
        ring()
        self._turn(self._signs, _TURNS)


@dataclass(frozen=True, kw_only=True)
class RecordedCall:
    """One attempt of a call: what the node was given, with secrets masked."""

    step: str
    node: str
    arguments: JsonObject
    attempt: int


@dataclass(frozen=True, kw_only=True)
class MemoryRun:
    """A run that has ended. `recorded` is its result as a next run reads it for `previous(...)`."""

    report: RunReport
    calls: tuple[RecordedCall, ...]
    recorded: Json = None
    error: FlowError | None = None

    @property
    def previous(self) -> JsonObject | None:
        """What the next run may read of this one."""
        return remembered(self.recorded)


class MemoryRuntime:
    """Runs nodes in this process, by their policies, in virtual time.

    A node that does not answer is given up after its timeout, or after `patience` of real time where that is less.
    """

    def __init__(
        self, executor: NodeExecutor, clock: VirtualClock, *, flow: str, run_id: str, patience: float = 5.0
    ) -> None:
        self._executor = executor
        self._clock = clock
        self._flow = flow
        self._run_id = run_id
        self._patience = patience
        self.calls: list[RecordedCall] = []

    def now(self) -> datetime:
        """The virtual time."""
        return self._clock.now()

    async def call(self, request: CallRequest) -> Json:
        """Runs a node by its policy; see `Runtime.call`."""
        began = self._clock.now()
        with self._clock.busy():
            for attempt in count(1):
                try:
                    return await self._attempt(request, attempt)
                except NodeFailedError as failed:
                    pause = request.policy.retry.pause(attempt)
                    last, waits = failed, request.policy.retry.attempts == 0 or attempt < request.policy.retry.attempts
                except Exception as error:
                    facts = self._executor.failure_facts(error)
                    pause = (
                        facts.retry_after.total_seconds() if facts.retry_after else request.policy.retry.pause(attempt)
                    )
                    last, waits = _failed(request, facts, attempt), _goes_on(request.policy, facts, attempt)
                elapsed = (self._clock.now() - began).total_seconds()
                if not waits or (request.policy.within is not None and elapsed + pause >= request.policy.within):
                    raise last from None
                await self._clock.sleep(pause)
        raise AssertionError  # count() does not end

    async def _attempt(self, request: CallRequest, attempt: int) -> Json:
        context = CallContext(
            flow=self._flow, run_id=self._run_id, step=request.step, node=request.node, attempt=attempt
        )
        self.calls.append(self._recorded(request, attempt))
        timeout = request.policy.timeout
        limit = asyncio.timeout(min(timeout, self._patience))
        try:
            async with limit:
                return await self._executor.execute(context, request.arguments)
        except TimeoutError:
            if not limit.expired():
                raise  # the node's own
        await self._clock.sleep(timeout)
        reason = f"no answer within {timeout:g} s"
        raise NodeFailedError(step=request.step, node=request.node, error_type="TimeoutError", reason=reason)

    def _recorded(self, request: CallRequest, attempt: int) -> RecordedCall:
        environment = self._executor.environment
        try:
            given = evaluate(request.arguments, Scope(read=environment.read))
        except MissingEnvironmentError:
            given = request.arguments  # the call itself will say so
        arguments = cast("JsonObject", environment.mask_json(given))
        return RecordedCall(step=request.step, node=request.node, arguments=arguments, attempt=attempt)


async def run_in_memory(
    plan: Plan,
    executor: NodeExecutor,
    *,
    clock: VirtualClock | None = None,
    input_data: Json = None,
    previous: JsonObject | None = None,
    run_id: str = "run",
    patience: float = 5.0,
) -> MemoryRun:
    """Runs a plan to its end, with the nodes and providers of the executor. A failed run is returned, not raised."""
    runtime = MemoryRuntime(executor, clock or VirtualClock(), flow=plan.name, run_id=run_id, patience=patience)
    interpreter = Interpreter(plan, runtime, input_data=input_data, previous=previous if plan.remembers else None)
    recorded: Json = None
    error: FlowError | None = None
    try:
        recorded = await interpreter.run()
    except FlowError as failed:
        error = failed
    report = interpreter.state.report().model_copy(
        update={"status": "failed" if error else "completed", "result": result_of(recorded)}
    )
    return MemoryRun(report=report, calls=tuple(runtime.calls), recorded=recorded, error=error)


def _failed(request: CallRequest, facts: FailureFacts, attempt: int) -> NodeFailedError:
    return NodeFailedError(
        step=request.step,
        node=request.node,
        error_type=facts.error_type,
        reason=facts.message,
        retryable=facts.retryable,
        attempts=attempt,
    )


def _goes_on(policy: Policy, facts: FailureFacts, attempt: int) -> bool:
    return facts.retryable and (policy.retry.attempts == 0 or attempt < policy.retry.attempts)
