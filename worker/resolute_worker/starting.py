"""Starts a run of a flow on request: with its deployed plan, or with one from a file."""

from __future__ import annotations

import asyncio
import time
from typing import Final, cast

from temporalio.client import Client, ScheduleActionStartWorkflow, WorkflowFailureError
from temporalio.exceptions import ApplicationError

from resolute.execution.inputs import read_any_input
from resolute.plan.errors import InvalidInputError, UnknownFlowError
from resolute.plan.plan import Plan
from resolute.plan.values import Json
from resolute.running.report import Failure
from resolute.temporal.client.client import RunHandle, start_deployed, start_run
from resolute.temporal.history.remembering import memory_of_latest
from resolute.temporal.history.runs import describe_run
from resolute.temporal.schedules.control import has_schedule, trigger_schedule
from resolute.temporal.schedules.spec import schedule_id
from resolute.temporal.trust.seals import PlanKeys
from resolute.temporal.wire.finding import UnknownRunError, find_run
from resolute.temporal.wire.start import NOTHING_EARLIER, Earlier, open_envelope, read_plan
from resolute.writing.flow import Flow

_REFUSALS: Final = {error.__name__: error for error in (InvalidInputError, UnknownFlowError)}
_PATIENCE: Final = 3.0
_GLANCE: Final = 0.1
_ANOTHER: Final = 1.0
"""Seconds for another worker, where the one that was given the run does not have its flow."""


async def start_on_request(
    client: Client, flow: str, *, task_queue: str, input_data: Json = None, person: str = "", dry: bool = False
) -> RunHandle:
    """Starts a run of a flow as it is deployed: by name, or through its schedule, so that it knows its previous run.

    With an input, a flow is started outside its schedule. The worker checks the input against the flow. `person` is who
    starts it; a run that its schedule starts is started by nobody. A `dry` run is started beside the schedule, and
    reads what the schedule's next run would know of earlier ones.

    Raises:
        InvalidInputError: the input does not match the flow's input type.
        UnknownFlowError: the worker has no flow of that name.
        FlowBusyError: a run is in progress, and the schedule does not allow another one.
    """
    if dry:
        remembered = await memory_of_latest(client, flow)
        memory: Json = None if remembered is None else remembered.as_detail()
        run = await start_deployed(
            client, flow, task_queue=task_queue, input_data=input_data, person=person, dry=True, memory=memory
        )
        await _begun(client, run)
        return run
    if input_data is None and await has_schedule(client, flow):
        scheduled = await trigger_schedule(client, flow)
        handle = client.get_workflow_handle(scheduled.workflow_id, run_id=scheduled.run_id)
        return RunHandle(handle, flow)
    run = await start_deployed(client, flow, task_queue=task_queue, input_data=input_data, person=person)
    await _begun(client, run)
    return run


async def start_from_file(
    client: Client,
    flow: Flow,
    *,
    task_queue: str,
    keys: PlanKeys,
    input_data: Json = None,
    person: str = "",
    dry: bool = False,
) -> RunHandle:
    """Starts a run with a file's plan, sealed; outside the flow's schedule, if it has one. A `dry` run writes nothing.

    Raises:
        InvalidInputError: the input does not match the flow's input type.
    """
    value = read_any_input(flow, input_data)
    plan, earlier = flow.plan, NOTHING_EARLIER
    if dry:
        plan = plan.in_mode("dry")
        remembered = await memory_of_latest(client, flow.name)
        earlier = Earlier(memory=None if remembered is None else remembered.as_detail())
    return await start_run(
        client, plan, task_queue=task_queue, input_data=value, keys=keys, person=person, earlier=earlier
    )


async def known_plan(client: Client, flow: str) -> tuple[Plan, str] | None:
    """The plan that is deployed under a name, and where it was found: in its schedule, or else in its latest run."""
    if await has_schedule(client, flow):
        action = (await client.get_schedule_handle(schedule_id(flow)).describe()).schedule.action
        if isinstance(action, ScheduleActionStartWorkflow) and action.args:
            (argument,) = await client.data_converter.decode(list(action.args))
            carried = open_envelope(cast("Json", argument)).plan
            if carried is not None:
                return read_plan(carried), "its schedule"
    try:
        key = await find_run(client, flow)
    except UnknownRunError:
        return None
    found = await describe_run(client, key.workflow_id, key.run_id)
    if found.plan is None:
        return None
    # A dry run has the plan that is deployed, but for that it is dry.
    plan = found.plan.model_copy(update={"mode": "live"}) if found.plan.mode == "dry" else found.plan
    return plan, f"its latest run, {key.workflow_id}"


async def _begun(client: Client, run: RunHandle) -> None:
    """Waits a moment for a worker to take up the run; where none has its flow, the run is cancelled.

    Raises:
        InvalidInputError: the worker refused the input.
        UnknownFlowError: no worker has such a flow.
    """
    deadline = time.monotonic() + _PATIENCE
    unknown: Failure | None = None
    while time.monotonic() < deadline:
        found = await describe_run(client, run.workflow_id, run.run_id)
        if found.plan is not None:
            return
        if found.summary.status == "failed":
            await _refused(run)
            return
        if unknown is None and found.handed_back and found.handed_back.error_type == UnknownFlowError.__name__:
            unknown, deadline = found.handed_back, time.monotonic() + _ANOTHER
        await asyncio.sleep(_GLANCE)  # Temporal reports nothing before a run ends
    if unknown is not None:
        # Whoever starts it by hand is there to be told: a run of a mistyped name does not wait for a rollout.
        await run.handle.cancel()
        raise UnknownFlowError(f"{unknown.message}; started by hand, run {run.workflow_id} is cancelled instead")


async def _refused(run: RunHandle) -> None:
    try:
        await run.handle.result()
    except WorkflowFailureError as error:
        cause = error.cause
        if isinstance(cause, ApplicationError) and cause.type in _REFUSALS:
            raise _REFUSALS[cause.type](cause.message) from None
