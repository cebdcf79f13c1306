"""Runs another flow, and answers for what it has done."""

from __future__ import annotations

import asyncio
from typing import cast

from resolute.plan.errors import NodeFailedError
from resolute.plan.kinds.child import Child
from resolute.plan.limits import check_value
from resolute.plan.values import Json
from resolute.running.evaluate import evaluate
from resolute.running.frame import Frame
from resolute.running.result import result_of, undo_of
from resolute.running.run import Run
from resolute.running.runtime import ChildFailedError, ChildRequest


async def run_child(child: Child, frame: Frame, run: Run) -> Json:
    """Gives the result of the other run. What that has done is undone, where this run fails later.

    Raises:
        NodeFailedError: the other run failed; it tells at which of its steps, and why.
        asyncio.CancelledError: it was cancelled with this one.
    """
    step_id = frame.path + child.id
    given = evaluate(cast("Json", child.input), run.state.scope(frame))
    check_value(f"the input of flow {child.plan.name!r} (step {step_id!r})", given)
    run.state.start(child, frame, run.runtime.child_id(step_id))
    plan = child.plan.in_mode(run.plan.mode)
    request = ChildRequest(step=step_id, plan=plan, input=given, parent_close=child.parent_close)
    try:
        recorded = await run.runtime.child(request)
    except ChildFailedError as error:
        run.state.compensation_failures += [
            failure.model_copy(update={"step": f"{step_id}.{failure.step}"}) for failure in error.failed_as_well
        ]
        if error.given_up:
            raise asyncio.CancelledError from None
        raise _failed(child, step_id, error) from None
    run.saga.restore(undo_of(recorded), run.state.top, f"{step_id}.")
    return result_of(recorded)


def _failed(child: Child, step_id: str, error: ChildFailedError) -> NodeFailedError:
    failure = error.failure
    at = f", step {failure.step!r}" if failure.step else ""
    return NodeFailedError(
        step=step_id,
        node=failure.node,
        error_type=failure.error_type,
        reason=f"in flow {child.plan.name!r}{at}: {failure.message}",
        trace=error.trace,
    )
