"""The only activity: it runs the node that its activity type names."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from time import monotonic
from typing import Final, Literal, cast

from temporalio import activity
from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

from resolute.execution.executor import FailureFacts, NodeExecutor
from resolute.execution.inputs import read_any_input, triggers_with_input
from resolute.plan.context import CallContext
from resolute.plan.errors import (
    InvalidInputError,
    PayloadTooLargeError,
    ResoluteError,
    UnknownFlowError,
    UnknownNodeError,
)
from resolute.plan.limits import PAYLOAD_LIMIT, recorded_size
from resolute.plan.plan import Mode, with_inner
from resolute.plan.shapes import did_you_mean
from resolute.plan.values import Json, JsonObject
from resolute.running.made import STOPPED, CallStoppedError, Made, left_behind
from resolute.running.shared.asking import SHARE
from resolute.running.switches import stop_from
from resolute.temporal.activities.at_work import AtWork, Work
from resolute.temporal.activities.beat_activities import listened, overdue_ended, start_overdue
from resolute.temporal.activities.line_activities import await_run, hand_over
from resolute.temporal.activities.local import LocalAttempts, failed_attempt, in_time, is_last
from resolute.temporal.activities.loops import NodeLoops, run_on
from resolute.temporal.activities.rollout import in_rollout
from resolute.temporal.activities.several import Several
from resolute.temporal.client.sharing import Post
from resolute.temporal.trust.belief import Belief
from resolute.temporal.trust.seals import NO_KEYS, PlanKeys
from resolute.temporal.wire.about import About, made_until, tell_stopped
from resolute.temporal.wire.activity import ASK_SWITCHES, GRACE
from resolute.temporal.wire.attempts import KEPT, Attempts, as_detail, split
from resolute.temporal.wire.elsewhere import elsewhere
from resolute.temporal.wire.failures import traced
from resolute.temporal.wire.heartbeats import Heart
from resolute.temporal.wire.ids import activity_id
from resolute.temporal.wire.left import left_detail
from resolute.temporal.wire.start import RECORD_PLAN, recorded_plan
from resolute.temporal.wire.together import TOGETHER
from resolute.temporal.wire.tracing import Tracer
from resolute.temporal.workflows.beats import ENDED, HEARTBEAT, LISTENED, START_OVERDUE
from resolute.temporal.workflows.handing_over import HAND_OVER
from resolute.temporal.workflows.keeper import AWAIT_RUN
from resolute.temporal.workflows.meters import Meters
from resolute.temporal.workflows.reached import Reached
from resolute.writing.flow import Flow

log = logging.getLogger(__name__)

_AT_ONCE: Final = timedelta(milliseconds=1)


class Activities:
    """The nodes and flows of one worker, and the keys with which it verifies what it runs (see `seals`).

    `reached` collects the budgets and buffers that had to refuse something. `replace` swaps nodes and flows while the
    worker keeps running. Nodes run on `loops`; without them, on the loop that polls.
    """

    def __init__(
        self,
        flows: Sequence[Flow],
        executor: NodeExecutor,
        keys: PlanKeys = NO_KEYS,
        *,
        at_work: AtWork | None = None,
        loops: NodeLoops | None = None,
        meters: Meters | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        self.keys = keys
        self.tracer = tracer
        self.meters = meters or Meters()
        self._local = LocalAttempts()
        self.reached = Reached()
        self._post = Post(keys, self.reached, self.meters)
        self.at_work = at_work or AtWork()
        self._loops = loops
        self._flows: dict[str, Flow] = {}
        self._executor = executor
        self.replace(flows, executor)

    def replace(self, flows: Sequence[Flow], executor: NodeExecutor) -> None:
        """Uses other flows and nodes from now on; runs in flight keep their plans."""
        # A flow that is run by another one alone is known as well: without keys its runs come without a plan.
        self._flows = {inner.name: inner for flow in flows for inner in flow.children} | {f.name: f for f in flows}
        self._executor = executor
        self._belief = Belief(self.keys, [plan for flow in flows for plan in with_inner(flow.plan)])

    @activity.defn(dynamic=True)
    async def run(self, args: Sequence[RawValue]) -> Json:
        """Runs the node that the activity type names."""
        info = activity.info()
        work = Work(info.workflow_type or "", info.workflow_id or "", info.activity_id, info.attempt)
        with self.at_work.held(work):
            return await self._run(info, args)

    async def _run(self, info: activity.Info, args: Sequence[RawValue]) -> Json:
        arguments, seal, first, about = _given(args)
        if info.activity_type == RECORD_PLAN:
            return self._plan(arguments, info)
        if info.activity_type == AWAIT_RUN:
            return await await_run(arguments)
        if info.activity_type == ASK_SWITCHES and info.is_local:
            now = self._executor.still(
                stop_from(arguments["stop"]), [str(each) for each in cast("list[Json]", arguments["flows"])]
            )
            return None if now is None else now.as_json()
        if info.activity_type == HAND_OVER:
            return await hand_over(arguments, self.keys)
        if info.workflow_type == HEARTBEAT:
            return await self._beat(info, arguments)
        executor = self._executor
        if info.activity_type == TOGETHER and info.is_local:
            return await Several(executor, self._belief, self.at_work, self._loops, _tell).run(info, arguments)
        loop = self._loops.of(executor.definitions.get(info.activity_type)) if self._loops else None
        heart = None if info.is_local else Heart(info, loop.ident if loop else None, about.made)
        call = call_context(info, heart, first, about)
        try:
            self._belief.check(call, info.workflow_id or "", arguments, seal)
            if info.activity_type == SHARE and heart is not None:
                with heart.beating():
                    return [await self._post.ask(activity.client(), info.task_queue, call.run_id, call.step, arguments)]
            if heart is None:
                output = await in_time(info, lambda: run_on(loop, executor.execute(call, arguments)))
                self._local.forget(info.workflow_run_id or "", info.activity_id)
                return output
            with heart.beating():
                return await run_on(loop, executor.execute(call, arguments))
        except CallStoppedError as stopped:
            tell_stopped(call, stopped.stop)
            made = made_until(info, call, about.made, heart, begun=stopped.begun)
            return {STOPPED: CallStoppedError(stopped.stop, made).as_json()}
        except Exception as error:
            facts = executor.failure_facts(error, call.node)
            if heart is None:
                facts = in_rollout(call.step, facts, about.waits)
            if heart is None and facts.retryable and is_last(info, facts.retry_after):
                facts = replace(facts, retryable=False)
            attempts = self._attempts(info, facts, heart, about.made)
            _tell(call, facts)
            said = heart.said if heart else about.made.heartbeat
            left = left_behind(call.attempt, said, unheard=_passes_doubt_by(call, facts))
            # From None: a chained error would be recorded unmasked.
            raise traced(_failure(facts, call, attempts, left), facts.trace, activity.payload_converter()) from None

    async def _beat(self, info: activity.Info, arguments: JsonObject) -> Json:
        """What a heartbeat asks of its worker."""
        if info.activity_type == LISTENED:
            return await listened(arguments, self.keys)
        flow = self._flows.get(str(arguments["flow"]))
        if info.activity_type == START_OVERDUE:
            return await start_overdue(arguments, flow, self.keys)
        if info.activity_type == ENDED:
            return await overdue_ended(arguments, flow)
        message = f"a heartbeat does not ask for {info.activity_type!r}"
        raise ApplicationError(message, type="UnknownNodeError", non_retryable=True)

    def _attempts(self, info: activity.Info, facts: FailureFacts, heart: Heart | None, made: Made) -> Attempts:
        """Every failed attempt of the step so far, for the next one to know."""
        run_id, step = info.workflow_run_id or "", info.activity_id
        this = failed_attempt(made.attempts + info.attempt, facts)
        if heart is None:
            before = self._local.before(run_id, step, info.attempt) or split([made.failed])[1]
            attempts = (*before, this)[-KEPT:]
            self._local.keep(run_id, step, attempts)
        else:
            attempts = (*heart.before, this)[-KEPT:]
            if not (heart.unheard and isinstance(facts.error, UnknownNodeError)):
                heart.remember(attempts)
        return attempts

    def _plan(self, arguments: JsonObject, info: activity.Info) -> Json:
        name = str(arguments.get("flow"))
        # Only a run of that flow records it, and only on its own worker: others would only be after the seal.
        is_own = name == info.workflow_type and info.is_local
        flow = self._flows.get(name) if is_own else None
        try:
            if flow is None:
                known = did_you_mean(name, list(self._flows))
                raise UnknownFlowError(
                    f"no flow {name!r} on this worker ({known}): start one that has it, or correct the name"
                )
            read = _read(flow, arguments["input"]) if "input" in arguments else None
            mode: Mode = "dry" if arguments.get("dry") else "live"
            record = recorded_plan(flow.plan.in_mode(mode), info.workflow_id or "", self.keys, read=read)
            if (size := recorded_size(record)) > PAYLOAD_LIMIT:
                raise PayloadTooLargeError(what=f"plan and input of flow {name!r}", size=size, limit=PAYLOAD_LIMIT)
        except ResoluteError as error:
            if is_own and flow is None:
                raise elsewhere(str(error), type(error).__name__) from None
            raise ApplicationError(str(error), type=type(error).__name__, non_retryable=True) from None
        return record


def _read(flow: Flow, given: Json) -> Mapping[Literal["input"], Json] | None:
    """The input as the flow reads it; None if that is unchanged.

    Raises:
        InvalidInputError: the flow does not accept it.
    """
    inputs = triggers_with_input(flow)
    hands_on = flow.plan.remembers and not flow.plan.shares_memory
    if given is not None and len(inputs) < len(flow.plan.triggers) and (hands_on or not inputs):
        raise InvalidInputError(f"flow {flow.name!r} is started by its schedule and takes no input: leave it out")
    read = read_any_input(flow, given)
    return None if read == given else {"input": read}


def _given(args: Sequence[RawValue]) -> tuple[JsonObject, Json, str | None, About]:
    """A node's arguments, and what stands beside them.

    That is the seal of the call, the run's id where this may be a later history of it, and what `About` holds.
    """
    given = [_value_in(each.payload) for each in args[:5]]
    arguments, seal, first, dry, about = (*given, *[None] * (5 - len(given)))
    return (
        cast("JsonObject", arguments or {}),
        seal,
        first if isinstance(first, str) else None,
        # Whatever stands there that is not a plain no: nothing is written by mistake.
        About.of(about, dry=dry not in (None, False)),
    )


def _value_in(payload: Payload) -> Json:
    """The value of a payload. What runs send is plain JSON, which the SDK's converters find by a longer way."""
    if payload.metadata["encoding"] == b"json/plain":
        return cast("Json", json.loads(payload.data))
    return cast("Json", activity.payload_converter().from_payload(payload))


