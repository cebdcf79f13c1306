"""A runtime that answers a plan from a past run of another one: the same flow, before it was edited."""

from __future__ import annotations

import asyncio
import heapq
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import count
from typing import cast

from resolute.execution.dry import example_of
from resolute.execution.executor import NodeExecutor
from resolute.plan.context import CallContext
from resolute.plan.errors import NodeFailedError
from resolute.plan.language import has_holes
from resolute.plan.policies import Effect
from resolute.plan.values import Json, JsonObject
from resolute.running.interpreter import Interpreter
from resolute.running.made import stopped_in
from resolute.running.runtime import Answered, CallRequest, ChildRequest, Paused
from resolute.running.together import answered
from resolute.temporal.history.acts import Act, alike
from resolute.temporal.history.past import Asked, PastRuntime
from resolute.temporal.history.recorded import Answer, Recorded
from resolute.temporal.wire.failures import node_failure


class EditedRuntime(PastRuntime):
    """Answers another plan from a past run. `unknown` is what the record does not answer."""

    def __init__(self, recorded: Recorded, effects: Mapping[str, Effect], past: Asked, executor: NodeExecutor) -> None:
        super().__init__(recorded, effects)
        self.unknown: list[str] = []
        self.assumed: list[str] = []
        self._past = past
        self._executor = executor
        self._used: set[int] = set()
        self._by_node: dict[str, list[tuple[str, JsonObject, Answer]]] = defaultdict(list)
        for calls in past.calls.values():
            for known in calls:
                self._by_node[known[0]].append(known)
        self._timers: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._numbers = count()
        self._computing: set[asyncio.Future[Json]] = set()

    async def settled(self, run: asyncio.Task[Json]) -> None:
        """Waits until nothing moves any more, and nothing is computed."""
        await super().settled(run)
        while self._computing and not run.done():
            await asyncio.wait([*self._computing, run], return_when=asyncio.FIRST_COMPLETED)
            self._signs += 1
            await super().settled(run)

    def go_on(self, interpreter: Interpreter) -> bool:
        """Brings what came next, or lets the time pass for which a step waits that did not wait then."""
        for address in interpreter.open_at(""):
            if address not in self._past.listened:
                self._past.listened[address] = None
                kind, _, name = address.partition(":")
                self.unknown.append(f"{kind} {name!r}: nobody was asked for it then")
        following = [*(event for event, _, _ in self._waiting[:1]), *(event for event, _, _ in self._coming[:1])]
        at = self._time_of(min(following)) if following else None
        if self._timers and not (self.unknown and at is None) and (at is None or self._timers[0][0] <= at):
            until, _, woken = heapq.heappop(self._timers)
            self._now = max(self._now, until)
            self._signs += 1
            if not woken.done():
                woken.set_result(None)
            return True
        return self.bring(interpreter)

    async def sleep(self, step: str, until: datetime | None) -> None:
        """As long as it was slept; what did not sleep then sleeps by a clock that jumps."""
        if until is None or self._recorded.fired.get(step) or self._passed(until):
            await super().sleep(step, until)
            return
        self._signs += 1
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._timers, (until, next(self._numbers), woken))
        await woken

    @property
    def is_ahead(self) -> bool:
        """No call is made ahead: another plan may come to none of them."""
        return False

    async def call(
        self, request: CallRequest, behind: Sequence[CallRequest] = (), paused: Paused | None = None
    ) -> Json:
        """What was answered then; what only computes is computed anew."""
        self._signs += 1
        effect = self.effect_of(request.node)
        known = self._known(request)
        if effect == "write":
            self.acts.append(Act(request.step, request.node, request.arguments))
        computes = effect == "pure" and not has_holes(cast("Json", request.arguments))
        if known is not None:
            try:
                output = await self._as_then(request, known)
            except NodeFailedError:
                if not computes:
                    raise
                output = None
            return await self._computed(request) if computes else output
        if computes:
            return await self._computed(request)
        if effect == "write":
            return self._stand_in(request)
        return await self._not_known(
            request.step, f"{request.node} was never asked what step {request.step!r} asks now"
        )

    async def call_together(
        self, requests: Sequence[CallRequest], *, at_once: int, stops: bool, paused: Paused | None = None
    ) -> list[Answered]:
        """Each by itself: what is recorded of each tells them apart."""
        return list(await asyncio.gather(*(answered(self.call(request)) for request in requests)))

    async def child(self, request: ChildRequest) -> Json:
        """What the run of the other flow came to then, if it is the same flow with the same input."""
        fingerprint, given = self._past.flows.get(request.step, ("", None))
        if fingerprint == request.plan.fingerprint and alike(given, request.input):
            return await super().child(request)
        flow = request.plan.name
        return await self._not_known(
            request.step, f"flow {flow!r} did not run so at step {request.step!r}: backtest it"
        )

    def _known(self, request: CallRequest) -> Answer | None:
        """What is recorded of the same question: at the same step, or at a step that had another name."""
        here = self._past.calls.get(request.step, [])
        for known in (*here, *(self._by_node[request.node] if len(here) == 0 else ())):
            node, arguments, answer = known
            if id(answer) not in self._used and node == request.node and alike(arguments, request.arguments):
                self._used.add(id(answer))
                return answer
        return None

    async def _as_then(self, request: CallRequest, answer: Answer) -> Json:
        answer = await self._ended(request.step, answer)
        if answer.failure is not None:
            raise node_failure(request, answer.failure)
        if (stopped := stopped_in(answer.output)) is not None:
            raise stopped
        return answer.output

    async def _computed(self, request: CallRequest) -> Json:
        """What a node that only computes gives now."""
        call = CallContext(flow="backtest", run_id="backtest", step=request.step, node=request.node)
        work = asyncio.ensure_future(self._executor.execute(call, request.arguments))
        self._computing.add(work)
        try:
            return await work
        except Exception as error:
            facts = self._executor.failure_facts(error, request.node)
            raise NodeFailedError(
                step=request.step, node=request.node, error_type=facts.error_type, reason=facts.message
            ) from None
        finally:
            self._computing.discard(work)
            self._signs += 1

    def _stand_in(self, request: CallRequest) -> Json:
        """In place of the output of a write that was not done then."""
        for node, _, answer in self._past.calls.get(request.step, []):
            if node == request.node and answer.ended_at is not None and answer.failure is None:
                self.assumed.append(f"step {request.step!r} gives what it gave then, with other arguments")
                return answer.output
        self.assumed.append(f"step {request.step!r} gives a made-up output: it was not done then")
        return example_of(self._executor.definitions.get(request.node), self._executor.environment)

    async def _not_known(self, step: str, why: str) -> Json:
        self.unknown.append(why)
        ends = self._never_begun[step] = asyncio.get_running_loop().create_future()
        await ends
        raise asyncio.CancelledError

    def _time_of(self, event: int) -> datetime | None:
        tasks = self._recorded.tasks
        task = bisect_right(tasks, event, key=lambda each: each[0])
        return tasks[task][1] if task < len(tasks) else None
