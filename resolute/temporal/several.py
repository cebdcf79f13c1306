"""Makes calls of the local lane that are asked for together: one attempt of each, as a worker makes a single one."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from time import monotonic
from typing import Final, cast

from temporalio import activity

from resolute.execution.executor import FailureFacts, NodeExecutor
from resolute.plan.context import CallContext
from resolute.plan.errors import NodeFailedError
from resolute.plan.limits import PAYLOAD_LIMIT, recorded_size
from resolute.plan.policies import Policy
from resolute.plan.values import Json, JsonObject
from resolute.running.made import CallStoppedError, Made
from resolute.running.together import AtOnce
from resolute.temporal.at_work import AtWork, Work
from resolute.temporal.attempts import KEPT, Attempts, as_detail
from resolute.temporal.belief import Belief
from resolute.temporal.ids import activity_id
from resolute.temporal.local import failed_attempt
from resolute.temporal.loops import NodeLoops, run_on
from resolute.temporal.together import Asked, Said

LONGEST: Final = 1.0
"""Seconds after which no further call is begun: a local activity holds up whatever else comes to its run."""


class Several:
    """The calls of one activity, with what the worker makes calls with. `tell` writes a failed attempt into the log."""

    def __init__(
        self,
        executor: NodeExecutor,
        belief: Belief,
        at_work: AtWork,
        loops: NodeLoops | None,
        tell: Callable[[CallContext, FailureFacts], None],
    ) -> None:
        self._executor = executor
        self._belief = belief
        self._at_work = at_work
        self._loops = loops
        self._tell = tell
        self._flows: tuple[str, ...] = ()

    async def run(self, info: activity.Info, arguments: JsonObject) -> Json:
        """What is recorded of the calls, by step; the next activity makes those that are not in it."""
        self._flows = tuple(str(flow) for flow in cast("list[Json]", arguments.get("flows", [])))
        asked = [Asked.of(each) for each in cast("list[Json]", arguments["calls"])]
        began, size = monotonic(), 0
        stops = bool(arguments["stops"])
        made = AtOnce[Asked, Said](
            asked,
            at_once=int(cast("int", arguments["at_once"])),
            stops=lambda said: stops and said.word == "failed",
            goes_on=lambda: monotonic() - began < LONGEST and size <= PAYLOAD_LIMIT,
        )

        async def attempt(each: Asked) -> Said:
            nonlocal size
            said = await self._attempt(info, str(arguments["run_id"]), each)
            size += recorded_size(said.output)
            return said

        try:
            await made.run(attempt)
        except asyncio.CancelledError:
            made.stopped = True  # what has ended is recorded all the same
        record: dict[str, Json] = {}
        size = 0
        for index, each in enumerate(asked):
            said = made.answers.get(index) or (Said(word="given up") if made.stopped else None)
            if said is None:
                continue
            written = said.as_json()
            size += recorded_size(written)
            if record and size + recorded_size(list(record)) > PAYLOAD_LIMIT:
                break
            record[each.step] = written
        return record

    async def _attempt(self, info: activity.Info, run_id: str, asked: Asked) -> Said:
        executor, policy, began = self._executor, asked.policy, monotonic()
        left = math.inf if asked.left is None else asked.left
        call = CallContext(
            flow=info.workflow_type or "",
            run_id=run_id,
            workflow_id=info.workflow_id or "",
            step=activity_id(asked.step),
            node=asked.node,
            attempt=asked.made.attempts + asked.attempt,
            last_heartbeat=asked.made.heartbeat,
            flows=self._flows,
            deadline=began + min(policy.timeout, left),
            last_deadline=began + left,
            dry=asked.dry,
        )
        loop = self._loops.of(executor.definitions.get(asked.node)) if self._loops else None
        watch = asyncio.timeout(max(min(policy.timeout, left), 0))
        try:
            self._belief.check(call, call.workflow_id, asked.arguments, cast("Json", asked.seal))
            async with watch:
                with self._at_work.held(Work(call.flow, call.workflow_id, call.step, call.attempt)):
                    output = await run_on(loop, executor.execute(call, asked.arguments))
            return Said(word="output", output=output)
        except CallStoppedError as stopped:
            made = Made(
                attempts=call.attempt - (not stopped.begun),
                counted=asked.made.counted + asked.attempt - 1,
                heartbeat=asked.made.heartbeat,
                failed=as_detail(asked.before),
                left=None if asked.left is None else left - (monotonic() - began),
            )
            return Said(word="stopped", facts=CallStoppedError(stopped.stop, made).as_json())
        except Exception as error:
            late = isinstance(error, TimeoutError) and watch.expired()
            facts = _late(policy, left) if late else executor.failure_facts(error, asked.node)
        self._tell(call, facts)
        attempts = (*asked.before, failed_attempt(call.attempt, facts))[-KEPT:]
        pause = policy.retry.pause(asked.attempt) if facts.retry_after is None else facts.retry_after.total_seconds()
        is_last = asked.attempt == policy.retry.attempts or left - (monotonic() - began) <= pause
        if is_last or not facts.retryable:
            return _failed(asked, facts, attempts)
        return Said(word="again", pause=pause, attempts=attempts)


def _late(policy: Policy, left: float) -> FailureFacts:
    if policy.within is not None and left <= policy.timeout:
        return FailureFacts(error_type="TimeoutError", message=f"not done within {policy.within:g} s", retryable=True)
    return FailureFacts(error_type="TimeoutError", message=f"no answer within {policy.timeout:g} s", retryable=True)


def _failed(asked: Asked, facts: FailureFacts, attempts: Attempts) -> Said:
    """A call that is not tried again."""
    error = NodeFailedError(
        step=asked.step,
        node=asked.node,
        error_type=facts.error_type,
        reason=facts.message,
        retryable=facts.retryable,
        attempts=asked.attempt,
        trace=facts.trace,
    )
    return Said(word="failed", facts=cast("JsonObject", error.facts()), attempts=attempts)
