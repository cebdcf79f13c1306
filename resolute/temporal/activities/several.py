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
from resolute.running.ahead import filled
from resolute.running.made import CallStoppedError, Made
from resolute.running.together import AtOnce
from resolute.temporal.activities.at_work import AtWork, Work
from resolute.temporal.activities.local import failed_attempt
from resolute.temporal.activities.loops import NodeLoops, run_on
from resolute.temporal.activities.rollout import in_rollout
from resolute.temporal.trust.belief import Belief
from resolute.temporal.wire.attempts import KEPT, Attempts, as_detail
from resolute.temporal.wire.elsewhere import Waits
from resolute.temporal.wire.ids import activity_id
from resolute.temporal.wire.together import Asked, Said

_ENOUGH: Final = PAYLOAD_LIMIT // 4
"""Bytes of outputs behind which no further neighbour is begun, whose output might find no room."""

LONGEST: Final = 1.0
"""Seconds after which no further call is begun: a local activity holds up whatever else comes to its run."""


class Several:
    """The calls of one activity, with what the worker makes calls with.

    `tell` writes a failed attempt into the log, and `clock` gives seconds.
    """

    def __init__(
        self,
        executor: NodeExecutor,
        belief: Belief,
        at_work: AtWork,
        loops: NodeLoops | None,
        tell: Callable[[CallContext, FailureFacts], None],
        *,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._executor = executor
        self._belief = belief
        self._at_work = at_work
        self._loops = loops
        self._tell = tell
        self._clock = clock
        self._flows: tuple[str, ...] = ()
        self._waits: Waits | None = None

    async def run(self, info: activity.Info, arguments: JsonObject) -> Json:
        """What is recorded of the calls; the next activity makes those that are not in it.

        Raises:
            ApplicationError: another worker may have the node of one, and the run waits for it. What was made by then
                is lost with the workflow task and made again: only what is safe to repeat is in the local lane.
        """
        self._flows = tuple(str(flow) for flow in cast("list[Json]", arguments.get("flows", [])))
        self._waits = Waits.of(arguments.get("waits"))
        asked = [Asked.of(each) for each in cast("list[Json]", arguments["calls"])]
        run_id = str(arguments["run_id"])
        if "in_turn" in arguments:
            return await self._in_turn(info, run_id, asked, int(cast("int", arguments["in_turn"])))
        at_once = int(cast("int", arguments["at_once"]))
        return await self._beside(info, run_id, asked, at_once=at_once, stops=bool(arguments["stops"]))

    async def _in_turn(self, info: activity.Info, run_id: str, asked: list[Asked], interpreter: int) -> Json:
        """Each call when the one before it has completed, with what those before it gave."""
        began, size = self._clock(), 0
        outputs: dict[str, Json] = {}
        record: list[Json] = []
        for each in asked:
            if record and (self._clock() - began >= LONGEST or size > _ENOUGH):
                break
            arguments = filled(each.arguments, outputs, interpreter) if each.reads else each.arguments
            if arguments is None:
                break  # the run comes to the same, and says why
            try:
                said = await self._attempt(info, run_id, each, arguments)
            except asyncio.CancelledError:
                said = Said(word="given up")
            written: Json = [each.step, said.as_json(), round(self._clock() - began, 6)]
            size += recorded_size(written) + 1
            if record and size > PAYLOAD_LIMIT:
                break
            record.append(written)
            outputs[each.name] = said.output
            if not _goes_on(said):
                break
        return record

    async def _beside(self, info: activity.Info, run_id: str, asked: list[Asked], *, at_once: int, stops: bool) -> Json:
        """So many calls at a time, each by itself."""
        began, size = self._clock(), 0
        made = AtOnce[Asked, Said](
            asked,
            at_once=at_once,
            stops=lambda said: stops and said.word == "failed",
            goes_on=lambda: self._clock() - began < LONGEST and size <= PAYLOAD_LIMIT,
        )

        async def attempt(each: Asked) -> Said:
            nonlocal size
            said = await self._attempt(info, run_id, each, each.arguments)
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

    async def _attempt(self, info: activity.Info, run_id: str, asked: Asked, arguments: JsonObject) -> Said:
        """One attempt of a call, with its arguments as they are by now; what its run has sealed are those as asked."""
        executor, policy, began = self._executor, asked.policy, self._clock()
        left = math.inf if asked.left is None else asked.left
        call = CallContext(
            flow=info.workflow_type or "",
            run_id=run_id,
            workflow_id=info.workflow_id or "",
            step=activity_id(asked.step),
            node=asked.node,
            attempt=asked.made.attempts + asked.attempt,
            earlier=asked.made.earlier,
            last_heartbeat=asked.made.heartbeat,
            flows=self._flows,
            deadline=began + min(policy.timeout, left),
            last_deadline=began + left,
            dry=asked.dry,
            unheard=asked.attempt == 1 and asked.made.unheard,
        )
        loop = self._loops.of(executor.definitions.get(asked.node)) if self._loops else None
        watch = asyncio.timeout(max(min(policy.timeout, left), 0))
        try:
            self._belief.check(call, call.workflow_id, asked.arguments, cast("Json", asked.seal))
            async with watch:
                with self._at_work.held(Work(call.flow, call.workflow_id, call.step, call.attempt)):
                    output = await run_on(loop, executor.execute(call, arguments))
            return Said(word="output", output=output)
        except CallStoppedError as stopped:
            made = Made(
                attempts=call.attempt - (not stopped.begun),
                earlier=asked.made.earlier,
                counted=asked.made.counted + asked.attempt - 1,
                heartbeat=asked.made.heartbeat,
                failed=as_detail(asked.before),
                left=None if asked.left is None else left - (self._clock() - began),
                unheard=call.unheard and not stopped.begun,
            )
            return Said(word="stopped", facts=CallStoppedError(stopped.stop, made).as_json())
        except Exception as error:
            late = isinstance(error, TimeoutError) and watch.expired()
            facts = _late(policy, left) if late else executor.failure_facts(error, asked.node)
            facts = in_rollout(call.step, facts, self._waits)
        self._tell(call, facts)
        attempts = (*asked.before, failed_attempt(call.attempt, facts))[-KEPT:]
        pause = policy.retry.pause(asked.attempt) if facts.retry_after is None else facts.retry_after.total_seconds()
        is_last = asked.attempt == policy.retry.attempts or left - (self._clock() - began) <= pause
        if is_last or not facts.retryable:
            return _failed(asked, facts, attempts)
        return Said(word="again", pause=pause, attempts=attempts)


def _goes_on(said: Said) -> bool:
    """Whether the call behind one is begun: it has completed, and the activity is not to end all the same."""
    task = asyncio.current_task()
    return said.word == "output" and not (task is not None and task.cancelling())


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
        attempts=asked.made.attempts + asked.attempt,
        trace=facts.trace,
    )
    return Said(word="failed", facts=cast("JsonObject", error.facts()), attempts=attempts)
