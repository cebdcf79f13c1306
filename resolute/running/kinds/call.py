"""Runs a call: its arguments are evaluated here, its node runs wherever the runtime runs nodes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import TypeGuard, cast

from resolute.plan.kinds.call import Call
from resolute.plan.limits import PAYLOAD_LIMIT, check_value
from resolute.plan.step import Step
from resolute.plan.values import Json, JsonObject
from resolute.running.ahead import MAKES_AHEAD, MOST, outputs_read, reads_its_time
from resolute.running.dry import DryAnswer
from resolute.running.evaluate import prepare
from resolute.running.frame import Frame
from resolute.running.made import CallStoppedError, made_again, stopped_from
from resolute.running.run import Run
from resolute.running.runtime import CallRequest


async def run_call(call: Call, frame: Frame, run: Run) -> Json:
    """Gives what the node returned; in a dry run what was made up where it was not run.

    A call that a switch stops waits until it is off, and is then made.
    """
    request = _request(call, frame, run)
    answer = await _made(call, request, frame, run)
    if not run.plan.is_dry:
        return answer
    dry = DryAnswer.of(answer)
    if dry.not_done:
        run.state.leave_undone(call, frame, dry.not_done, request.arguments)
    return dry.output


def is_quick(step: Step) -> TypeGuard[Call]:
    """Whether a step is a call of the local lane that passes no queue, whose rate limit it would have to keep."""
    return isinstance(step, Call) and step.lane == "local" and step.queue is None


def _request(call: Call, frame: Frame, run: Run, later: Sequence[str] = ()) -> CallRequest:
    """What the runtime is asked; what reads an output that comes `later` stays as it is written."""
    step_id = frame.path + call.id
    arguments = cast("JsonObject", prepare(cast("Json", call.arguments), run.state.scope(frame), later))
    size = check_value(f"the input of step {step_id!r} ({call.node})", arguments)
    # A local activity holds up timers and calls of the same run, so it is for when nothing else is in flight.
    return CallRequest(
        step=step_id,
        node=call.node,
        arguments=arguments,
        policy=call.policy,
        lane="local" if frame.alone and is_quick(call) else "activity",
        queue=call.queue,
        dry=run.plan.is_dry,
        lifted=run.lifted,
        size=size,
        name=call.id,
        reads=outputs_read(arguments) if later else (),
    )


async def _made(call: Call, request: CallRequest, frame: Frame, run: Run) -> Json:
    """What the worker answers, as soon as no switch stops the call.

    One that was held and is tried again goes on from what its attempts have left: their requests may still arrive.
    """

    def keep(stopped: CallStoppedError) -> None:
        frame.kept.parts[call.id] = stopped.as_json()
        run.stop_where_cancelled(frame.path)

    if call.id in frame.kept.held:
        request = replace(request, made=made_again(cast("JsonObject", frame.kept.held[call.id]).get("made")))
    if call.id in frame.kept.parts:
        stopped = stopped_from(frame.kept.parts[call.id])
        await run.stopping.passed(request.step, stopped.stop)
        request = replace(request, made=stopped.made)
    if frame.together is not None:
        return await frame.together.call(request, keep)
    behind = list(_behind(call, request, frame, run))
    while True:
        try:
            return await run.runtime.call(request, behind, run.pausing)
        except CallStoppedError as stopped:
            keep(stopped)
            await run.stopping.passed(request.step, stopped.stop)
            request = replace(request, made=stopped.made, lifted=run.lifted)


def _behind(call: Call, first: CallRequest, frame: Frame, run: Run) -> Iterator[CallRequest]:
    """The neighbours that may be made with a call, each as far as it is known before those before it have answered."""
    if first.lane != "local" or run.plan.interpreter < MAKES_AHEAD or run.plan.is_dry or run.runtime.is_ahead:
        return
    before, size = [call.id], first.size
    for step in islice(run.behind(call), MOST - 1):
        if not is_quick(step) or not _is_next(step, frame, run) or reads_its_time(cast("JsonObject", step.arguments)):
            return
        try:
            request = _request(step, frame, run, before)
        except Exception:  # the run meets it where it comes to the step
            return
        size += request.size
        if size > PAYLOAD_LIMIT:
            return
        yield request
        before.append(step.id)


def _is_next(step: Step, frame: Frame, run: Run) -> bool:
    """Whether a step is begun anew when the run comes to it."""
    kept, window = frame.kept, run.window
    known = any(step.id in each for each in (kept.outputs, kept.done, kept.failed, kept.parts, kept.held))
    return not known and frame.path + step.id != window.until and not window.only