def _tell(call: CallContext, facts: FailureFacts) -> None:
    """One line in the log for an attempt that has failed."""
    about = {"flow": call.flow, "run": call.workflow_id, "step": call.step, "attempt": call.attempt}
    trace = {"trace": facts.trace} if facts.trace else {}
    log.warning("step %s failed: %s: %s", call.step, facts.error_type, facts.message, extra={**about, **trace})


def _passes_doubt_by(call: CallContext, facts: FailureFacts) -> bool:
    """Whether the attempt before this one stays unheard of: a node that never ran has passed on no doubt about it."""
    return call.unheard and isinstance(facts.error, UnknownNodeError)


def _failure(facts: FailureFacts, call: CallContext, attempts: Attempts, left: JsonObject) -> ApplicationError:
    """What an activity raises for an error of its node, so that Temporal retries it or not."""
    return ApplicationError(
        facts.message,
        {"attempt": call.attempt},
        as_detail(attempts),
        left_detail(left),
        type=facts.error_type,
        non_retryable=not facts.retryable,
        # A delay of zero would count as unset, and the policy's pause would apply.
        next_retry_delay=None if facts.retry_after is None else max(facts.retry_after, _AT_ONCE),
    )


def call_context(info: activity.Info, heart: Heart | None, first: str | None, about: About) -> CallContext:
    """What a node is told of its call. `heart` is that of a call of the activity lane, `first` the run's first id."""
    began, deadline, last_deadline = monotonic(), math.inf, math.inf
    if info.start_to_close_timeout:
        deadline = began + info.start_to_close_timeout.total_seconds()
    if info.schedule_to_close_timeout:
        within = info.schedule_to_close_timeout - (GRACE if info.is_local else timedelta(0))
        # Both as the server has them: this machine's clock may be an hour off.
        last_deadline = began + (info.scheduled_time + within - info.started_time).total_seconds()
    context = CallContext(
        flow=info.workflow_type or "",
        run_id=first or info.workflow_run_id or "",
        workflow_id=info.workflow_id or "",
        step=activity_id(info.activity_id),  # the same in both lanes
        node=info.activity_type,
        attempt=about.made.attempts + info.attempt,
        earlier=about.made.earlier,
        flows=about.flows,
        lifted=about.lifted,
        last_heartbeat=heart.said if heart else about.made.heartbeat,
        deadline=min(deadline, last_deadline),
        last_deadline=last_deadline,
        dry=about.dry,
        clock_offset=info.started_time.timestamp() - began,
        unheard=heart.unheard if heart else info.attempt == 1 and about.made.unheard,
    )
    return replace(context, heartbeat=heart.beat) if heart else context
