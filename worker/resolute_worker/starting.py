"""Starts a run of a flow for somebody who asks for it."""

from __future__ import annotations

from temporalio.client import Client

from resolute.execution.inputs import read_input, triggers_with_input
from resolute.plan.errors import InvalidInputError
from resolute.plan.values import Json
from resolute.temporal.client import RunHandle, start_run
from resolute.temporal.schedule_control import trigger_schedule
from resolute.temporal.seals import PlanKeys
from resolute.writing.flow import Flow


async def start_on_request(
    client: Client, flow: Flow, *, task_queue: str, keys: PlanKeys, input_data: Json = None
) -> RunHandle:
    """Starts a run now, with an input that was checked.

    A flow with a schedule is started through it, so that it knows its previous run; with an input, a flow that has both
    is started as its manual trigger says.

    Raises:
        InvalidInputError: the input is not what the flow wants.
        UnknownFlowError: the flow's schedule is not deployed.
        FlowBusyError: a run is at work, and the schedule lets none start beside it.
    """
    plan, inputs = flow.plan, triggers_with_input(flow)
    if len(inputs) < len(plan.triggers) and (input_data is None or not inputs or plan.remembers):
        if input_data is not None:
            raise InvalidInputError(f"flow {plan.name!r} is started by its schedule and takes no input: leave it out")
        scheduled = await trigger_schedule(client, plan.name)
        handle = client.get_workflow_handle(scheduled.workflow_id, run_id=scheduled.run_id)
        return RunHandle(handle, plan.name)
    value = read_input(flow, inputs[0], input_data) if inputs else input_data
    return await start_run(client, plan, task_queue=task_queue, input_data=value, keys=keys, started_by="request")
