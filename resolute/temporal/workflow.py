"""The one workflow: an interpreter of plans. The workflow type of a run is its flow's name.

It runs without the SDK's sandbox. The sandbox guards against an author's code in the workflow, and none is there:
authors' code runs in activities only.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final, cast

from temporalio import workflow
from temporalio.common import RawValue, RetryPolicy
from temporalio.exceptions import ApplicationError, FailureError, is_cancelled_exception

from resolute.plan.errors import FlowError, UnknownFlowError
from resolute.plan.plan import Plan
from resolute.plan.values import Json, JsonObject, size_of
from resolute.running.interpreter import PAYLOAD_LIMIT, Interpreter
from resolute.running.result import remembered
from resolute.temporal.failures import run_failure
from resolute.temporal.runtime import TemporalRuntime
from resolute.temporal.start import RECORD_PLAN, read_plan, read_start

STATUS_QUERY: Final = "status"


@workflow.defn(dynamic=True)
class FlowWorkflow:
    """Runs any flow."""

    def __init__(self) -> None:
        self._interpreter: Interpreter | None = None

    @workflow.run
    async def run(self, args: Sequence[RawValue]) -> Json:
        """Runs the plan that the run carries, or the one that its first step records."""
        try:
            start = read_start(_decoded(args))
            plan = start.plan or await _recorded_plan()
            previous = _previous() if plan.remembers else None
            self._interpreter = Interpreter(plan, TemporalRuntime(), input_data=start.input, previous=previous)
            return await self._interpreter.run()
        except FlowError as error:
            raise run_failure(error) from None

    @workflow.query(name=STATUS_QUERY, description="The run and each of its steps: status, times, outputs, failures.")
    def status(self) -> Json:
        """What `RunReport` holds, as JSON; without outputs where they are too large to be answered."""
        if self._interpreter is None:
            return {"flow": workflow.info().workflow_type, "steps": []}
        report = self._interpreter.state.report()
        told = cast("Json", report.model_dump(mode="json", exclude={"status", "result"}))
        if size_of(told) <= PAYLOAD_LIMIT:
            return told
        brief: Any = {"status": True, "result": True, "steps": {"__all__": {"output"}}}
        return cast("Json", report.model_dump(mode="json", exclude=brief))


def _decoded(args: Sequence[RawValue]) -> Json:
    # A start without any argument is a start without input; other clients do that.
    return workflow.payload_converter().from_payload(args[0].payload) if args else None


async def _recorded_plan() -> Plan:
    flow = workflow.info().workflow_type
    try:
        plan = await workflow.execute_local_activity(
            RECORD_PLAN,
            {"flow": flow},
            activity_id=RECORD_PLAN,
            start_to_close_timeout=timedelta(seconds=10),
            retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=100), maximum_attempts=3),
            summary="record the plan",
        )
    except FailureError as error:
        if is_cancelled_exception(error):
            raise
        raise ApplicationError(
            f"no flow {flow!r} on this worker: start one that has it, or correct the workflow type",
            type=UnknownFlowError.__name__,
            non_retryable=True,
        ) from None
    return read_plan(cast("Json", plan))


def _previous() -> JsonObject | None:
    if not workflow.has_last_completion_result():
        return None
    return remembered(cast("Json", workflow.get_last_completion_result()))
