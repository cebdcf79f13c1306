"""What a run of a flow with a key does that was not started in its key's turn: it hands its start in, and ends.

So no start goes past the line of its key, whoever made it: a person, an agent, Temporal's own UI.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final, cast

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

from resolute.plan.errors import InvalidInputError
from resolute.plan.keyed import Keyed
from resolute.plan.values import Json
from resolute.running.line import Start
from resolute.temporal.wire.start import STARTED_BY
from resolute.temporal.wire.tracing import trace_above

HAND_OVER: Final = "resolute.HandOver"
"""The activity by which a run hands its start in, and its id."""


async def handed_over(keyed: Keyed, given: Json, argument: Json) -> Json:
    """What became of the start of the current run; None where the run has its turn.

    Raises:
        ApplicationError: the input has no key, or the start was refused.
    """
    info = workflow.info()
    try:
        run = keyed.run_id(info.workflow_type, given)
    except InvalidInputError as error:
        raise ApplicationError(str(error), type=type(error).__name__, non_retryable=True) from None
    if run == info.workflow_id:
        return None
    if info.parent is not None:
        raise ApplicationError(
            f"flow {info.workflow_type!r} runs once at a time for each key, so another flow cannot run it as a step: "
            "start it by a trigger, or take one_per=... out",
            type="FlowError",
            non_retryable=True,
        )
    start = Start(
        id=info.first_execution_run_id,
        argument=argument,
        while_running=keyed.while_running,
        by=str(workflow.memo_value(STARTED_BY, "")),
        trace=trace_above(),
    )
    try:
        answer: object = await workflow.execute_activity(
            HAND_OVER,
            {"run": run, "start": start.as_json()},
            activity_id=HAND_OVER,
            start_to_close_timeout=timedelta(seconds=30),
            retry_policy=RetryPolicy(
                initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(minutes=1)
            ),
            summary=f"hand over to {run}",
        )
    except ActivityError as error:
        if is_cancelled_exception(error) or not isinstance(error.cause, ApplicationError):
            raise
        raise ApplicationError(error.cause.message, type=error.cause.type, non_retryable=True) from None
    return cast("Json", answer)
