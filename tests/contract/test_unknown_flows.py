"""While workers are replaced one by one: a run of a flow that only the newer ones have, given to an older one."""

import asyncio
import json
import uuid
from datetime import timedelta
from functools import partial

import pytest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, Worker

from resolute import FlowError, flow, manual
from resolute.execution.executor import NodeExecutor
from resolute.plan.errors import RunCancelledError
from resolute.temporal.activities.activities import Activities
from resolute.temporal.client.client import RunHandle
from resolute.temporal.history.runs import describe_run
from resolute.temporal.values.converting import PLAIN
from resolute.temporal.wire.elsewhere import ELSEWHERE
from resolute.temporal.worker import temporal_worker
from resolute.temporal.workflows import newer
from resolute.temporal.workflows.workflow import FlowWorkflow
from resolute.writing.flow import Flow
from tests.contract.handing import handed_back
from tests.contract.nodes import double
from tests.keys import KEYS
from tests.patience import PATIENCE

EARLIER = flow("earlier").triggered_by(manual("start")).then(double(1).as_("one")).build()
DEPLOYED = flow("deployed").triggered_by(manual("start")).then(double(2).as_("two")).returns("done").build()


def _worker(client: Client, task_queue: str, *flows: Flow) -> Worker:
    activities = Activities(flows, NodeExecutor.for_flows(flows), KEYS)
    return temporal_worker(client, activities, task_queue=task_queue, graceful_shutdown=timedelta(0))


async def _started(client: Client, task_queue: str, name: str = DEPLOYED.name) -> RunHandle:
    """A run whose tasks are given to the next worker after a second, and not after ten."""
    handle = await client.start_workflow(
        name, {}, id=uuid.uuid4().hex, task_queue=task_queue, task_timeout=timedelta(seconds=1)
    )
    return RunHandle(handle, name)


async def test_a_newer_worker_that_has_the_flow_takes_over(temporal_client: Client) -> None:
    """A run that an older worker takes waits for a worker that has its flow, says so meanwhile, and completes there."""
    task_queue = uuid.uuid4().hex
    newer_client = await Client.connect(temporal_client.service_client.config.target_host, data_converter=PLAIN)
    async with _worker(temporal_client, task_queue, EARLIER):
        run = await handed_back(partial(_started, temporal_client, task_queue))
        waiting = await describe_run(temporal_client, run.workflow_id)
        newer_worker = _worker(newer_client, task_queue, EARLIER, DEPLOYED)
        taking = asyncio.create_task(newer_worker.run())
    async with asyncio.timeout(PATIENCE):
        result = await run.result()
    taken = await describe_run(temporal_client, run.workflow_id)
    await newer_worker.shutdown()
    await taking

    assert ("running", None, None) == (waiting.summary.status, waiting.plan, waiting.failure)
    assert waiting.handed_back is not None
    assert "UnknownFlowError" == waiting.handed_back.error_type
    assert waiting.handed_back.message.startswith("no flow 'deployed' on this worker (known: earlier)")
    assert "UTC the run waits for a worker that has it" in waiting.handed_back.message
    assert ("done", None) == (result, taken.handed_back)


async def test_a_flow_that_no_worker_has(temporal_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of a flow that nobody has ends after a while, and says what is wrong and until when it waited."""
    monkeypatch.setattr(newer, "TAKEN_OVER", timedelta(seconds=1))
    task_queue = uuid.uuid4().hex
    async with _worker(temporal_client, task_queue, EARLIER):
        run = await _started(temporal_client, task_queue, "earlyer")
        with pytest.raises(FlowError, match=r"no flow 'earlyer' on this worker \(did you mean 'earlier'\?\).*waited"):
            await run.result()
    described = await describe_run(temporal_client, run.workflow_id)

    assert ("failed", None, None) == (described.summary.status, described.plan, described.report)


async def test_a_run_that_waits_can_be_cancelled(temporal_client: Client) -> None:
    """Nobody has to wait for the end of a run that no worker can take up."""
    task_queue = uuid.uuid4().hex
    async with _worker(temporal_client, task_queue, EARLIER):
        run = await handed_back(partial(_started, temporal_client, task_queue))
        await run.handle.cancel()
        with pytest.raises(RunCancelledError):
            await run.result()

    assert WorkflowExecutionStatus.CANCELED == (await run.handle.describe()).status


async def test_what_was_failed_is_failed_again(temporal_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that was failed in the end replays, and so does one that an earlier release has failed at once."""
    monkeypatch.setattr(newer, "TAKEN_OVER", timedelta())
    task_queue = uuid.uuid4().hex
    async with _worker(temporal_client, task_queue, EARLIER):
        run = await _started(temporal_client, task_queue)
        with pytest.raises(FlowError):
            await run.result()
    history = await run.handle.fetch_history()
    own = await _replay(history)
    monkeypatch.undo()
    at_once = history.to_json_dict()
    (marker,) = [event["markerRecordedEventAttributes"] for event in at_once["events"] if "marker" in json.dumps(event)]
    assert [ELSEWHERE] == await _details(history)
    del marker["failure"]["applicationFailureInfo"]["details"]

    assert own is None
    assert await _replay(WorkflowHistory.from_json(history.workflow_id, at_once)) is None
    assert isinstance(await _replay(history), BaseException)  # within its time such a run is not failed


async def _replay(history: WorkflowHistory) -> Exception | None:
    replayer = Replayer(workflows=[FlowWorkflow], workflow_runner=UnsandboxedWorkflowRunner(), data_converter=PLAIN)
    return (await replayer.replay_workflow(history, raise_on_replay_failure=False)).replay_failure


async def _details(history: WorkflowHistory) -> list[object]:
    (failure,) = [
        event.marker_recorded_event_attributes.failure
        for event in history.events
        if event.HasField("marker_recorded_event_attributes")
    ]
    return await PLAIN.decode(list(failure.application_failure_info.details.payloads))
