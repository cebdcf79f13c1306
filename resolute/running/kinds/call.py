"""Runs a call: its arguments are evaluated here, its node runs wherever the runtime runs nodes."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from resolute.plan.kinds.call import Call
from resolute.plan.limits import check_value
from resolute.plan.values import Json, JsonObject
from resolute.running.dry import DryAnswer
from resolute.running.evaluate import prepare
from resolute.running.frame import Frame
from resolute.running.made import CallStoppedError, stopped_from
from resolute.running.run import Run
from resolute.running.runtime import CallRequest


async def run_call(call: Call, frame: Frame, run: Run) -> Json:
    """Gives what the node returned; in a dry run what was made up where it was not run.

    A call that a switch stops waits until it is off, and is then made.
    """
    step_id = frame.path + call.id
    arguments = cast("JsonObject", prepare(cast("Json", call.arguments), run.state.scope(frame)))
    size = check_value(f"the input of step {step_id!r} ({call.node})", arguments)
    # A local activity holds up timers and calls of the same run, so it is for when nothing else is in flight; and it
    # passes no queue, whose rate limit it would have to keep.
    lane = call.lane if frame.alone and call.queue is None else "activity"
    request = CallRequest(
        step=step_id,
        node=call.node,
        arguments=arguments,
        policy=call.policy,
        lane=lane,
        queue=call.queue,
        dry=run.plan.is_dry,
        lifted=run.lifted,
        size=size,
    )
    answer = await _made(call, request, frame, run)
    if not run.plan.is_dry:
        return answer
    dry = DryAnswer.of(answer)
    if dry.not_done:
        run.state.leave_undone(call, frame, dry.not_done, arguments)
    return dry.output


async def _made(call: Call, request: CallRequest, frame: Frame, run: Run) -> Json:
    """What the worker answers, as soon as no switch stops the call."""

    def keep(stopped: CallStoppedError) -> None:
        frame.kept.parts[call.id] = stopped.as_json()
        run.stop_where_cancelled(frame)

    if call.id in frame.kept.parts:
        stopped = stopped_from(frame.kept.parts[call.id])
        await run.stopping.passed(request.step, stopped.stop)
        request = replace(request, made=stopped.made)
    if frame.together is not None:
        return await frame.together.call(request, keep)
    while True:
        try:
            return await run.runtime.call(request)
        except CallStoppedError as stopped:
            keep(stopped)
            await run.stopping.passed(request.step, stopped.stop)
            request = replace(request, made=stopped.made, lifted=run.lifted)
